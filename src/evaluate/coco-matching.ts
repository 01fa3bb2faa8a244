/**
 * Which detection found which object, in one image, category and area range.
 *
 * The rules are those of pycocotools (cocodataset/cocoapi 8c9bcc3, COCOeval.evaluateImg): detections choose by falling
 * score; a detection takes the untaken object with the largest IoU that reaches the threshold, the last one if
 * several are equal; objects that count are tried first, and only without one of them may it take an ignored one,
 * which makes the detection ignored too. A crowd can be taken any number of times.
 */
import type {CocoGroundTruth, CocoResults} from './coco-data.js';
import type {Overlaps} from './coco-overlaps.js';
import type {AreaRange} from './coco-parameters.js';

/** One image and category: D detections by falling score, G objects in file order. */
export type Pair = {
  readonly detections: Int32Array; // [D] rows of the results
  readonly groundTruths: Int32Array; // [G] rows of the ground truth
  readonly overlaps: Float64Array; // [D, G]
  /** Largest overlap of each detection. */
  readonly best: Float64Array; // [D]
};

export type PairMatches = {
  /** Objects in the order in which they are tried, as columns of the overlaps: those that count first. */
  readonly order: Int32Array; // [G]
  /** How many of `order` count; the others are crowds, marked ignore, or outside the area range. */
  readonly counted: number;
  /** Column of the overlaps that was taken, or -1. */
  readonly matches: Int32Array; // [T, D]
};

export const FALSE_POSITIVE = 0;
export const TRUE_POSITIVE = 1;
export const IGNORED = 2;

/** Whether an area belongs to the range. */
export function insideRange(area: number, range: AreaRange): boolean {
  return !(area < range.min || area > range.max);
}

/** Whether an annotation is neither hit nor miss in this area range. */
export function isIgnored(groundTruth: CocoGroundTruth, row: number, range: AreaRange): boolean {
  return groundTruth.ignore[row] === 1 || !insideRange(groundTruth.areas[row]!, range);
}

export function makePair(detections: Int32Array, groundTruths: Int32Array, overlapsOf: Overlaps): Pair {
  const overlaps = overlapsOf(detections, groundTruths);
  const width = groundTruths.length;
  const best = new Float64Array(detections.length);
  for (let d = 0; d < best.length; d++) {
    for (let g = 0; g < width; g++) best[d] = Math.max(best[d]!, overlaps[d * width + g]!);
  }
  return {detections, groundTruths, overlaps, best};
}

/** Matches the pair at every IoU threshold. */
export function matchPair(
  pair: Pair,
  groundTruth: CocoGroundTruth,
  range: AreaRange,
  iouThresholds: readonly number[],
): PairMatches {
  const {overlaps, best, groundTruths} = pair;
  const height = pair.detections.length;
  const width = groundTruths.length;
  const {order, counted} = evaluationOrder(groundTruths, groundTruth, range);
  const matches = new Int32Array(iouThresholds.length * height).fill(-1);
  const taken = new Uint8Array(width);
  iouThresholds.forEach((threshold, t) => {
    // An IoU that rounding left just below 1 still reaches a threshold of 1.
    const required = Math.min(threshold, 1 - 1e-10);
    taken.fill(0);
    for (let d = 0; d < height; d++) {
      if (best[d]! < required) continue;
      let iou = required;
      let match = -1;
      for (let i = 0; i < width; i++) {
        if (i === counted && match >= 0) break;
        const column = order[i]!;
        if (taken[column] === 1 && groundTruth.crowd[groundTruths[column]!] === 0) continue;
        const overlap = overlaps[d * width + column]!;
        if (overlap < iou) continue;
        iou = overlap;
        match = column;
      }
      if (match < 0) continue;
      taken[match] = 1;
      matches[t * height + d] = match;
    }
  });
  return {order, counted, matches};
}

/** Objects that count first, then the ignored ones; either in file order. */
function evaluationOrder(
  groundTruths: Int32Array,
  groundTruth: CocoGroundTruth,
  range: AreaRange,
): {order: Int32Array; counted: number} {
  const order = new Int32Array(groundTruths.length);
  let counted = 0;
  let ignored = groundTruths.length;
  for (let g = 0; g < groundTruths.length; g++) {
    if (!isIgnored(groundTruth, groundTruths[g]!, range)) order[counted++] = g;
  }
  for (let g = groundTruths.length - 1; g >= 0; g--) {
    if (isIgnored(groundTruth, groundTruths[g]!, range)) order[--ignored] = g;
  }
  return {order, counted};
}

/**
 * What a detection that took an object (its row, or -1) counts as. Without one, it is ignored if its own area is
 * outside the range. The reference marks matches by annotation id with 0 for none, so a detection that took the
 * object with id 0 is treated as one that found nothing; numbers that others publish have this in them.
 */
export function outcomeOf(
  detection: number,
  matched: number,
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  range: AreaRange,
): number {
  if (matched >= 0) {
    if (isIgnored(groundTruth, matched, range)) return IGNORED;
    if (groundTruth.ids[matched] !== 0) return TRUE_POSITIVE;
  }
  return insideRange(results.areas[detection]!, range) ? FALSE_POSITIVE : IGNORED;
}
