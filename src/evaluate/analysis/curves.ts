/**
 * Precision over recall, as AP averages it: at 101 recall points, each with the largest precision there or beyond;
 * objects of every area, largest maxDets.
 */
import type {PrecisionRecall} from '../coco-accumulate.js';
import type {CocoCategory} from '../coco-data.js';
import type {CocoEvaluation} from '../coco-eval.js';

/** R recall points. */
export type Curve = {
  /** 0.50, or 0.50:0.95 for the mean over thresholds. */
  readonly iou: string;
  /** Mean of the precisions. */
  readonly AP: number;
  readonly precision: Float64Array; // [R]
  /** Score at which the point is reached, where precision is above 0; absent for means, which have none. */
  readonly scores?: Float64Array; // [R]
};

export type CategoryCurves = CocoCategory & {
  /** At IoU 0.5, 0.75 and the mean over thresholds, as far as they were evaluated. */
  readonly curves: readonly Curve[];
};

export type CurveSet = {
  /** Means over categories: at every threshold, and over thresholds (last, if there are several). */
  readonly mean: readonly Curve[];
  /** Categories that have objects. */
  readonly categories: readonly CategoryCurves[];
};

export function precisionRecallCurves({curves, parameters, perCategory}: CocoEvaluation): CurveSet {
  const {iouThresholds, areaRanges, maxDetections} = parameters;
  const K = perCategory.length;
  const area = areaRanges.findIndex(({label}) => label === 'all');
  const at = {area, max: maxDetections.length - 1};
  const allThresholds = Array.from(iouThresholds.keys());
  const meanLabel = `${iouText(iouThresholds[0]!)}:${iouText(iouThresholds.at(-1)!)}`;
  const present = perCategory.flatMap((category, k) =>
    category.groundTruths > 0 ? [{k, id: category.id, name: category.name}] : [],
  );
  if (present.length === 0) return {mean: [], categories: []};

  const several = iouThresholds.length > 1;
  const everyone = Array.from({length: K}, (_, k) => k);
  const mean = [
    ...allThresholds.map(t => curveOf(curves, iouText(iouThresholds[t]!), [t], everyone, at)),
    ...(several ? [curveOf(curves, meanLabel, allThresholds, everyone, at)] : []),
  ];
  const shown = allThresholds.filter(t => iouThresholds[t] === 0.5 || iouThresholds[t] === 0.75 || !several);
  const categories = present.map(({k, id, name}) => ({
    id,
    name,
    curves: [
      ...shown.map(t => curveOf(curves, iouText(iouThresholds[t]!), [t], [k], at)),
      ...(several ? [curveOf(curves, meanLabel, allThresholds, [k], at)] : []),
    ],
  }));
  return {mean, categories};
}

/** Two digits where they say it exactly: 0.50, 0.95; numpy's 0.8999999999999999 is 0.90. */
export function iouText(iou: number): string {
  return Math.abs(iou * 100 - Math.round(iou * 100)) < 1e-9 ? iou.toFixed(2) : String(iou);
}

/** Mean over thresholds and categories at every recall point; entries of -1 do not count. */
function curveOf(
  {precision, scores, shape: [, R, K, A, M]}: PrecisionRecall,
  iou: string,
  thresholds: readonly number[],
  categories: readonly number[],
  {area, max}: {readonly area: number; readonly max: number},
): Curve {
  const means = new Float64Array(R);
  let total = 0;
  let count = 0;
  for (let r = 0; r < R; r++) {
    let [sum, present] = [0, 0];
    for (const t of thresholds) {
      for (const k of categories) {
        const value = precision[(((t * R + r) * K + k) * A + area) * M + max]!;
        if (value === -1) continue;
        sum += value;
        present++;
      }
    }
    means[r] = sum / present;
    total += sum;
    count += present;
  }
  const AP = total / count;
  if (thresholds.length > 1 || categories.length > 1) return {iou, AP, precision: means};
  const [t, k] = [thresholds[0]!, categories[0]!];
  return {
    iou,
    AP,
    precision: means,
    scores: Float64Array.from({length: R}, (_, r) => scores[(((t * R + r) * K + k) * A + area) * M + max]!),
  };
}
