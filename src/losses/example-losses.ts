/**
 * The classification loss of every example on its own: what hard example mining chooses by. No gradient. That of GHM-C is
 * cross-entropy: its weights are those of the examples that have been chosen.
 */
import * as tf from '@tensorflow/tfjs';
import type {ClassificationLoss} from '../config/stage.js';
import {noGrad} from '../engine/ops/no-grad.js';

/**
 * (example, class) pairs that are computed at once. The whole of 200,000 anchors and 80 classes would need 64 MB for
 * every intermediate result.
 */
const PAIRS_AT_ONCE = 2 ** 20;

/**
 * The terms of `classificationLossSum` summed over classes only. The logits stay the caller's and may be on the tape.
 *
 * @param logits [B, A, C]
 * @param labels [B * A]: 0 is background, 1..C the class; an ignored example gets the loss of a background one
 * @returns [B * A], the caller's
 * @throws Error when there is not one label an example
 */
export function exampleLosses(
  config: ClassificationLoss,
  logits: tf.Tensor3D,
  labels: Int32Array,
): tf.Tensor1D {
  const [images, anchors, classes] = logits.shape;
  const examples = images * anchors;
  if (labels.length !== examples) {
    throw new Error(`exampleLosses: ${labels.length} labels for ${examples} examples`);
  }
  const step = Math.max(1, Math.floor(PAIRS_AT_ONCE / Math.max(1, classes)));
  return noGrad(() => {
    const rows = tf.reshape(logits, [examples, classes]) as tf.Tensor2D;
    const parts: tf.Tensor1D[] = [];
    for (let start = 0; start < examples; start += step) {
      const end = Math.min(start + step, examples);
      parts.push(
        tf.tidy(() => {
          const z = tf.slice2d(rows, [start, 0], [end - start, classes]);
          const own = tf.tensor2d(labels.subarray(start, end), [end - start, 1], 'int32');
          const target = tf.cast<tf.Tensor2D>(tf.equal(own, tf.range(1, classes + 1, 1, 'int32')), 'float32');
          return tf.sum<tf.Tensor1D>(pairLosses(config, z, target), -1);
        }),
      );
    }
    return parts.length === 0 ? tf.zeros<tf.Rank.R1>([0]) : tf.concat1d(parts);
  });
}

/**
 * Eq. 2 or Eq. 1 of every pair, from logits so that it is finite for all of them; `engine/ops` derives both forms.
 *
 * @param z logits [N, C]
 * @param target 1 for the class of an example, else 0 [N, C]
 */
function pairLosses(config: ClassificationLoss, z: tf.Tensor2D, target: tf.Tensor2D): tf.Tensor2D {
  switch (config.kind) {
    case 'cross-entropy':
    case 'ghm-c':
      return tf.add(tf.sub(tf.relu(z), tf.mul(z, target)), tf.log1p(tf.exp(tf.neg(tf.abs(z)))));
    case 'focal': {
      const {alpha, gamma} = config;
      /** The logit of the wrong answer. */
      const wrong = tf.mul(z, tf.sub(1, tf.mul(target, 2)));
      const softplus = tf.add(tf.relu(wrong), tf.log1p(tf.exp(tf.neg(tf.abs(wrong)))));
      const scale = tf.add(tf.mul(target, 2 * alpha - 1), 1 - alpha);
      return tf.mul(scale, tf.mul(tf.pow(tf.sigmoid(wrong), gamma), softplus));
    }
  }
}
