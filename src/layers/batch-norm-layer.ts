/**
 * The parameters of a batch norm and the two ways in which it is computed: by the statistics of the batch in training, which
 * running averages then follow, and by those averages in detection (Ioffe and Szegedy, Algorithm 2).
 */
import * as tf from '@tensorflow/tfjs';
import type {Activation} from '../engine/ops/activation.js';
import {batchNorm, nextAverages} from '../engine/ops/batch-norm.js';
import type {ModelScope} from './convolution-layer.js';

export type BatchNormLayerOptions = {
  readonly channels: number;
  /** The share of a running average that stays at each step. */
  readonly momentum: number;
  readonly epsilon: number;
  /** Initial multiplier. */
  readonly normScale: number;
  /** False: the averages are used in training too, and never change. */
  readonly trainable: boolean;
};

export type BatchNormLayer = {
  /** The affine map that the norm is outside of training; undefined in training. The caller owns the vectors. */
  fixed(): {readonly scale: tf.Tensor1D; readonly bias: tf.Tensor1D} | undefined; // [C]
  /** The norm of a batch [B, H, W, C] in training, with what follows it; moves the averages. The caller owns the result. */
  byBatch(x: tf.Tensor4D, activation: Activation): tf.Tensor4D;
};

/**
 * Creates `name.norm.weight`, `.bias` and, beside the optimizer's reach, `.running_mean` and `.running_var`.
 * @throws Error when the scope has no phase: such a layer must know whether it trains.
 */
export function batchNormLayer(
  scope: ModelScope,
  name: string,
  {channels, momentum, epsilon, normScale, trainable}: BatchNormLayerOptions,
): BatchNormLayer {
  const {parameters, phase} = scope;
  if (phase === undefined) throw new Error(`${name}: a model with batch-norm needs a phase in its scope`);
  const vector = (suffix: string, kind: 'bias' | 'norm', value: number, learns: boolean) =>
    parameters.create(
      `${name}.norm.${suffix}`,
      kind,
      tf.fill([channels], value),
      learns,
    ) as tf.Variable<tf.Rank.R1>;
  const gamma = vector('weight', 'norm', normScale, trainable);
  const beta = vector('bias', 'bias', 0, trainable);
  const runningMean = vector('running_mean', 'norm', 0, false);
  const runningVariance = vector('running_var', 'norm', 1, false);

  return {
    fixed() {
      if (trainable && phase.isTraining) return undefined;
      const scale = tf.tidy(() => tf.mul<tf.Tensor1D>(gamma, tf.rsqrt(tf.add(runningVariance, epsilon))));
      const bias = tf.tidy(() => tf.sub<tf.Tensor1D>(beta, tf.mul(runningMean, scale)));
      return {scale, bias};
    },

    byBatch(x, activation) {
      const {y, ...statistics} = batchNorm(x, gamma, beta, {epsilon, ...activation});
      const next = nextAverages({mean: runningMean, variance: runningVariance}, statistics, {
        momentum,
        epsilon,
        count: x.size / channels,
      });
      runningMean.assign(next.mean as tf.Tensor1D);
      runningVariance.assign(next.variance as tf.Tensor1D);
      tf.dispose([next.mean, next.variance, statistics.mean, statistics.inverse]);
      return y;
    },
  };
}
