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
  return {detections, groundTruths, overlaps: overlapsOf(detections, groundTruths)};
}

/** Matches the pair at every IoU threshold. */
export function matchPair(
  pair: Pair,
  groundTruth: CocoGroundTruth,
  range: AreaRange,
  iouThresholds: readonly number[],
): PairMatches {
  const {overlaps, groundTruths} = pair;
  const height = pair.detections.length;
  const required = iouThresholds.map(requiredOverlap);
  const candidates = listCandidates(overlaps, groundTruths.length, Math.min(...required));
  const compact = matchCandidates(candidates, groundTruths, groundTruth, [range], required);
  const matches = new Int32Array(required.length * height).fill(-1);
  const count = candidates.detections.length;
  for (let i = 0; i < compact.length; i++) {
    const t = Math.floor(i / count);
    matches[t * height + candidates.detections[i - t * count]!] = compact[i]!;
  }
  return {...evaluationOrder(groundTruths, groundTruth, range), matches};
}

/** An IoU that rounding left just below 1 still reaches a threshold of 1. */
export function requiredOverlap(iouThreshold: number): number {
  return Math.min(iouThreshold, 1 - 1e-10);
}

/** The overlaps of a pair that may become matches: C of its detections have some. */
export type Candidates = {
  /** Rows of the overlaps, ascending. */
  readonly detections: Int32Array; // [C]
  /** Those of the c-th detection are entries starts[c] .. starts[c + 1]; the last entry is their number. */
  readonly starts: Int32Array; // [C + 1]
  /** Columns of the overlaps, ascending for each detection. */
  readonly columns: Int32Array;
  readonly overlaps: Float64Array;
};

/** Overlaps [D, width] of at least `lowest`. */
export function listCandidates(overlaps: Float64Array, width: number, lowest: number): Candidates {
  let total = 0;
  let count = 0;
  let last = -1;
  for (let i = 0; i < overlaps.length; i++) {
    if (!(overlaps[i]! >= lowest)) continue;
    total++;
    if (i <= last) continue;
    count++;
    last = i - (i % width) + width - 1;
  }
  const detections = new Int32Array(count);
  const starts = new Int32Array(count + 1);
  const columns = new Int32Array(total);
  const values = new Float64Array(total);
  let entry = 0;
  let c = 0;
  for (let at = 0; entry < total; at += width) {
    const before = entry;
    for (let column = 0; column < width; column++) {
      const overlap = overlaps[at + column]!;
      if (!(overlap >= lowest)) continue;
      columns[entry] = column;
      values[entry++] = overlap;
    }
    if (entry === before) continue;
    detections[c++] = at / width;
    starts[c] = entry;
  }
  return {detections, starts, columns, overlaps: values};
}

/**
 * Matches in every area range and at every required overlap: the column that the c-th detection with candidates took,
 * or -1. [A, T, C]
 * @param objects rows of the ground truth, by column
 */
export function matchCandidates(
  candidates: Candidates,
  objects: Int32Array,
  groundTruth: CocoGroundTruth,
  areaRanges: readonly AreaRange[],
  required: readonly number[],
): Int32Array {
  const count = candidates.detections.length;
  const width = objects.length;
  const matches = new Int32Array(areaRanges.length * required.length * count);
  const ignored = new Uint8Array(areaRanges.length * width);
  const crowd = new Uint8Array(width);
  const taken = new Uint8Array(width);
  for (let column = 0; column < width; column++) crowd[column] = groundTruth.crowd[objects[column]!]!;
  areaRanges.forEach((range, a) => {
    for (let column = 0; column < width; column++) {
      ignored[a * width + column] = isIgnored(groundTruth, objects[column]!, range) ? 1 : 0;
    }
    const rangeSize = required.length * count;
    const twin = rangeWithSameFlags(ignored, width, a);
    if (twin < a) {
      matches.copyWithin(a * rangeSize, twin * rangeSize, (twin + 1) * rangeSize);
      return;
    }
    for (let t = 0; t < required.length; t++) {
      taken.fill(0);
      matchAtThreshold(
        candidates,
        required[t]!,
        ignored,
        a * width,
        crowd,
        taken,
        matches,
        a * rangeSize + t * count,
      );
    }
  });
  return matches;
}

/** The first area range that ignores the same objects as range a: matches are the same there. */
function rangeWithSameFlags(ignored: Uint8Array, width: number, a: number): number {
  for (let earlier = 0; earlier < a; earlier++) {
    let column = 0;
    while (column < width && ignored[earlier * width + column] === ignored[a * width + column]) column++;
    if (column === width) return earlier;
  }
  return a;
}

/**
 * Writes the matches at one threshold to matches[into ..].
 * @param ignored flags of the columns, from `flags` on
 * @param taken columns that are used up; all 0 at the start
 */
function matchAtThreshold(
  {starts, columns, overlaps}: Candidates,
  required: number,
  ignored: Uint8Array,
  flags: number,
  crowd: Uint8Array,
  taken: Uint8Array,
  matches: Int32Array,
  into: number,
): void {
  for (let c = 0; c + 1 < starts.length; c++) {
    let counted = -1;
    let countedOverlap = required;
    let other = -1;
    let otherOverlap = required;
    for (let entry = starts[c]!; entry < starts[c + 1]!; entry++) {
      const column = columns[entry]!;
      const overlap = overlaps[entry]!;
      if (taken[column] === 1) continue;
      if (ignored[flags + column] === 0) {
        if (overlap < countedOverlap) continue;
        counted = column;
        countedOverlap = overlap;
      } else if (overlap >= otherOverlap) {
        other = column;
        otherOverlap = overlap;
      }
    }
    const match = counted >= 0 ? counted : other;
    matches[into + c] = match;
    if (match >= 0 && crowd[match] === 0) taken[match] = 1;
  }
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
