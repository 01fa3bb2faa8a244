/**
 * What became of every detection and every object at one IoU threshold, objects of every area, largest maxDets: the
 * matches that AP is made of, by the evaluator's own rules (coco-matching.ts).
 */
import type {CocoGroundTruth, CocoResults} from '../coco-data.js';
import type {Groups} from '../coco-groups.js';
import {isIgnored, makePair, matchPair, outcomeOf, TRUE_POSITIVE} from '../coco-matching.js';
import type {AreaRange, CocoParameters} from '../coco-parameters.js';
import type {ImageRecords} from './image-records.js';

/** Detections beyond maxDets, and those of images or categories that are not evaluated. */
export const NOT_EVALUATED = 3;

/** By row of the results and of the ground truth. */
export type RecordOutcomes = {
  /** FALSE_POSITIVE, TRUE_POSITIVE, IGNORED or NOT_EVALUATED. */
  readonly detections: Uint8Array;
  /** 1: evaluated, and not ignored. */
  readonly counted: Uint8Array;
  /** 1: counted, and a true positive took it. */
  readonly found: Uint8Array;
};

/** The range of areas that every figure but APs, APm and APl is made for. */
export function allAreas({areaRanges}: CocoParameters): AreaRange {
  return areaRanges.find(range => range.label === 'all')!;
}

/** RecordOutcomes before matching: every evaluated detection without an object, no object found. */
export function unmatched(
  groups: Groups,
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  range: AreaRange,
): RecordOutcomes {
  const detections = new Uint8Array(results.scores.length).fill(NOT_EVALUATED);
  const counted = new Uint8Array(groundTruth.ids.length);
  const found = new Uint8Array(groundTruth.ids.length);
  for (const group of groups.categories) {
    for (const row of group.detections) detections[row] = outcomeOf(row, -1, groundTruth, results, range);
    for (const row of group.groundTruths) counted[row] = isIgnored(groundTruth, row, range) ? 0 : 1;
  }
  return {detections, counted, found};
}

/**
 * Matches one image, category by category, and enters what it finds into `outcomes`.
 * @param overlaps of all detections of the image with all its objects [D, G]
 */
export function matchImage(
  outcomes: RecordOutcomes,
  image: ImageRecords,
  overlaps: Float64Array,
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  range: AreaRange,
  iouThreshold: number,
): void {
  const width = image.groundTruths.length;
  for (const {
    detections: [d0, d1],
    groundTruths: [g0, g1],
  } of image.blocks) {
    if (d0 === d1 || g0 === g1) continue;
    const detections = image.detections.subarray(d0, d1);
    const groundTruths = image.groundTruths.subarray(g0, g1);
    const pair = makePair(detections, groundTruths, () => block(overlaps, width, d0, d1, g0, g1));
    const {matches} = matchPair(pair, groundTruth, range, [iouThreshold]);
    for (let d = 0; d < detections.length; d++) {
      if (matches[d]! < 0) continue;
      const object = groundTruths[matches[d]!]!;
      const outcome = outcomeOf(detections[d]!, object, groundTruth, results, range);
      outcomes.detections[detections[d]!] = outcome;
      if (outcome === TRUE_POSITIVE) outcomes.found[object] = 1;
    }
  }
}

/** Rows d0..d1 and columns g0..g1 of a matrix. */
function block(
  matrix: Float64Array,
  width: number,
  d0: number,
  d1: number,
  g0: number,
  g1: number,
): Float64Array {
  const part = new Float64Array((d1 - d0) * (g1 - g0));
  for (let d = d0; d < d1; d++) {
    part.set(matrix.subarray(d * width + g0, d * width + g1), (d - d0) * (g1 - g0));
  }
  return part;
}
