/**
 * COCO average precision and recall, equal to pycocotools (cocodataset/cocoapi 8c9bcc3) number for number: the same
 * order of ties, of matches and of floating-point operations. Everything is host arithmetic on typed arrays.
 *
 * Letters: T IoU thresholds, R recall points, K categories, A area ranges, M values of maxDets.
 */
import {setImmediate as nextTurn} from 'node:timers/promises';
import {accumulateCategory, emptyPrecisionRecall, type PrecisionRecall} from './coco-accumulate.js';
import type {CocoGroundTruth, CocoResults} from './coco-data.js';
import {type CategoryGroup, groupRecords} from './coco-groups.js';
import {isIgnored} from './coco-matching.js';
import {type Outcomes, pairMatcher} from './coco-outcomes.js';
import {type CocoParameters, cocoParameters} from './coco-parameters.js';
import {averagePrecision, averageRecalls, type CocoStats, categoryStats, overallStats} from './coco-stats.js';
import {type CoreOptions, matchOnCores} from './matching-threads.js';

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
 * Evaluates detected boxes or masks in the calling thread.
 * @throws RunError for a detection on an unknown image or with numbers that are not finite, UsageError for parameters
 * that make no evaluation.
 */
export function evaluateCoco(
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  changes: Partial<CocoParameters> = {},
): CocoEvaluation {
  const prepared = prepare(groundTruth, results, changes);
  const match = pairMatcher(groundTruth, results, prepared.parameters);
  for (const category of prepared.counted) {
    accumulate(prepared, category, results, match(category.group, 0, category.group.images.length));
  }
  return summarize(prepared);
}

/**
 * As evaluateCoco, the same numbers to the bit, on several cores where there is enough work to start threads for, and
 * without keeping the event loop from turning. Columns in SharedArrayBuffers are not copied for the threads.
 * @throws as evaluateCoco; RunError when a thread fails, and the signal's reason when it is aborted
 */
export async function evaluateCocoOnCores(
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  changes: Partial<CocoParameters> = {},
  options: CoreOptions = {},
): Promise<CocoEvaluation> {
  const prepared = prepare(groundTruth, results, changes);
  const groups = prepared.counted.map(category => category.group);
  const outcomes = await matchOnCores(groundTruth, results, prepared.parameters, groups, options);
  for (const [i, category] of prepared.counted.entries()) {
    accumulate(prepared, category, results, outcomes[i]!);
    await nextTurn();
    options.signal?.throwIfAborted();
  }
  return summarize(prepared);
}

/** A category with objects that count in some area range. */
type CountedCategory = {
  readonly k: number;
  readonly group: CategoryGroup;
  readonly positives: readonly number[]; // [A]
};

type Prepared = {
  readonly parameters: CocoParameters;
  readonly groups: readonly CategoryGroup[]; // [K]
  /** Objects that count, by category and area range. */
  readonly positives: readonly (readonly number[])[]; // [K, A]
  readonly counted: readonly CountedCategory[];
  readonly curves: PrecisionRecall;
};

function prepare(
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  changes: Partial<CocoParameters>,
): Prepared {
  const parameters = cocoParameters(changes);
  const {iouThresholds, areaRanges, maxDetections} = parameters;
  const groups = groupRecords(groundTruth, results, parameters).categories;
  const positives = groups.map(group => countPositives(group, groundTruth, parameters));
  const categories = groups.map((group, k) => ({k, group, positives: positives[k]!}));
  return {
    parameters,
    groups,
    positives,
    counted: categories.filter(category => category.positives.some(count => count > 0)),
    curves: emptyPrecisionRecall(
      iouThresholds.length,
      groups.length,
      areaRanges.length,
      maxDetections.length,
    ),
  };
}

function accumulate(
  {curves, parameters}: Prepared,
  {k, group, positives}: CountedCategory,
  results: CocoResults,
  outcomes: Outcomes,
): void {
  accumulateCategory(curves, k, group, results, outcomes, positives, parameters);
}

function summarize({parameters, groups, positives, curves}: Prepared): CocoEvaluation {
  const allAreas = parameters.areaRanges.findIndex(range => range.label === 'all');
  return {
    stats: overallStats(curves, parameters),
    averagePrecision: averagePrecision(curves, parameters),
    averageRecalls: averageRecalls(curves, parameters),
    perCategory: groups.map(({category, detectionCount}, k) => ({
      ...category,
      ...categoryStats(curves, parameters, k),
      groundTruths: positives[k]![allAreas]!,
      detections: detectionCount,
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
