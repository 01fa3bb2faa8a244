/** The tables of an analysis as CSV. Figures have all their digits; a cell is empty where there is nothing to average. */
import {type CsvCell, csvText, figureCell} from '../../report/csv.js';
import {RECALL_THRESHOLDS} from '../coco-parameters.js';
import {COCO_STATS, type CocoStats} from '../coco-stats.js';
import type {AreaBin} from './areas.js';
import type {ClassTable, DetectionCounts, OutcomeCounts} from './classes.js';
import type {ConfusionMatrix} from './confusion.js';
import type {Curve, CurveSet} from './curves.js';
import type {ErrorBreakdown, ErrorCosts} from './error-breakdown.js';
import {ERROR_KINDS} from './error-kinds.js';

/** One row a category after one for all of them. */
export function classesCsv(
  {scoreThreshold, all, rows}: ClassTable,
  maxDetections: readonly number[],
): string {
  const from = `from score ${scoreThreshold}`;
  const counts = ['true positives', 'false positives', 'ignored detections'];
  const head = [
    'id',
    'category',
    ...COCO_STATS.map(name => statName(name, maxDetections)),
    'objects',
    'ignored objects',
    'detections',
    ...counts,
    ...counts.map(name => `${name} ${from}`),
    ...['best F1', 'score', 'precision', 'recall'].map((name, i) => (i === 0 ? name : `${name} of best F1`)),
  ];
  const outcomeCells = ({truePositives, falsePositives, ignored}: OutcomeCounts) => [
    truePositives,
    falsePositives,
    ignored,
  ];
  const cells = (row: CocoStats & DetectionCounts): readonly CsvCell[] => [
    ...COCO_STATS.map(name => figureCell(row[name])),
    row.groundTruths,
    row.ignoredGroundTruths,
    row.detections,
    ...outcomeCells(row.counts),
    ...outcomeCells(row.countsAtThreshold),
    ...(row.best === undefined
      ? [row.groundTruths === 0 ? null : 0, null, null, null]
      : [row.best.f1, row.best.score, row.best.precision, row.best.recall]),
  ];
  return csvText([head, [null, 'all', ...cells(all)], ...rows.map(row => [row.id, row.name, ...cells(row)])]);
}

/** AR1, AR10 and AR100 by the values of maxDets that they stand for. */
function statName(name: string, maxDetections: readonly number[]): string {
  const max = ['AR1', 'AR10', 'AR100'].indexOf(name);
  return max >= 0 && maxDetections.length === 3 ? `AR${maxDetections[max]}` : name;
}

/** One row a recall point of every curve; a score where one detection reaches the point. */
export function curvesCsv({mean, categories}: CurveSet): string {
  const rows = (id: number | null, name: string, {iou, precision, scores}: Curve): readonly CsvCell[][] =>
    Array.from(precision, (value, r) => [
      id,
      name,
      iou,
      RECALL_THRESHOLDS[r]!.toFixed(2),
      value,
      scores === undefined || value === 0 ? null : scores[r]!,
    ]);
  return csvText([
    ['id', 'category', 'IoU', 'recall', 'precision', 'score'],
    ...mean.flatMap(curve => rows(null, 'mean', curve)),
    ...categories.flatMap(({id, name, curves}) => curves.flatMap(curve => rows(id, name, curve))),
  ]);
}

/** Objects by row, detections by column, the thresholds in the corner. */
export function confusionCsv({categories, counts, iouThreshold, scoreThreshold}: ConfusionMatrix): string {
  const names = [...categories.map(({name}) => name), 'background'];
  return csvText([
    [`ground truth \\ predicted (IoU >= ${iouThreshold}, score >= ${scoreThreshold})`, ...names],
    ...names.map((name, row) => [name, ...counts.subarray(row * names.length, (row + 1) * names.length)]),
  ]);
}

/** One row a category after one for all of them: counts of errors, then what their repair gains. */
export function errorsCsv(errors: ErrorBreakdown): string {
  const columns = [...ERROR_KINDS, 'false positives', 'false negatives'];
  const cells = (costs: ErrorCosts) => {
    const all = [...ERROR_KINDS.map(kind => costs.errors[kind]), costs.falsePositives, costs.falseNegatives];
    return [figureCell(costs.AP), ...all.map(({count}) => count), ...all.map(({gain}) => gain)];
  };
  return csvText([
    ['id', 'category', 'AP50', ...columns, ...columns.map(name => `dAP50 ${name}`)],
    [null, 'all', ...cells(errors)],
    ...errors.perCategory.map(category => [category.id, category.name, ...cells(category)]),
  ]);
}

export function areasCsv(bins: readonly AreaBin[]): string {
  return csvText([
    ['side from', 'side to', 'objects', 'detections', 'AP', 'AP50', 'AP75', 'AR'],
    ...bins.map(({from, to, groundTruths, detections, ...figures}) => [
      from,
      to === Infinity ? null : to,
      groundTruths,
      detections,
      ...[figures.AP, figures.AP50, figures.AP75, figures.AR].map(figureCell),
    ]),
  ]);
}
