/**
 * Smooth L1 loss of box deltas, Girshick, "Fast R-CNN", Eq. 3, with the knee at beta: d^2 / (2 beta) for |d| < beta,
 * |d| - beta / 2 beyond. The paper's baselines: beta 0.11 in RetinaNet, 1/9 in the RPN, 1 in RoI-subnets.
 */
import type * as tf from '@tensorflow/tfjs';
import {smoothL1Sum} from '../engine/ops/smooth-l1.js';

/** The sum over all elements of [P, 4]; 0 when P = 0. */
export function smoothL1BoxSum(
  {beta}: {readonly beta: number},
  predicted: tf.Tensor2D,
  target: tf.Tensor2D,
): tf.Scalar {
  return smoothL1Sum(predicted, target, {beta});
}
