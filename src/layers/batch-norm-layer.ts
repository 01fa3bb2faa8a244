/**
 * The parameters of a batch norm and the two ways in which it is computed: by the statistics of the batch in training, which
 * running averages then follow, and by those averages in detection (Ioffe and Szegedy, Algorithm 2), or in training too.
 */
import * as tf from '@tensorflow/tfjs';
import type {Activation} from '../engine/ops/activation.js';
import {batchNorm, nextAverages} from '../engine/ops/batch-norm.js';
import type {ModelScope} from './convolution-layer.js';
import type {ParameterKind} from './parameters.js';

export type FixedNormOptions = {
  readonly channels: number;
  /** Added to the variance. */
  readonly epsilon: number;
  /** Initial multiplier. */
  readonly normScale: number;
  /** False: multiplier and offset never change; nor do the averages, which are then used in training too. */
  readonly trainable: boolean;
};

export type BatchNormLayerOptions = FixedNormOptions & {
  /** The share of a running average that stays at each step. */
  readonly momentum: number;
};

/** What a norm with known statistics does to a channel. */
export type AffineMap = {readonly scale: tf.Tensor1D; readonly bias: tf.Tensor1D}; // [C]

export type BatchNormLayer = {
  /** The affine map that the norm is outside of training; undefined in training. The caller owns the vectors. */
  fixed(): AffineMap | undefined;
  /** The norm of a batch [B, H, W, C] in training, with what follows it; moves the averages. The caller owns the result. */
  byBatch(x: tf.Tensor4D, activation: Activation): tf.Tensor4D;
};

/** Creates `name.norm.weight`, `.bias` and, beside the optimizer's reach, `.running_mean` and `.running_var`. */
function createNorm(
  {parameters}: ModelScope,
  name: string,
  {channels, epsilon, normScale, trainable}: FixedNormOptions,
) {
  const vector = (suffix: string, kind: ParameterKind, value: number, learns: boolean) =>
    parameters.create(
      `${name}.norm.${suffix}`,
      kind,
      tf.fill([channels], value),
      learns,
    ) as tf.Variable<tf.Rank.R1>;
  const gamma = vector('weight', 'norm', normScale, trainable);
  const beta = vector('bias', 'bias', 0, trainable);
  const runningMean = vector('running_mean', 'state', 0, false);
  const runningVariance = vector('running_var', 'state', 1, false);
  const affine = (): AffineMap => {
    const scale = tf.tidy(() => tf.mul<tf.Tensor1D>(gamma, tf.rsqrt(tf.add(runningVariance, epsilon))));
    const bias = tf.tidy(() => tf.sub<tf.Tensor1D>(beta, tf.mul(runningMean, scale)));
    return {scale, bias};
  };
  return {gamma, beta, runningMean, runningVariance, affine};
}

/**
 * A norm whose averages are its statistics at all times. Creates the parameters of a batch norm; the caller owns the
 * vectors of the map, which are on the tape where multiplier and offset are trained.
 */
export function fixedNormLayer(scope: ModelScope, name: string, options: FixedNormOptions): () => AffineMap {
  return createNorm(scope, name, options).affine;
}

/**
 * Creates the same parameters.
 * @throws Error when the scope has no phase: such a layer must know whether it trains.
 */
export function batchNormLayer(
  scope: ModelScope,
  name: string,
  options: BatchNormLayerOptions,
): BatchNormLayer {
  const {channels, momentum, epsilon, trainable} = options;
  const {phase} = scope;
  if (phase === undefined) throw new Error(`${name}: a model with batch-norm needs a phase in its scope`);
  const {gamma, beta, runningMean, runningVariance, affine} = createNorm(scope, name, options);

  return {
    fixed() {
      return trainable && phase.isTraining ? undefined : affine();
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
