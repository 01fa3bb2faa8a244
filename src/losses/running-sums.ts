/** What a loss remembers from step to step. */
import type * as tf from '@tensorflow/tfjs';
import type {BoxLoss, ClassificationLoss} from '../config/stage.js';
import type {YoloBoxLoss} from '../config/yolov3.js';

/**
 * Makes a loss's variable of that many zeros; called when the loss is made, not when it is computed. It is a parameter that
 * is never trained, so that a checkpoint holds it and a run continues exactly.
 */
export type Remember = (name: string, size: number) => tf.Variable;

/** Whether a loss divides by counts of its own (GHM), which leaves a stage's normaliser nothing to do. */
export function normalisesItself({kind}: ClassificationLoss | BoxLoss | YoloBoxLoss): boolean {
  return kind === 'ghm-c' || kind === 'ghm-r';
}
