/** The twelve numbers of a COCO evaluation, over all categories and for each. Fractions 0..1; -1: nothing to average. */
import type {PrecisionRecall} from './coco-accumulate.js';
import type {CocoParameters} from './coco-parameters.js';

export const COCO_STATS = [
  'AP',
  'AP50',
  'AP75',
  'APs',
  'APm',
  'APl',
  'AR1',
  'AR10',
  'AR100',
  'ARs',
  'ARm',
  'ARl',
] as const;

export type CocoStatName = (typeof COCO_STATS)[number];

/** AR1, AR10 and AR100 stand for the three values of maxDets, whatever they are. */
export type CocoStats = {readonly [name in CocoStatName]: number};

/** What a mean runs over; absent: all thresholds, all categories. */
export type Slice = {
  /** Position in `iouThresholds`. */
  readonly iou?: number;
  /** Position among the evaluated categories. */
  readonly category?: number;
  /** Position in `areaRanges`. */
  readonly area: number;
  /** Position in `maxDetections`. */
  readonly max: number;
};

/** Mean precision over recall points, and the thresholds and categories of the slice; entries of -1 do not count. */
export function meanPrecision({precision, shape: [T, R, K, A, M]}: PrecisionRecall, slice: Slice): number {
  let sum = 0;
  let count = 0;
  for (let t = slice.iou ?? 0; t < (slice.iou === undefined ? T : slice.iou + 1); t++) {
    for (let r = 0; r < R; r++) {
      for (let k = slice.category ?? 0; k < (slice.category === undefined ? K : slice.category + 1); k++) {
        const value = precision[(((t * R + r) * K + k) * A + slice.area) * M + slice.max]!;
        if (value === -1) continue;
        sum += value;
        count++;
      }
    }
  }
  return count === 0 ? -1 : sum / count;
}

/** Mean recall over the thresholds and categories of the slice; entries of -1 do not count. */
export function meanRecall({recall, shape: [T, , K, A, M]}: PrecisionRecall, slice: Slice): number {
  let sum = 0;
  let count = 0;
  for (let t = slice.iou ?? 0; t < (slice.iou === undefined ? T : slice.iou + 1); t++) {
    for (let k = slice.category ?? 0; k < (slice.category === undefined ? K : slice.category + 1); k++) {
      const value = recall[((t * K + k) * A + slice.area) * M + slice.max]!;
      if (value === -1) continue;
      sum += value;
      count++;
    }
  }
  return count === 0 ? -1 : sum / count;
}

/**
 * The stats over all categories, as the reference reports them: AP looks for 100 in maxDets and is -1 without it,
 * the others use the largest; a threshold or an area range that was not evaluated gives -1.
 */
export function overallStats(curves: PrecisionRecall, parameters: CocoParameters): CocoStats {
  return stats(curves, parameters, parameters.maxDetections.indexOf(100), undefined);
}

/** The stats of one category, all at the largest maxDets. */
export function categoryStats(
  curves: PrecisionRecall,
  parameters: CocoParameters,
  category: number,
): CocoStats {
  return stats(curves, parameters, parameters.maxDetections.length - 1, category);
}

function stats(
  curves: PrecisionRecall,
  {iouThresholds, areaRanges, maxDetections}: CocoParameters,
  maxOfAp: number,
  category: number | undefined,
): CocoStats {
  const largest = maxDetections.length - 1;
  const where = category === undefined ? {} : {category};
  const areaOf = (label: string) => areaRanges.findIndex(range => range.label === label);
  const all = areaOf('all');
  const precisionAt = (threshold: number) => {
    const iou = iouThresholds.indexOf(threshold);
    return iou < 0 ? -1 : meanPrecision(curves, {...where, iou, area: all, max: largest});
  };
  const precisionIn = (label: string) => {
    const area = areaOf(label);
    return area < 0 ? -1 : meanPrecision(curves, {...where, area, max: largest});
  };
  const recallIn = (label: string) => {
    const area = areaOf(label);
    return area < 0 ? -1 : meanRecall(curves, {...where, area, max: largest});
  };
  const recallOf = (max: number) => meanRecall(curves, {...where, area: all, max});
  return {
    AP: maxOfAp < 0 ? -1 : meanPrecision(curves, {...where, area: all, max: maxOfAp}),
    AP50: precisionAt(0.5),
    AP75: precisionAt(0.75),
    APs: precisionIn('small'),
    APm: precisionIn('medium'),
    APl: precisionIn('large'),
    AR1: recallOf(0),
    AR10: recallOf(1),
    AR100: recallOf(2),
    ARs: recallIn('small'),
    ARm: recallIn('medium'),
    ARl: recallIn('large'),
  };
}
