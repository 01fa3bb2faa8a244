/** A matrix of counts as SVG: every cell coloured by its share of its row. */
import {fitText, INK, MUTED, mixColours, round, svgDocument, textAt, textWidth} from './svg.js';

export type HeatMap = {
  readonly title: string;
  readonly rowLabel: string;
  readonly columnLabel: string;
  readonly rows: readonly string[]; // [N]
  readonly columns: readonly string[]; // [M]
  readonly counts: Float64Array; // [N, M]
  /** The last row and column are apart from the others. */
  readonly apart?: boolean;
};

/** White to dark blue. */
const STOPS = ['#ffffff', '#cfe1f2', '#7fb8da', '#2f7cba', '#08306b'] as const;
/** Shares go in by this power, so that rare confusions are seen beside a strong diagonal. */
const GAMMA = 0.4;
const LEVELS = 40;
/** Numbers are written into cells of this many pixels or more. */
const NUMBERED_CELL = 26;
const MAX_LABEL = 150;

/** N rows and M columns; up to some hundred each have their labels, beyond that cells shrink and labels go. */
export function heatMapSvg(map: HeatMap): string {
  const {rows, columns, counts, title} = map;
  const count = Math.max(rows.length, columns.length, 1);
  const cell =
    count <= 12 ? 40 : count <= 24 ? 28 : count <= 60 ? 14 : count <= 100 ? 11 : Math.max(1, 1100 / count);
  const labelSize = Math.min(12, cell - 1.5);
  const labelled = labelSize >= 7;
  const labelWidth = (texts: readonly string[]) =>
    labelled ? Math.min(MAX_LABEL, textWidth(texts, labelSize)) : 0;
  const left = 44 + labelWidth(rows);
  const top = 44;
  const gap = map.apart ? Math.max(2, cell / 4) : 0;
  const gridWidth = columns.length * cell + gap;
  const gridHeight = rows.length * cell + gap;
  const xOf = (column: number) =>
    left + column * cell + (map.apart && column === columns.length - 1 ? gap : 0);
  const yOf = (row: number) => top + row * cell + (map.apart && row === rows.length - 1 ? gap : 0);
  const bottom = top + gridHeight;
  const width = Math.max(left + gridWidth + 112, left + textWidth([title], 15) + 10);
  const height = Math.max(bottom + 12 + labelWidth(columns) + 34, top + 220);

  const shares = rowShares(counts, rows.length, columns.length);
  const short = (text: string) => fitText(text, MAX_LABEL, labelSize);
  return svgDocument(width, height, [
    textAt(left, 24, title, {size: 15, weight: 600}),
    ...colouredCells(shares, rows.length, columns.length, cell, xOf, yOf),
    ...(cell >= NUMBERED_CELL ? numbers(counts, shares, columns.length, cell, xOf, yOf) : []),
    ...frames(rows.length, columns.length, cell, map.apart ?? false, xOf, yOf),
    ...(labelled
      ? [
          ...rows.map((name, row) =>
            textAt(left - 5, yOf(row) + cell / 2 + labelSize * 0.36, short(name), {
              anchor: 'end',
              size: labelSize,
            }),
          ),
          ...columns.map((name, column) =>
            textAt(xOf(column) + cell / 2 + labelSize * 0.36, bottom + 6, short(name), {
              anchor: 'end',
              size: labelSize,
              turned: true,
            }),
          ),
        ]
      : []),
    textAt(16, top + gridHeight / 2, map.rowLabel, {anchor: 'middle', turned: true}),
    textAt(left + gridWidth / 2, bottom + 12 + labelWidth(columns) + 18, map.columnLabel, {anchor: 'middle'}),
    ...colourBar(left + gridWidth + 24, top),
  ]);
}

/** Every count over the sum of its row; 0 in an empty row. */
function rowShares(counts: Float64Array, rows: number, columns: number): Float64Array {
  const shares = new Float64Array(counts.length);
  for (let row = 0; row < rows; row++) {
    const cells = counts.subarray(row * columns, (row + 1) * columns);
    const sum = cells.reduce((total, count) => total + count, 0);
    if (sum > 0)
      shares.set(
        cells.map(count => count / sum),
        row * columns,
      );
  }
  return shares;
}

