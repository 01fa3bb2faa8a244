/** Precision over recall as SVG: several curves in one square plot, or a small plot for each of many categories. */
import {
  COLOURS,
  fitText,
  GRID,
  INK,
  MUTED,
  mixColours,
  round,
  svgDocument,
  textAt,
  textWidth,
} from './svg.js';

export type RecallCurve = {
  readonly label: string;
  readonly AP: number;
  /** At recall points that are evenly spaced from 0 to 1. */
  readonly precision: Float64Array;
  /** Drawn over the others, in a colour of its own. */
  readonly emphasis?: boolean;
};

type Plot = {readonly left: number; readonly top: number; readonly width: number; readonly height: number};

const [SERIES, EMPHASIS] = COLOURS;
/** Of the last of a row of curves; the first is in the full colour. */
const PALE = '#bcd9ea';

/** All curves in one plot, from dark to pale in their order, with a legend that says AP. */
export function precisionRecallSvg(title: string, curves: readonly RecallCurve[]): string {
  const plot = {left: 58, top: 44, width: 400, height: 400};
  const right = plot.left + plot.width;
  const labels = textWidth(['AP', ...curves.map(({label}) => label)]);
  const width = right + 24 + 26 + labels + 26 + textWidth(['0.000']) + 20;
  const series = curves.filter(({emphasis}) => !emphasis);
  const styleOf = (curve: RecallCurve): LineStyle =>
    curve.emphasis
      ? {colour: EMPHASIS, width: 2.6}
      : {
          colour: mixColours(SERIES, PALE, series.indexOf(curve) / Math.max(1, series.length - 1)),
          width: 1.5,
        };
  const behindFirst = [...curves].sort((a, b) => Number(a.emphasis ?? false) - Number(b.emphasis ?? false));
  const figures = right + 24 + 26 + labels + 26 + textWidth(['0.000']);
  return svgDocument(width, plot.top + plot.height + 56, [
    textAt(plot.left, 24, title, {size: 15, weight: 600}),
    ...squareAxes(plot),
    ...behindFirst.map(curve => curveLine(plot, curve, styleOf(curve))),
    ...(curves.length > 0 ? [textAt(figures, plot.top + 4, 'AP', {anchor: 'end', colour: MUTED})] : []),
    ...curves.flatMap((curve, index) => {
      const y = plot.top + 24 + index * 20;
      const {colour, width: thickness} = styleOf(curve);
      const weight = curve.emphasis ? 600 : 400;
      return [
        `<path d="M${right + 24} ${y}h18" stroke="${colour}" stroke-width="${thickness + 0.6}"/>`,
        textAt(right + 50, y + 4, curve.label, {weight}),
        textAt(figures, y + 4, curve.AP.toFixed(3), {anchor: 'end', weight}),
      ];
    }),
  ]);
}

function squareAxes(plot: Plot): readonly string[] {
  const {left, top, width, height} = plot;
  const bottom = top + height;
  const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1].flatMap(value => {
    const x = round(left + value * width);
    const y = round(bottom - value * height);
    const label = value === 0 ? '0' : value.toFixed(1);
    return [
      `<path d="M${left} ${y}h${width}M${x} ${top}v${height}" stroke="${GRID}"/>`,
      textAt(left - 8, y + 4, label, {anchor: 'end', colour: MUTED}),
      textAt(x, bottom + 18, label, {anchor: 'middle', colour: MUTED}),
    ];
  });
  return [
    ...ticks,
    `<path d="M${left} ${top}v${height}h${width}" fill="none" stroke="${MUTED}"/>`,
    textAt(left + width / 2, bottom + 42, 'recall', {anchor: 'middle'}),
    textAt(18, top + height / 2, 'precision', {anchor: 'middle', turned: true}),
  ];
}

type LineStyle = {readonly colour: string; readonly width: number};

function curveLine(plot: Plot, {precision}: RecallCurve, {colour, width}: LineStyle): string {
  return `<path d="M${points(plot, precision)}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-linejoin="round"/>`;
}

