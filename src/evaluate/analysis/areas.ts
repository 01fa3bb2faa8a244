/**
 * AP over the size of objects, in octaves of the side of a square of their area: 8 to 16 pixels, 16 to 32, ... Each
 * range holds its lower end and not its upper one, so that every object is in one range (COCO's own small, medium and
 * large share their ends). Otherwise they are area ranges as any: matched and averaged as APs, APm and APl are.
 */
import type {CocoGroundTruth, CocoResults} from '../coco-data.js';
import {evaluateCoco} from '../coco-eval.js';
import type {Groups} from '../coco-groups.js';
import {insideRange, isIgnored} from '../coco-matching.js';
import type {AreaRange, CocoParameters} from '../coco-parameters.js';
import {meanPrecision, meanRecall} from '../coco-stats.js';
import {allAreas} from './outcomes.js';

/** Sides in pixels at which one range ends and the next begins. */
export const SIDES: readonly number[] = [8, 16, 32, 64, 128, 256, 512];

/** Figures are -1 without objects, and where the threshold was not evaluated. */
export type AreaBin = {
  /** Side in pixels, from (included) and to (not included; Infinity for the last). */
  readonly from: number;
  readonly to: number;
  /** Objects that count. */
  readonly groundTruths: number;
  /** Detections whose own area is in the range. */
  readonly detections: number;
  readonly AP: number;
  readonly AP50: number;
  readonly AP75: number;
  readonly AR: number;
};

export function areaBins(
  groups: Groups,
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  parameters: CocoParameters,
): readonly AreaBin[] {
  const all = allAreas(parameters);
  const edges = [0, ...SIDES, Infinity];
  const ranges = edges.slice(1).map((to, bin): AreaRange => {
    const from = edges[bin]!;
    return {
      label: `${from}-${to}`,
      min: Math.max(from ** 2, all.min),
      max: to === Infinity ? all.max : Math.min(below(to ** 2), all.max),
    };
  });
  const {curves} = evaluateCoco(groundTruth, results, {
    ...parameters,
    areaRanges: [...ranges, all],
    maxDetections: parameters.maxDetections.slice(-1),
  });
  const precisionAt = (area: number, iou: number) => {
    const t = parameters.iouThresholds.indexOf(iou);
    return t < 0 ? -1 : meanPrecision(curves, {iou: t, area, max: 0});
  };
  return ranges.map((range, area) => ({
    from: edges[area]!,
    to: edges[area + 1]!,
    groundTruths: count(groups, 'groundTruths', row => !isIgnored(groundTruth, row, range)),
    detections: count(groups, 'detections', row => insideRange(results.areas[row]!, range)),
    AP: meanPrecision(curves, {area, max: 0}),
    AP50: precisionAt(area, 0.5),
    AP75: precisionAt(area, 0.75),
    AR: meanRecall(curves, {area, max: 0}),
  }));
}

/** The largest double below a power of two: ranges have both ends. */
function below(power: number): number {
  return power * (1 - Number.EPSILON / 2);
}

function count(
  {categories}: Groups,
  records: 'groundTruths' | 'detections',
  counts: (row: number) => boolean,
): number {
  let sum = 0;
  for (const group of categories) for (const row of group[records]) if (counts(row)) sum++;
  return sum;
}
