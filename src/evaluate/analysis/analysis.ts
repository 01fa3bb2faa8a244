/** What lies behind the figures of a COCO evaluation: one pass over the images for all that is told of them. */
import type {CocoGroundTruth, CocoResults} from '../coco-data.js';
import type {CocoEvaluation} from '../coco-eval.js';
import {groupRecords} from '../coco-groups.js';
import {boxOverlaps} from '../coco-overlaps.js';
import {type ErrorBreakdown, errorBreakdown} from './error-breakdown.js';
import {classifyErrors, FOREGROUND_IOU, noErrors} from './error-kinds.js';
import {imageRecords} from './image-records.js';
import {allAreas, matchImage, unmatched} from './outcomes.js';

export type AnalysisOptions = {
  /** Detections below this score are left out of the confusion matrix and of counts at a threshold (default 0.3). */
  readonly scoreThreshold?: number;
  /** Overlap from which a detection is taken to mean an object, in the confusion matrix (default 0.5). */
  readonly confusionIou?: number;
};

export type Analysis = {
  readonly evaluation: CocoEvaluation;
  readonly errors: ErrorBreakdown;
};

/**
 * Analyses what `evaluation` was made of.
 * @param evaluation of the same ground truth and results; its parameters are used here too
 */
export function analyse(
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  evaluation: CocoEvaluation,
  _options: AnalysisOptions = {},
): Analysis {
  const {parameters} = evaluation;
  const groups = groupRecords(groundTruth, results, parameters);
  const overlapsOf = boxOverlaps(groundTruth, results);
  const range = allAreas(parameters);
  const outcomes = unmatched(groups, groundTruth, results, range);
  const errors = noErrors(results.scores.length);
  for (const image of imageRecords(groups)) {
    const overlaps = overlapsOf(image.detections, image.groundTruths);
    matchImage(outcomes, image, overlaps, groundTruth, results, range, FOREGROUND_IOU);
    classifyErrors(errors, image, overlaps, outcomes);
  }
  const maxDetections = parameters.maxDetections.at(-1)!;
  return {
    evaluation,
    errors: errorBreakdown({groups, groundTruth, results, outcomes, errors, maxDetections}),
  };
}