function points({left, top, width, height}: Plot, precision: Float64Array): string {
  const last = Math.max(1, precision.length - 1);
  return Array.from(
    precision,
    (value, point) => `${round(left + (point / last) * width)} ${round(top + (1 - value) * height)}`,
  ).join('L');
}

const PANEL = {width: 104, height: 76, gapX: 18, gapY: 34} as const;
const COLUMNS = 8;
/** More categories than this are shown by examples, evenly spread from the best to the worst. */
export const MAX_PANELS = 120;

/** A small plot for each curve, from the highest AP to the lowest, read by rows. */
export function recallPanelsSvg(title: string, curves: readonly RecallCurve[]): string {
  const ranked = [...curves].sort((a, b) => b.AP - a.AP);
  const shown =
    ranked.length <= MAX_PANELS
      ? ranked
      : Array.from(
          {length: MAX_PANELS},
          (_, i) => ranked[Math.round((i * (ranked.length - 1)) / (MAX_PANELS - 1))]!,
        );
  const columns = Math.max(1, Math.min(COLUMNS, shown.length));
  const rows = Math.ceil(shown.length / columns);
  const [left, top] = [58, 66];
  const width = Math.max(
    left + columns * (PANEL.width + PANEL.gapX) + 10,
    left + textWidth([title], 15) + 10,
  );
  const note =
    ranked.length === shown.length
      ? 'by falling AP; figures are AP, axes run from 0 to 1'
      : `${shown.length} of ${ranked.length} categories, evenly spread over the ranks of AP; axes run from 0 to 1`;
  return svgDocument(width, top + rows * (PANEL.height + PANEL.gapY) + 26, [
    textAt(left, 24, title, {size: 15, weight: 600}),
    textAt(left, 42, note, {colour: MUTED}),
    ...shown.flatMap((curve, index) => {
      const column = index % columns;
      const row = Math.floor(index / columns);
      const plot = {
        left: left + column * (PANEL.width + PANEL.gapX),
        top: top + 16 + row * (PANEL.height + PANEL.gapY),
        width: PANEL.width,
        height: PANEL.height,
      };
      const isLowest = index + columns >= shown.length;
      return panel(plot, curve, column === 0, isLowest);
    }),
    textAt(
      left + (columns * (PANEL.width + PANEL.gapX)) / 2,
      top + rows * (PANEL.height + PANEL.gapY) + 16,
      'recall',
      {
        anchor: 'middle',
      },
    ),
    textAt(18, top + (rows * (PANEL.height + PANEL.gapY)) / 2, 'precision', {anchor: 'middle', turned: true}),
  ]);
}

function panel(plot: Plot, curve: RecallCurve, isLeft: boolean, isLowest: boolean): readonly string[] {
  const {left, top, width, height} = plot;
  const bottom = top + height;
  const size = 10.5;
  const name = fitText(curve.label, width - textWidth(['0.00'], size) - 6, size);
  const small = {size: 9, colour: MUTED} as const;
  return [
    `<path d="M${left} ${top}h${width}v${height}h${-width}zM${left} ${top + height / 2}h${width}M${left + width / 2} ${top}v${height}" fill="none" stroke="${GRID}"/>`,
    `<path d="M${points(plot, curve.precision)}L${left + width} ${bottom}L${left} ${bottom}z" fill="${SERIES}" fill-opacity="0.16"/>`,
    curveLine(plot, curve, {colour: SERIES, width: 1.4}),
    `<path d="M${left} ${top}v${height}h${width}" fill="none" stroke="${MUTED}"/>`,
    textAt(left, top - 5, name, {size, colour: INK}),
    textAt(left + width, top - 5, curve.AP.toFixed(2), {size, anchor: 'end', weight: 600}),
    ...(isLeft
      ? [
          textAt(left - 4, top + 4, '1', {...small, anchor: 'end'}),
          textAt(left - 4, bottom + 2, '0', {...small, anchor: 'end'}),
        ]
      : []),
    ...(isLowest
      ? [
          textAt(left, bottom + 11, '0', {...small, anchor: 'middle'}),
          textAt(left + width, bottom + 11, '1', {...small, anchor: 'middle'}),
        ]
      : []),
  ];
}
