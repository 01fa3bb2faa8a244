/**
 * GIoU loss of boxes: Rezatofighi et al., "Generalized intersection over union", Sec. 4: 1 - GIoU, where
 * GIoU = IoU - (hull - union) / hull falls on to -1 as boxes that do not overlap move apart.
 */
import * as tf from '@tensorflow/tfjs';
import {boxOverlap} from './box-overlap.js';

/**
 * The sum over P pairs of boxes; 0 when P = 0.
 *
 * @param predicted [P, 4] XYXY
 * @param target [P, 4] XYXY, constants
 */
export function giouSum(predicted: tf.Tensor2D, target: tf.Tensor2D): tf.Scalar {
  return tf.tidy(() => {
    const {iou, union, hull} = boxOverlap(predicted, target);
    // 1 - iou + (hull - union) / hull
    return tf.sum<tf.Scalar>(tf.sub(tf.sub(2, iou), tf.div(union, hull)));
  });
}