type Place = (index: number) => number;

/** One path for all cells of a shade: a matrix of 1000 categories stays a file of reasonable size. */
function colouredCells(
  shares: Float64Array,
  rows: number,
  columns: number,
  cell: number,
  xOf: Place,
  yOf: Place,
): readonly string[] {
  const paths = new Map<number, string[]>();
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const share = shares[row * columns + column]!;
      if (share === 0) continue;
      const level = Math.max(1, Math.round(share ** GAMMA * LEVELS));
      const path = paths.get(level) ?? [];
      path.push(`M${round(xOf(column))} ${round(yOf(row))}h${round(cell)}v${round(cell)}h${-round(cell)}z`);
      paths.set(level, path);
    }
  }
  return Array.from(paths, ([level, path]) => `<path d="${path.join('')}" fill="${shade(level / LEVELS)}"/>`);
}

/** The colour of a share to the power of GAMMA. */
function shade(place: number): string {
  const at = place * (STOPS.length - 1);
  const stop = Math.min(STOPS.length - 2, Math.floor(at));
  return mixColours(STOPS[stop]!, STOPS[stop + 1]!, at - stop);
}

function numbers(
  counts: Float64Array,
  shares: Float64Array,
  columns: number,
  cell: number,
  xOf: Place,
  yOf: Place,
): readonly string[] {
  const texts: string[] = [];
  counts.forEach((count, index) => {
    if (count === 0) return;
    const content = count < 10_000 ? String(count) : `${Math.round(count / 1000)}k`;
    const size = Math.min(cell / 3, cell / (content.length * 0.6 + 0.4));
    const [row, column] = [Math.floor(index / columns), index % columns];
    texts.push(
      textAt(xOf(column) + cell / 2, yOf(row) + cell / 2 + size * 0.36, content, {
        anchor: 'middle',
        size: round(size),
        colour: shares[index]! > 0.3 ? '#fff' : INK,
      }),
    );
  });
  return texts;
}

/** Lines around the whole, or around categories, last row, last column and their corner. */
function frames(
  rows: number,
  columns: number,
  cell: number,
  apart: boolean,
  xOf: Place,
  yOf: Place,
): readonly string[] {
  const spans = (count: number): readonly (readonly [number, number])[] =>
    apart && count > 1
      ? [
          [0, count - 1],
          [count - 1, count],
        ]
      : [[0, count]];
  return spans(rows).flatMap(([y0, y1]) =>
    spans(columns).map(
      ([x0, x1]) =>
        `<rect x="${round(xOf(x0))}" y="${round(yOf(y0))}" width="${round((x1 - x0) * cell)}" ` +
        `height="${round((y1 - y0) * cell)}" fill="none" stroke="${MUTED}" stroke-width="0.8"/>`,
    ),
  );
}

const BAR = {width: 14, height: 150} as const;

function colourBar(left: number, top: number): readonly string[] {
  const step = BAR.height / LEVELS;
  const yOf = (share: number) => top + 24 + BAR.height * (1 - share ** GAMMA);
  return [
    textAt(left, top + 8, 'share of row', {size: 11, colour: MUTED}),
    ...Array.from(
      {length: LEVELS},
      (_, level) =>
        `<rect x="${round(left)}" y="${round(top + 24 + BAR.height - (level + 1) * step)}" width="${BAR.width}" height="${round(step + 0.3)}" fill="${shade((level + 1) / LEVELS)}"/>`,
    ),
    `<rect x="${round(left)}" y="${top + 24}" width="${BAR.width}" height="${BAR.height}" fill="none" stroke="${MUTED}" stroke-width="0.8"/>`,
    ...[0, 0.01, 0.05, 0.1, 0.25, 0.5, 1].map(share =>
      textAt(left + BAR.width + 6, yOf(share) + 4, String(share), {size: 11, colour: MUTED}),
    ),
  ];
}
