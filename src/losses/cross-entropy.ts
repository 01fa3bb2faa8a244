/**
 * Eq. 2: every class of every anchor is a binary question, answered by a sigmoid.
 *
 *     N_f L^CE = - sum over i, j of  [y_i = j] log p_ij + [y_i != j] log(1 - p_ij)
 */
import type * as tf from '@tensorflow/tfjs';
import {sigmoidCrossEntropySum} from '../engine/ops/sigmoid-cross-entropy.js';

/**
 * N_f L^CE of Eq. 2 from logits, each anchor times its weight.
 *
 * @param logits [B, A, C]
 * @param labels int32 [B, A]: -1 ignored, 0 background, 1..C class
 * @param weights [B, A]
 */
export function crossEntropySum(logits: tf.Tensor3D, labels: tf.Tensor2D, weights: tf.Tensor2D): tf.Scalar {
  return sigmoidCrossEntropySum(logits, labels, weights);
}
