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

/**
 * With three values of maxDets, AR1, AR10 and AR100 stand for the first, second and third, whatever they are, as in the
 * reference. It has no stats for any other number of values: here AR1, AR10 and AR100 are then -1 unless maxDets
 * has 1, 10 and 100, and everything else is at the largest value. averageRecalls has AR at each value.
 */
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

/** AR over all areas and categories at each value of maxDets. [M] */
export function averageRecalls(
  curves: PrecisionRecall,
  {areaRanges, maxDetections}: CocoParameters,
): readonly number[] {
  const area = positionOf(areaRanges, 'all');
  return maxDetections.map((_, max) => meanRecall(curves, {area, max}));
}

/** AP over all areas and categories at the largest maxDets, which is not where `AP` of the stats looks. */
export function averagePrecision(
  curves: PrecisionRecall,
  {areaRanges, maxDetections}: CocoParameters,
): number {
  return meanPrecision(curves, {area: positionOf(areaRanges, 'all'), max: maxDetections.length - 1});
}

/**
 * The stats over all categories, as the reference reports them: AP looks for 100 in maxDets and is -1 without it,
 * the others use the largest; a threshold or an area range that was not evaluated gives -1.
 */
export function overallStats(curves: PrecisionRecall, parameters: CocoParameters): CocoStats {
  const {maxDetections} = parameters;
  const ofReference = maxDetections.length === 3;
  return stats(curves, parameters, ofReference ? maxDetections.indexOf(100) : maxDetections.length - 1);
}

/** The stats of one category, AP too at the largest maxDets. */
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
  category?: number,
): CocoStats {
  const largest = maxDetections.length - 1;
  const where = category === undefined ? {} : {category};
  const precisionOf = (slice: Slice) =>
    slice.iou === -1 || slice.area === -1 || slice.max === -1
      ? -1
      : meanPrecision(curves, {...where, ...slice});
  const recallOf = (slice: Slice) =>
    slice.area === -1 || slice.max === -1 ? -1 : meanRecall(curves, {...where, ...slice});
  const [all, small, medium, large] = ['all', 'small', 'medium', 'large'].map(label =>
    positionOf(areaRanges, label),
  ) as [number, number, number, number];
  const [few, some, many] =
    maxDetections.length === 3
      ? [0, 1, 2]
      : ([1, 10, 100].map(max => maxDetections.indexOf(max)) as [number, number, number]);
  return {
    AP: precisionOf({area: all, max: maxOfAp}),
    AP50: precisionOf({iou: iouThresholds.indexOf(0.5), area: all, max: largest}),
    AP75: precisionOf({iou: iouThresholds.indexOf(0.75), area: all, max: largest}),
    APs: precisionOf({area: small, max: largest}),
    APm: precisionOf({area: medium, max: largest}),
    APl: precisionOf({area: large, max: largest}),
    AR1: recallOf({area: all, max: few}),
    AR10: recallOf({area: all, max: some}),
    AR100: recallOf({area: all, max: many}),
    ARs: recallOf({area: small, max: largest}),
    ARm: recallOf({area: medium, max: largest}),
    ARl: recallOf({area: large, max: largest}),
  };
}

/** -1 where no range has this name. */
function positionOf(areaRanges: CocoParameters['areaRanges'], label: string): number {
  return areaRanges.findIndex(range => range.label === label);
}
