/**
 * COCO average precision and recall, equal to pycocotools (cocodataset/cocoapi 8c9bcc3) number for number: the same
 * order of ties, of matches and of floating-point operations. Everything is host arithmetic on typed arrays.
 *
 * Letters: T IoU thresholds, R recall points, K categories, A area ranges, M values of maxDets.
 */
import {
  accumulateCurve,
  detectionLists,
  emptyPrecisionRecall,
  type PrecisionRecall,
} from './coco-accumulate.js';
import type {CocoGroundTruth, CocoResults} from './coco-data.js';
import {type CategoryGroup, groupRecords} from './coco-groups.js';
import {IGNORED, insideRange, isIgnored, makePair, matchPair, outcomeOf} from './coco-matching.js';
import {boxOverlaps, type Overlaps} from './coco-overlaps.js';
import {type CocoParameters, cocoParameters} from './coco-parameters.js';
import {type CocoStats, categoryStats, overallStats} from './coco-stats.js';

/** One category, all figures at the largest maxDets; AR1, AR10, AR100 at each maxDets. */
export type CategoryEvaluation = CocoStats & {
  readonly id: number;
  readonly name: string;
  /** Objects that count (not ignored), of any area. */
  readonly groundTruths: number;
  readonly detections: number;
};

export type CocoEvaluation = {
  readonly stats: CocoStats;
  readonly perCategory: readonly CategoryEvaluation[]; // [K] by ascending id
  readonly curves: PrecisionRecall;
  readonly parameters: CocoParameters;
};

/**
 * Evaluates detected boxes.
 * @throws RunError for a detection on an unknown image or with numbers that are not finite, UsageError for parameters
 * that make no evaluation.
 */
export function evaluateCoco(
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  changes: Partial<CocoParameters> = {},
): CocoEvaluation {
  const parameters = cocoParameters(changes);
  const groups = groupRecords(groundTruth, results, parameters);
  const overlapsOf = boxOverlaps(groundTruth, results);
  const {iouThresholds, areaRanges, maxDetections} = parameters;
  const curves = emptyPrecisionRecall(
    iouThresholds.length,
    groups.categories.length,
    areaRanges.length,
    maxDetections.length,
  );
  const allAreas = areaRanges.findIndex(range => range.label === 'all');
  const counts = groups.categories.map((group, k) => {
    const positives = countPositives(group, groundTruth, parameters);
    if (positives.some(count => count > 0)) {
      const outcomes = matchCategory(group, groundTruth, results, overlapsOf, parameters);
      accumulateCategory(curves, k, group, results, outcomes, positives, parameters);
    }
    return {groundTruths: positives[allAreas]!, detections: group.detectionCount};
  });
  return {
    stats: overallStats(curves, parameters),
    perCategory: groups.categories.map(({category}, k) => ({
      ...category,
      ...categoryStats(curves, parameters, k),
      ...counts[k]!,
    })),
    curves,
    parameters,
  };
}

/** Objects of the category that count, in each area range. [A] */
function countPositives(
  group: CategoryGroup,
  groundTruth: CocoGroundTruth,
  {areaRanges}: CocoParameters,
): readonly number[] {
  return areaRanges.map(range =>
    group.groundTruths.reduce((count, row) => count + (isIgnored(groundTruth, row, range) ? 0 : 1), 0),
  );
}

/** Outcome of every detection of the category: [A, T, D]. */
function matchCategory(
  group: CategoryGroup,
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  overlapsOf: Overlaps,
  {areaRanges, iouThresholds}: CocoParameters,
): Uint8Array {
  const T = iouThresholds.length;
  const D = group.detections.length;
  const outcomes = new Uint8Array(areaRanges.length * T * D); // FALSE_POSITIVE
  areaRanges.forEach((range, a) => {
    group.detections.forEach((row, d) => {
      if (insideRange(results.areas[row]!, range)) return;
      for (let t = 0; t < T; t++) outcomes[(a * T + t) * D + d] = IGNORED;
    });
  });
  for (let p = 0; p < group.images.length; p++) {
    const from = group.detectionStarts[p]!;
    const detections = group.detections.subarray(from, group.detectionStarts[p + 1]!);
    const objects = group.groundTruths.subarray(group.groundTruthStarts[p]!, group.groundTruthStarts[p + 1]!);
    if (detections.length === 0 || objects.length === 0) continue;
    const pair = makePair(detections, objects, overlapsOf);
    areaRanges.forEach((range, a) => {
      const {matches} = matchPair(pair, groundTruth, range, iouThresholds);
      for (let i = 0; i < matches.length; i++) {
        if (matches[i]! < 0) continue;
        const t = Math.floor(i / detections.length);
        const d = i - t * detections.length;
        outcomes[(a * T + t) * D + from + d] = outcomeOf(
          detections[d]!,
          objects[matches[i]!]!,
          groundTruth,
          results,
          range,
        );
      }
    });
  }
  return outcomes;
}

function accumulateCategory(
  curves: PrecisionRecall,
  k: number,
  group: CategoryGroup,
  results: CocoResults,
  outcomes: Uint8Array,
  positives: readonly number[],
  {areaRanges, iouThresholds, maxDetections}: CocoParameters,
): void {
  const T = iouThresholds.length;
  const D = group.detections.length;
  const lists = detectionLists(group, results.scores, maxDetections);
  const scoreOf = (position: number) => results.scores[group.detections[position]!]!;
  for (let a = 0; a < areaRanges.length; a++) {
    if (positives[a] === 0) continue;
    for (let t = 0; t < T; t++) {
      const atThreshold = outcomes.subarray((a * T + t) * D, (a * T + t + 1) * D);
      lists.forEach((list, m) => {
        accumulateCurve(curves, {t, k, a, m}, list, atThreshold, scoreOf, positives[a]!);
      });
    }
  }
}
