/** The classification loss of a dense stage, before its normaliser and its scale w. */
import type * as tf from '@tensorflow/tfjs';
import type {ClassificationLoss, SummedClassificationLoss} from '../config/stage.js';
import {crossEntropySum} from './cross-entropy.js';
import {focalSum} from './focal.js';
import {ghmClassification} from './ghm-c.js';
import type {Remember} from './running-sums.js';

/** The examples of a mini-batch and what is predicted for them. All but the logits are constants. */
export type ClassifiedExamples = {
  readonly logits: tf.Tensor3D; // [B, A, C]
  /** -1 ignored, 0 background, 1..C class. */
  readonly labels: tf.Tensor2D; // int32 [B, A]
  /** Of the sampler. */
  readonly weights: tf.Tensor2D; // [B, A]
  /** Examples of every level of the pyramid, in order. */
  readonly levelCounts: readonly number[]; // sum: A
};

/** The loss summed over images, anchors and classes. The caller divides it, unless `normalisesItself`. */
export type ClassificationLossSum = (examples: ClassifiedExamples) => tf.Scalar;

/** @param remember for losses with running sums */
export function classificationLoss(config: ClassificationLoss, remember: Remember): ClassificationLossSum {
  switch (config.kind) {
    case 'cross-entropy':
    case 'focal':
      return ({logits, labels, weights}) => classificationLossSum(config, logits, labels, weights);
    case 'ghm-c': {
      const sums = remember('bin_sums', config.bins);
      return examples => ghmClassification(config, examples, sums);
    }
  }
}

/**
 * The loss of any examples, which need not be those of a pyramid.
 *
 * @param logits [B, A, C]
 * @param labels int32 [B, A]: -1 ignored, 0 background, 1..C class
 * @param weights [B, A], of the sampler
 */
export function classificationLossSum(
  config: SummedClassificationLoss,
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
