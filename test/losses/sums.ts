/** Losses without running sums as functions of tensors. */
import type * as tf from '@tensorflow/tfjs';
import type {BoxLoss, ClassificationLoss} from '../../src/config/stage.js';
import {boxLoss} from '../../src/losses/box-loss.js';
import {classificationLoss} from '../../src/losses/classification-loss.js';
import type {Remember} from '../../src/losses/running-sums.js';

const nothingToRemember: Remember = name => {
  throw new Error(`this loss asks for ${name}`);
};

/** As the stage calls it, of one level. */
export function classificationLossSum(
  config: ClassificationLoss,
  logits: tf.Tensor3D,
  labels: tf.Tensor2D,
  weights: tf.Tensor2D,
): tf.Scalar {
  const levelCounts = [logits.shape[1]];
  return classificationLoss(config, nothingToRemember)({logits, labels, weights, levelCounts});
}

/** @param target deltas [P, 4]; of losses on boxes, the boxes, and `predicted` are boxes too */
export function boxLossSum(config: BoxLoss, predicted: tf.Tensor2D, target: tf.Tensor2D): tf.Scalar {
  const wanted = target.dataSync<'float32'>();
  return boxLoss(
    config,
    nothingToRemember,
  )({
    predicted,
    target: wanted,
    boxes: wanted,
    decode: boxes => boxes,
    level: new Int32Array(wanted.length / 4),
    levels: 1,
  });
}
