/** IoU loss of boxes: Yu et al., "UnitBox", Eq. 2: -log IoU, a box as one unit instead of four deltas. */
import * as tf from '@tensorflow/tfjs';
import {boxOverlap} from './box-overlap.js';

/** Boxes that overlap less are all as bad, and have no gradient (mmdetection). */
const MIN_IOU = 1e-6;

/**
 * The sum over P pairs of boxes; 0 when P = 0.
 *
 * @param predicted [P, 4] XYXY
 * @param target [P, 4] XYXY, constants
 */
export function iouSum(predicted: tf.Tensor2D, target: tf.Tensor2D): tf.Scalar {
  return tf.tidy(() =>
    tf.sub<tf.Scalar>(0, tf.sum(tf.log(tf.maximum(boxOverlap(predicted, target).iou, MIN_IOU)))),
  );
}
