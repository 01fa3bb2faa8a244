/** A COCO evaluation for people (a table) and for programs (JSON). */
import type {CategoryEvaluation, CocoEvaluation} from './coco-eval.js';
import {COCO_STATS, type CocoStatName, type CocoStats} from './coco-stats.js';

/** Fraction with three digits; a dash where there is nothing to average. */
function figure(value: number): string {
  return value === -1 ? '-' : value.toFixed(3);
}

/** What each of the twelve numbers averages over. */
function rowsOf({
  stats,
  parameters: {maxDetections, iouThresholds},
}: CocoEvaluation): readonly (readonly string[])[] {
  const all =
    iouThresholds.length === 1
      ? iouText(iouThresholds[0]!)
      : `${iouText(iouThresholds[0]!)}:${iouText(iouThresholds.at(-1)!)}`;
  const [few, some, largest] = maxDetections.map(String) as [string, string, string];
  const where: {readonly [name in CocoStatName]: readonly [iou: string, area: string, max: string]} = {
    AP: [all, 'all', '100'],
    AP50: ['0.50', 'all', largest],
    AP75: ['0.75', 'all', largest],
    APs: [all, 'small', largest],
    APm: [all, 'medium', largest],
    APl: [all, 'large', largest],
    AR1: [all, 'all', few],
    AR10: [all, 'all', some],
    AR100: [all, 'all', largest],
    ARs: [all, 'small', largest],
    ARm: [all, 'medium', largest],
    ARl: [all, 'large', largest],
  };
  return COCO_STATS.map(name => [statLabel(name, maxDetections), ...where[name], figure(stats[name])]);
}

/** AR1, AR10 and AR100 are named by the maxDets that were used. */
function statLabel(name: CocoStatName, [few, some, largest]: readonly number[]): string {
  switch (name) {
    case 'AR1':
      return `AR${few}`;
    case 'AR10':
      return `AR${some}`;
    case 'AR100':
      return `AR${largest}`;
    default:
      return name;
  }
}

function iouText(iou: number): string {
  return iou.toFixed(2);
}

const CATEGORY_STATS = [
  'AP',
  'AP50',
  'AP75',
  'APs',
  'APm',
  'APl',
  'AR100',
] as const satisfies readonly CocoStatName[];

function categoryRow(category: CategoryEvaluation): readonly string[] {
  return [
    category.name,
    ...CATEGORY_STATS.map(name => figure(category[name])),
    String(category.groundTruths),
    String(category.detections),
  ];
}

/** The twelve numbers, one a line with what it averages over, and a table of categories. Ends with a line break. */
export function formatCocoStats(evaluation: CocoEvaluation): string {
  const {maxDetections} = evaluation.parameters;
  const overall = columns([['', 'IoU', 'area', 'maxDets', 'value'], ...rowsOf(evaluation)], 3);
  const categories = columns(
    [
      ['category', ...CATEGORY_STATS.map(name => statLabel(name, maxDetections)), 'objects', 'detections'],
      ...evaluation.perCategory.map(categoryRow),
    ],
    1,
  );
  return `${overall}\n${categories}`;
}

/** Pads columns to their width: the first `left` to the left, numbers to the right. */
function columns(rows: readonly (readonly string[])[], left: number): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column < left ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd();
  return rows.map(row => `${line(row)}\n`).join('');
}

export type CocoStatsJson = {
  readonly stats: CocoStats;
  readonly perCategory: readonly CategoryEvaluation[];
};

/** What `--json` writes: fractions 0..1, -1 where there is nothing to average. */
export function statsJson({stats, perCategory}: CocoEvaluation): CocoStatsJson {
  return {stats, perCategory};
}
