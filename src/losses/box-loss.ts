/** The box loss of a stage over its foreground anchors, before its normaliser. */
import type * as tf from '@tensorflow/tfjs';
import type {BoxLoss} from '../config/stage.js';
import {l1Sum} from './l1.js';
import {smoothL1BoxSum} from './smooth-l1.js';

/**
 * The loss summed over foreground anchors and the four deltas; 0 without foreground. The target is a constant.
 *
 * @param predicted deltas [P, 4] of the P foreground anchors
 * @param target [P, 4]
 */
export function boxLossSum(config: BoxLoss, predicted: tf.Tensor2D, target: tf.Tensor2D): tf.Scalar {
  switch (config.kind) {
    case 'smooth-l1':
      return smoothL1BoxSum(config, predicted, target);
    case 'l1':
      return l1Sum(predicted, target);
  }
}
