/** Bar charts as SVG: costs of errors, and figures over ranges of size. */
import {makeAxis} from './axis.js';
import {COLOURS, GRID, INK, MUTED, round, svgDocument, textAt, textWidth} from './svg.js';

export type Bar = {readonly label: string; readonly value: number; readonly note: string};

export type BarChart = {
  readonly title: string;
  readonly valueLabel: string;
  /** Heads the notes, which stand behind the bars. */
  readonly noteLabel: string;
  /** Groups of bars, each in a colour of its own. Values are 0 or more. */
  readonly groups: readonly (readonly Bar[])[];
};

/** Horizontal bars, one below the other, with value and note. */
export function barChartSvg({title, valueLabel, noteLabel, groups}: BarChart): string {
  const bars = groups.flat();
  const [row, groupGap, top, plotWidth] = [28, 16, 60, 340];
  const axis = makeAxis([0, ...bars.map(({value}) => value)], 'linear', 5);
  const left = 24 + textWidth(bars.map(({label}) => label));
  const plotHeight = bars.length * row + (groups.length - 1) * groupGap;
  const bottom = top + plotHeight;
  const notes = left + plotWidth + 62 + textWidth([noteLabel, ...bars.map(({note}) => note)]);
  const parts: string[] = [
    textAt(left, 24, title, {size: 15, weight: 600}),
    textAt(notes, top - 8, noteLabel, {anchor: 'end', colour: MUTED}),
    ...axis.ticks.flatMap(({value, label}) => {
      const x = round(left + axis.place(value) * plotWidth);
      return [
        `<path d="M${x} ${top}v${plotHeight}" stroke="${GRID}"/>`,
        textAt(x, bottom + 18, label, {anchor: 'middle', colour: MUTED}),
      ];
    }),
  ];
  let y = top;
  groups.forEach((group, index) => {
    for (const {label, value, note} of group) {
      const length = round(axis.place(value) * plotWidth);
      parts.push(
        `<rect x="${left}" y="${y + 5}" width="${length}" height="${row - 10}" fill="${COLOURS[index % COLOURS.length]}"/>`,
        textAt(left - 8, y + row / 2 + 4, label, {anchor: 'end'}),
        textAt(left + length + 6, y + row / 2 + 4, value.toFixed(3)),
        textAt(notes, y + row / 2 + 4, note, {anchor: 'end', colour: MUTED}),
      );
      y += row;
    }
    y += groupGap;
  });
  parts.push(
    `<path d="M${left} ${top}v${plotHeight}" stroke="${MUTED}"/>`,
    textAt(left + plotWidth / 2, bottom + 42, valueLabel, {anchor: 'middle'}),
  );
  return svgDocument(Math.max(notes + 20, left + textWidth([title], 15)), bottom + 56, parts);
}

export type RangeColumns = {
  readonly title: string;
  readonly rangeLabel: string;
  readonly ranges: readonly string[]; // [N]
  /** What stands below each range, such as how many objects it has. */
  readonly notes: readonly {readonly label: string; readonly values: readonly string[]}[];
  /** Fractions 0..1 by range; null where there is none. */
  readonly series: readonly {readonly label: string; readonly values: readonly (number | null)[]}[];
};

/** Groups of columns over consecutive ranges, one column a series; the axis runs from 0 to 1. */
export function rangeColumnsSvg({title, rangeLabel, ranges, notes, series}: RangeColumns): string {
  const [top, height, group] = [70, 280, 88];
  const left =
    24 +
    Math.max(
      textWidth(['0.0']) + 14,
      textWidth(
        notes.map(({label}) => label),
        11,
      ) + 2,
    );
  const width = ranges.length * group;
  const bottom = top + height;
  const column = (group - 16) / Math.max(1, series.length);
  const colourOf = (index: number) => COLOURS[[0, 5, 1, 2][index % 4]!]!;
  let legendX = left;
  const parts: string[] = [
    textAt(left, 24, title, {size: 15, weight: 600}),
    ...series.flatMap(({label}, index) => {
      const x = legendX;
      legendX += 18 + textWidth([label]) + 22;
      return [
        `<rect x="${x}" y="38" width="12" height="12" fill="${colourOf(index)}"/>`,
        textAt(x + 18, 48, label),
      ];
    }),
    ...[0, 0.2, 0.4, 0.6, 0.8, 1].flatMap(value => {
      const y = round(bottom - value * height);
      return [
        `<path d="M${left} ${y}h${width}" stroke="${GRID}"/>`,
        textAt(left - 8, y + 4, value === 0 ? '0' : value.toFixed(1), {anchor: 'end', colour: MUTED}),
      ];
    }),
  ];
  ranges.forEach((range, n) => {
    const middle = left + (n + 0.5) * group;
    parts.push(textAt(middle, bottom + 18, range, {anchor: 'middle'}));
    notes.forEach(({values}, line) => {
      parts.push(
        textAt(middle, bottom + 58 + 16 * line, values[n]!, {anchor: 'middle', size: 11, colour: MUTED}),
      );
    });
    series.forEach(({values}, index) => {
      const value = values[n];
      if (value === null || value === undefined) return;
      const x = round(left + n * group + 8 + index * column);
      const y = round(bottom - value * height);
      parts.push(
        `<rect x="${x}" y="${y}" width="${round(column - 1.5)}" height="${round(bottom - y)}" fill="${colourOf(index)}"/>`,
      );
      if (index > 0) return;
      parts.push(textAt(x + column / 2, y - 4, value.toFixed(2), {anchor: 'middle', size: 9.5, colour: INK}));
    });
  });
  parts.push(
    `<path d="M${left} ${bottom}h${width}" stroke="${MUTED}"/>`,
    textAt(left + width / 2, bottom + 37, rangeLabel, {anchor: 'middle'}),
    ...notes.map(({label}, line) =>
      textAt(left - 2, bottom + 58 + 16 * line, label, {anchor: 'end', size: 11, colour: MUTED}),
    ),
  );
  return svgDocument(Math.max(left + width + 20, legendX), bottom + 58 + 16 * notes.length, parts);
}
