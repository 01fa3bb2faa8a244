/**
 * Eq. 1: cross-entropy in which a well-answered question counts little (Lin et al., "Focal loss for dense object
 * detection").
 *
 *     N_f L^FL = - sum over i, j of  [y_i = j] alpha (1 - p_ij)^gamma log p_ij + [y_i != j] (1 - alpha) p_ij^gamma log(1 - p_ij)
 */
import type * as tf from '@tensorflow/tfjs';
import {sigmoidFocalSum} from '../engine/ops/sigmoid-focal.js';

export type FocalLoss = {
  /** Weight of the true class; 1 - alpha is that of the others. */
  readonly alpha: number;
  /** How fast the weight of an easy example falls; 0 gives cross-entropy times alpha or 1 - alpha. */
  readonly gamma: number;
};

/**
 * N_f L^FL of Eq. 1 from logits, each anchor times its weight.
 *
 * @param logits [B, A, C]
 * @param labels int32 [B, A]: -1 ignored, 0 background, 1..C class
 * @param weights [B, A]
 */
export function focalSum(
  {alpha, gamma}: FocalLoss,
  logits: tf.Tensor3D,
  labels: tf.Tensor2D,
  weights: tf.Tensor2D,
): tf.Scalar {
  return sigmoidFocalSum(logits, labels, weights, {alpha, gamma});
}
