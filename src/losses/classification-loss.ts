/** The classification loss of a stage, before its normaliser and its scale w. */
import type * as tf from '@tensorflow/tfjs';
import type {ClassificationLoss} from '../config/stage.js';
import {crossEntropySum} from './cross-entropy.js';
import {focalSum} from './focal.js';

/**
 * The loss summed over images, anchors and classes. The caller divides it by N_f, or by what its config says.
 *
 * @param logits [B, A, C]
 * @param labels int32 [B, A]: -1 ignored, 0 background, 1..C class
 * @param weights [B, A], of the sampler
 */
export function classificationLossSum(
  config: ClassificationLoss,
  logits: tf.Tensor3D,
  labels: tf.Tensor2D,
  weights: tf.Tensor2D,
): tf.Scalar {
  switch (config.kind) {
    case 'cross-entropy':
      return crossEntropySum(logits, labels, weights);
    case 'focal':
      return focalSum(config, logits, labels, weights);
  }
}
