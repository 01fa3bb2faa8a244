/** L1 loss of box deltas, |d|: smooth L1 whose knee has come to 0 (detectron2's Cascade R-CNN, torchvision's RetinaNet). */
import type * as tf from '@tensorflow/tfjs';
import {smoothL1Sum} from '../engine/ops/smooth-l1.js';

/** The sum over all elements of [P, 4]; 0 when P = 0. The gradient at d = 0 is 0. */
export function l1Sum(predicted: tf.Tensor2D, target: tf.Tensor2D): tf.Scalar {
  return smoothL1Sum(predicted, target, {beta: 0});
}
