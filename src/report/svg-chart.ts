/** Line charts as SVG: loss curves (Fig. 2 and 3) and other series over iterations. */
import {type Axis, makeAxis, type Scale} from './axis.js';
import {escapeXml} from './xml.js';

export type Series = {
  readonly label: string;
  /**
   * In the order of x. A y that is not finite is a gap; the last point before it is marked with a cross, as the paper
   * marks a network that diverged.
   */
  readonly points: readonly (readonly [x: number, y: number])[];
};

export type LineChart = {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  /** A logarithmic axis leaves out values that are not above 0. */
  readonly yScale?: Scale;
  /** Pixels. */
  readonly width?: number;
  readonly height?: number;
};

/** Okabe and Ito's colours, distinct in every kind of colour vision; from the eighth series on lines are dashed. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#8c6d00', '#56b4e9', '#333333'];
const FONT_SIZE = 12;
/** Mean width of a letter, in font sizes: text cannot be measured here. */
const LETTER = 0.56;
const INK = '#222';
const MUTED = '#666';
const GRID = '#e6e6e6';

type Frame = {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly x: Axis;
  readonly y: Axis;
};

/** The chart as a complete SVG document. */
export function lineChartSvg(chart: LineChart): string {
  const {title, series, width = 720, height = 400, yScale = 'linear'} = chart;
  const shown = series.map(({label, points}) => ({
    label,
    points: points.map(([x, y]) => [x, isShown(y, yScale) ? y : Number.NaN] as const),
    finite: points.map(([, y]) => Number.isFinite(y)),
  }));
  const all = shown.flatMap(({points}) => points.filter(([, y]) => !Number.isNaN(y)));
  const y = makeAxis(valuesOf(all, 1), yScale, Math.max(2, Math.round(height / 70)));
  const x = makeAxis(valuesOf(all, 0), 'linear', Math.max(2, Math.round(width / 110)));
  const left = 34 + textWidth(y.ticks.map(({label}) => label));
  const right = 34 + textWidth(series.map(({label}) => label)) + 16;
  const frame = {left, top: 44, width: width - left - right, height: height - 44 - 50, x, y};
  const parts = [
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(left, 24, title, {size: 15, weight: 600}),
    ...axes(frame, chart),
    ...shown.flatMap((line, index) => curve(line, index, frame)),
    ...legend(series, left + frame.width + 18, frame.top + 6),
  ];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="Inter, Helvetica, Arial, DejaVu Sans, sans-serif" font-size="${FONT_SIZE}">\n${parts.join('\n')}\n</svg>\n`
  );
}

function isShown(y: number, scale: Scale): boolean {
  return Number.isFinite(y) && (scale === 'linear' || y > 0);
}

function* valuesOf(points: readonly (readonly [number, number])[], which: 0 | 1): Generator<number> {
  for (const point of points) yield point[which];
}

function textWidth(texts: readonly string[]): number {
  return Math.ceil(Math.max(0, ...texts.map(({length}) => length)) * FONT_SIZE * LETTER);
}

type TextOptions = {
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly size?: number;
  readonly weight?: number;
  readonly colour?: string;
  readonly turned?: boolean;
};

function text(x: number, y: number, content: string, options: TextOptions = {}): string {
  const {anchor = 'start', size = FONT_SIZE, weight = 400, colour = INK, turned = false} = options;
  const turn = turned ? ` transform="rotate(-90 ${x} ${y})"` : '';
  return (
    `<text x="${x}" y="${y}" fill="${colour}" font-size="${size}" font-weight="${weight}" ` +
    `text-anchor="${anchor}"${turn}>${escapeXml(content)}</text>`
  );
}

function axes({left, top, width, height, x, y}: Frame, {xLabel, yLabel}: LineChart): readonly string[] {
  const bottom = top + height;
  const horizontal = y.ticks.flatMap(({value, label}) => {
    const at = round(bottom - y.place(value) * height);
    return [
      `<path d="M${left} ${at}h${width}" stroke="${GRID}"/>`,
      text(left - 8, round(at + 4), label, {anchor: 'end', colour: MUTED}),
    ];
  });
  const vertical = x.ticks.flatMap(({value, label}) => {
    const at = round(left + x.place(value) * width);
    return [
      `<path d="M${at} ${bottom}v4" stroke="${MUTED}"/>`,
      text(at, bottom + 18, label, {anchor: 'middle', colour: MUTED}),
    ];
  });
  return [
    ...horizontal,
    ...vertical,
    `<path d="M${left} ${bottom}h${width}" stroke="${MUTED}"/>`,
    text(left + width / 2, bottom + 40, xLabel, {anchor: 'middle'}),
    text(16, top + height / 2, yLabel, {anchor: 'middle', turned: true}),
  ];
}

type ShownSeries = {
  readonly points: readonly (readonly [x: number, y: number])[];
  /** False where the value itself was not finite, as opposed to not fit for the scale. */
  readonly finite: readonly boolean[];
};

function lineStyle(index: number): string {
  const dash = index < COLOURS.length ? '' : ' stroke-dasharray="5 3"';
  return `stroke="${COLOURS[index % COLOURS.length]}"${dash}`;
}

/** The line of one series, in pieces between gaps, and a cross where a piece ends in a value that is not finite. */
function curve({points, finite}: ShownSeries, index: number, frame: Frame): readonly string[] {
  const place = ([x, y]: readonly [number, number]): Pixel => [
    frame.left + frame.x.place(x) * frame.width,
    frame.top + (1 - frame.y.place(y)) * frame.height,
  ];
  const parts: string[] = [];
  let piece: Pixel[] = [];
  points.forEach((point, i) => {
    const gap = Number.isNaN(point[1]);
    if (!gap) piece.push(place(point));
    if ((!gap && i < points.length - 1) || piece.length === 0) return;
    parts.push(polyline(piece, index));
    if (gap && !finite[i]) parts.push(cross(piece.at(-1)!, index));
    piece = [];
  });
  return parts;
}

type Pixel = readonly [x: number, y: number];

function polyline(piece: readonly Pixel[], index: number): string {
  if (piece.length === 1) {
    const [x, y] = piece[0]!;
    return `<circle cx="${round(x)}" cy="${round(y)}" r="2" fill="${COLOURS[index % COLOURS.length]}"/>`;
  }
  const path = thin(piece)
    .map(([x, y]) => `${round(x)} ${round(y)}`)
    .join('L');
  return `<path d="M${path}" fill="none" ${lineStyle(index)} stroke-width="1.6" stroke-linejoin="round"/>`;
}

/** At most four points a pixel column (first, lowest, highest, last): looks the same, whatever the number of iterations. */
function thin(piece: readonly Pixel[]): readonly Pixel[] {
  const kept: Pixel[] = [];
  for (let from = 0; from < piece.length; ) {
    const column = Math.floor(piece[from]![0]);
    let to = from + 1;
    while (to < piece.length && Math.floor(piece[to]![0]) === column) to++;
    const inColumn = piece.slice(from, to);
    const lowest = inColumn.reduce((a, b) => (b[1] < a[1] ? b : a));
    const highest = inColumn.reduce((a, b) => (b[1] > a[1] ? b : a));
    const ends = new Set([inColumn[0]!, lowest, highest, inColumn.at(-1)!]);
    kept.push(...inColumn.filter(point => ends.has(point)));
    from = to;
  }
  return kept;
}

function cross([x, y]: Pixel, index: number): string {
  const size = 4.5;
  const [left, top] = [round(x - size), round(y - size)];
  const side = 2 * size;
  return (
    `<path d="M${left} ${top}l${side} ${side}m0 ${-side}l${-side} ${side}" fill="none" ` +
    `stroke="${COLOURS[index % COLOURS.length]}" stroke-width="2.2" stroke-linecap="round"/>`
  );
}

function legend(series: readonly Series[], left: number, top: number): readonly string[] {
  return series.flatMap(({label}, index) => {
    const y = top + index * 20;
    return [
      `<path d="M${left} ${y}h18" ${lineStyle(index)} stroke-width="2.4"/>`,
      text(left + 26, y + 4, label),
    ];
  });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
