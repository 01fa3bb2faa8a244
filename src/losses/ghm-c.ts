/**
 * GHM-C, the classification loss of Li et al., "Gradient Harmonized Single-stage Detector" (AAAI 2019), as its authors'
 * code has it: harmonized level by level, with running sums that all levels share (engine/ops/harmonized.ts).
 */
import type * as tf from '@tensorflow/tfjs';
import {harmonizedCrossEntropySum} from '../engine/ops/harmonized-cross-entropy.js';
import type {ClassifiedExamples} from './classification-loss.js';

/**
 * The loss of one step, which moves the running sums. It is not a sum that needs a normaliser: the weights of the examples
 * of a level add up to about 1. 0 without examples.
 *
 * @param sums S, [M]
 */
export function ghmClassification(
  {momentum}: {readonly momentum: number},
  {logits, labels, weights, levelCounts}: ClassifiedExamples,
  sums: tf.Variable,
): tf.Scalar {
  const moved = harmonizedCrossEntropySum(logits, labels, weights, sums, {levelCounts, momentum});
  sums.assign(moved.sums);
  moved.sums.dispose();
  return moved.loss;
}
