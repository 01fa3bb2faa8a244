/** What lies behind the figures of a COCO evaluation: one pass over the images for all that is told of them. */
import {UsageError} from '../../errors.js';
import type {CocoGroundTruth, CocoResults} from '../coco-data.js';
import type {CocoEvaluation} from '../coco-eval.js';
import {groupRecords} from '../coco-groups.js';
import {overlapsOf} from '../coco-overlaps.js';
import {type AreaBin, areaBins} from './areas.js';
import {type ClassTable, classTable} from './classes.js';
import {ConfusionCounter, type ConfusionMatrix} from './confusion.js';
import {type CurveSet, precisionRecallCurves} from './curves.js';
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
  readonly classes: ClassTable;
  readonly curves: CurveSet;
  readonly confusion: ConfusionMatrix;
  readonly errors: ErrorBreakdown;
  readonly areas: readonly AreaBin[];
};

/**
 * Analyses what `evaluation` was made of.
 * @param evaluation of the same ground truth and results; its parameters are used here too
 * @throws UsageError for thresholds that make no matrix
 */
export function analyse(
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  evaluation: CocoEvaluation,
  {scoreThreshold = 0.3, confusionIou = 0.5}: AnalysisOptions = {},
): Analysis {
  if (!Number.isFinite(scoreThreshold)) {
    throw new UsageError(`the score threshold is ${scoreThreshold}; give a number such as 0.3`);
  }
  if (!(confusionIou > 0 && confusionIou <= 1)) {
    throw new UsageError(
      `the confusion matrix's IoU is ${confusionIou}; give a number above 0 and at most 1`,
    );
  }
  const {parameters} = evaluation;
  const groups = groupRecords(groundTruth, results, parameters);
  const overlapOf = overlapsOf(parameters.iouType, groundTruth, results);
  const range = allAreas(parameters);
  const thresholds = {iou: confusionIou, score: scoreThreshold};
  const outcomes = unmatched(groups, groundTruth, results, range);
  const errors = noErrors(results.scores.length);
  const confusion = new ConfusionCounter(groups, groundTruth, results, thresholds, range);
  for (const image of imageRecords(groups)) {
    const overlaps = overlapOf(image.detections, image.groundTruths);
    matchImage(outcomes, image, overlaps, groundTruth, results, range, FOREGROUND_IOU);
    classifyErrors(errors, image, overlaps, outcomes);
    confusion.add(image, overlaps, outcomes);
  }
  return {
    evaluation,
    classes: classTable(evaluation, groups, results, outcomes, scoreThreshold),
    curves: precisionRecallCurves(evaluation),
    confusion: confusion.matrix(outcomes),
    errors: errorBreakdown({groups, groundTruth, results, outcomes, errors, parameters}),
    areas: areaBins(groups, groundTruth, results, parameters),
  };
}
