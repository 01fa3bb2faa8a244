/** A COCO evaluation for people (a table) and for programs (JSON). */
import {visibleText} from '../errors.js';
import type {CategoryEvaluation, CocoEvaluation} from './coco-eval.js';
import {type CocoParameters, IOU_THRESHOLDS} from './coco-parameters.js';
import {
  averagePrecision,
  averageRecalls,
  type CocoStatName,
  type CocoStats,
  meanRecall,
} from './coco-stats.js';

/** Fraction with three digits; a dash where there is nothing to average. */
function figure(value: number): string {
  return value === -1 ? '-' : value.toFixed(3);
}

/** What was evaluated, in one line: `bbox, maxDets 1,10,100`. */
export function evaluationHeading(parameters: CocoParameters): string {
  const {iouType, maxDetections, useCategories, imageIds, categoryIds} = parameters;
  return [
    iouType,
    `maxDets ${maxDetections.join()}`,
    ...(useCategories ? [] : ['all categories as one']),
    ...(imageIds === null ? [] : [counted(imageIds.length, 'image', 'images')]),
    ...(categoryIds === null ? [] : [counted(categoryIds.length, 'category', 'categories')]),
  ].join(', ');
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** The thresholds that are averaged over: `0.50:0.95` for COCO's ten. */
function iouText(thresholds: readonly number[]): string {
  const usual = thresholds.join() === IOU_THRESHOLDS.join();
  const [first, last] = [thresholds[0]!, thresholds.at(-1)!].map(iou => iou.toFixed(2));
  if (usual) return `${first}:${last}`;
  return thresholds.length <= 4 ? thresholds.map(iou => iou.toFixed(2)).join() : `${first}..${last}`;
}

type Row = readonly [name: string, iou: string, area: string, max: string, value: string];

/** What each number averages over. AP is the one at the largest maxDets, as all others are. */
function rowsOf({stats, curves, parameters}: CocoEvaluation): readonly Row[] {
  const {maxDetections, iouThresholds} = parameters;
  const all = iouText(iouThresholds);
  const largest = String(maxDetections.at(-1));
  const row = (name: CocoStatName, iou: string, area: string): Row => [
    name,
    iou,
    area,
    largest,
    figure(stats[name]),
  ];
  return [
    ['AP', all, 'all', largest, figure(averagePrecision(curves, parameters))],
    row('AP50', '0.50', 'all'),
    row('AP75', '0.75', 'all'),
    row('APs', all, 'small'),
    row('APm', all, 'medium'),
    row('APl', all, 'large'),
    ...averageRecalls(curves, parameters).map((recall, m): Row => {
      const max = String(maxDetections[m]);
      return [`AR${max}`, all, 'all', max, figure(recall)];
    }),
    row('ARs', all, 'small'),
    row('ARm', all, 'medium'),
    row('ARl', all, 'large'),
  ];
}

/** What pycocotools prints for AP where that is not the AP above. */
function referenceNote({stats, parameters: {maxDetections}}: CocoEvaluation): string {
  if (maxDetections.length !== 3) return '  (pycocotools sums up three values of maxDets only)';
  if (maxDetections[2] === 100) return '';
  return `  (pycocotools prints ${stats.AP.toFixed(3)}: its AP is the one at maxDets 100)`;
}

const PRECISIONS = ['AP', 'AP50', 'AP75', 'APs', 'APm', 'APl'] as const satisfies readonly CocoStatName[];

function categoryRow({curves, parameters}: CocoEvaluation, category: CategoryEvaluation, k: number) {
  const {areaRanges, maxDetections} = parameters;
  const area = areaRanges.findIndex(({label}) => label === 'all');
  return [
    visibleText(category.name),
    ...PRECISIONS.map(name => figure(category[name])),
    figure(meanRecall(curves, {category: k, area, max: maxDetections.length - 1})),
    String(category.groundTruths),
    String(category.detections),
  ];
}

/** The numbers, one a line with what it averages over, and a table of categories. Ends with a line break. */
export function formatCocoStats(evaluation: CocoEvaluation): string {
  const {parameters, perCategory} = evaluation;
  const [header, ap, ...others] = columns(
    [['', 'IoU', 'area', 'maxDets', 'value'], ...rowsOf(evaluation)],
    3,
  );
  const categories = columns(
    [
      ['category', ...PRECISIONS, `AR${parameters.maxDetections.at(-1)}`, 'objects', 'detections'],
      ...perCategory.map((category, k) => categoryRow(evaluation, category, k)),
    ],
    1,
  );
  const lines = [
    evaluationHeading(parameters),
    header,
    `${ap}${referenceNote(evaluation)}`,
    ...others,
    '',
    ...categories,
  ];
  return `${lines.join('\n')}\n`;
}

/** Pads columns to their width: the first `left` to the left, numbers to the right. */
function columns(rows: readonly (readonly string[])[], left: number): readonly string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  return rows.map(row =>
    row
      .map((cell, column) => (column < left ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}

/** What an evaluation averaged over, as a program may want to read it back. */
export type EvaluationParameters = Pick<CocoParameters, 'iouType' | 'iouThresholds' | 'maxDetections'> & {
  readonly useCategories: boolean;
  readonly areaRanges: CocoParameters['areaRanges'];
  /** Images and categories that were chosen; null: all. */
  readonly images: number | null;
  readonly categoryIds: readonly number[] | null;
};

export type CocoStatsJson = {
  /** As pycocotools has them: with other maxDets than 1, 10, 100 its AP is the one at 100, or -1. */
  readonly stats: CocoStats;
  /** AP at the largest maxDets, which is stats.AP for the usual ones. */
  readonly apAtLargestMaxDets: number;
  /** AR at each maxDets. */
  readonly averageRecalls: readonly number[];
  readonly perCategory: readonly CategoryEvaluation[];
  readonly parameters: EvaluationParameters;
};

/** What `--json` writes: fractions 0..1, -1 where there is nothing to average. */
export function statsJson({stats, perCategory, curves, parameters}: CocoEvaluation): CocoStatsJson {
  const {imageIds, ...averagedOver} = parameters;
  return {
    stats,
    apAtLargestMaxDets: averagePrecision(curves, parameters),
    averageRecalls: averageRecalls(curves, parameters),
    perCategory,
    parameters: {...averagedOver, images: imageIds?.length ?? null},
  };
}
