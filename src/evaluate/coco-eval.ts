/**
 * COCO average precision and recall, equal to pycocotools (cocodataset/cocoapi 8c9bcc3) number for number: the same
 * order of ties, of matches and of floating-point operations. Everything is host arithmetic on typed arrays.
 *
 * Letters: T IoU thresholds, R recall points, K categories, A area ranges, M values of maxDets.
 */
import {accumulateCategory, emptyPrecisionRecall, type PrecisionRecall} from './coco-accumulate.js';
import type {CocoGroundTruth, CocoResults} from './coco-data.js';
import {type CategoryGroup, groupRecords} from './coco-groups.js';
import {isIgnored} from './coco-matching.js';
import {matchPairs} from './coco-outcomes.js';
import {overlapsOf} from './coco-overlaps.js';
import {type CocoParameters, cocoParameters} from './coco-parameters.js';
import {averagePrecision, averageRecalls, type CocoStats, categoryStats, overallStats} from './coco-stats.js';

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
  /** AP at the largest maxDets; `stats.AP` is -1 where the reference looks for maxDets 100 and there is none. */
  readonly averagePrecision: number;
  /** AR at each maxDets. */
  readonly averageRecalls: readonly number[]; // [M]
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
  const overlaps = overlapsOf(parameters.iouType, groundTruth, results);
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
      const outcomes = matchPairs(group, 0, group.images.length, overlaps, groundTruth, results, parameters);
      accumulateCategory(curves, k, group, results, outcomes, positives, parameters);
    }
    return {groundTruths: positives[allAreas]!, detections: group.detectionCount};
  });
  return {
    stats: overallStats(curves, parameters),
    averagePrecision: averagePrecision(curves, parameters),
    averageRecalls: averageRecalls(curves, parameters),
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
