/**
 * Batch normalisation in training (Ioffe and Szegedy, "Batch normalization", Algorithm 1), followed by ReLU or not, as
 * torch.nn.BatchNorm2d: biased variance over all pixels of the batch, a channel at a time.
 *
 *     y = gamma xhat + beta,  xhat = (x - mean) inverse,  inverse = 1 / sqrt(variance + epsilon)
 *
 * Gradient, with g = gamma dy and <.> the mean over a channel of the batch:
 *
 *     dx = inverse (g - <g> - xhat <g xhat>),  dgamma = sum dy xhat,  dbeta = sum dy
 *
 * Behind ReLU dy is first multiplied by its slope, 1 where y > 0; y is computed again from x, so nothing but x and the
 * statistics is kept.
 */
import * as tf from '@tensorflow/tfjs';
import {type Activation, leakyRelu, slopeOf} from './activation.js';
import {usedOnlyHere} from './backward-memory.js';
import {registerComposite, runKernel} from './composite.js';

export type BatchNormOptions = Activation & {readonly epsilon: number};

/** The batch's mean and 1 / sqrt(variance + epsilon): constants, for running averages. */
export type BatchStatistics = {readonly mean: tf.Tensor; readonly inverse: tf.Tensor}; // [1, C]

type Attributes = {epsilon: number; slope: number};

const PIXELS = [0, 1, 2];

/**
 * @param x [B, H, W, C]
 * @param gamma [C]
 * @param beta [C]
 * @returns y [B, H, W, C] and the statistics; the caller owns all three
 */
export function batchNorm(
  x: tf.Tensor4D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  options: BatchNormOptions,
): BatchStatistics & {readonly y: tf.Tensor4D} {
  const attributes = {epsilon: options.epsilon, slope: slopeOf(options)};
  const [y, mean, inverse] = runKernel<tf.Tensor[]>('SfBatchNorm', {x, gamma, beta}, attributes) as [
    tf.Tensor4D,
    tf.Tensor,
    tf.Tensor,
  ];
  return {y, mean, inverse};
}

export type RunningAverages = {readonly mean: tf.Tensor; readonly variance: tf.Tensor}; // [C]

export type AverageOptions = {
  /** The share of an average that stays: 0.99 in darknet, which is a `momentum` of 0.01 in PyTorch. */
  readonly momentum: number;
  /** That of the statistics. */
  readonly epsilon: number;
  /** Values that the statistics were taken over, of one channel. */
  readonly count: number;
};

/**
 * momentum average + (1 - momentum) statistic, as new tensors; the variance that is averaged is the unbiased one (divided
 * by count - 1), as PyTorch does. Not differentiable.
 */
export function nextAverages(
  {mean, variance}: RunningAverages,
  batch: BatchStatistics,
  {momentum, epsilon, count}: AverageOptions,
): RunningAverages {
  const [nextMean, nextVariance] = runKernel<tf.Tensor[]>(
    'SfRunningAverages',
    {runningMean: mean, runningVariance: variance, mean: batch.mean, inverse: batch.inverse},
    {momentum, epsilon, count},
  ) as [tf.Tensor, tf.Tensor];
  return {mean: nextMean, variance: nextVariance};
}

const normalised = (x: tf.Tensor, mean: tf.Tensor, inverse: tf.Tensor): tf.Tensor =>
  tf.mul(tf.sub(x, mean.flatten()), inverse.flatten());

registerComposite<Attributes>('SfBatchNorm', (inputs, {epsilon, slope}) => {
  const x = inputs.x!;
  const {mean, variance} = tf.moments(x, PIXELS);
  const inverse = tf.rsqrt(tf.add(variance, epsilon));
  const y = tf.add(tf.mul(normalised(x, mean, inverse), inputs.gamma!), inputs.beta!);
  return [leakyRelu(y, slope), tf.reshape(mean, [1, -1]), tf.reshape(inverse, [1, -1])];
});

registerComposite<Attributes>('SfBatchNormGrad', (inputs, {slope}) => {
  const x = inputs.x!;
  const gamma = inputs.gamma!;
  const xhat = normalised(x, inputs.mean!, inputs.inverse!);
  const output = tf.add(tf.mul(xhat, gamma), inputs.beta!);
  const dy = slope === 1 ? inputs.dy! : tf.mul(inputs.dy!, tf.step(output, slope));
  const dgamma = tf.sum(tf.mul(dy, xhat), PIXELS);
  const dbeta = tf.sum(dy, PIXELS);
  const count = x.size / gamma.size;
  const pulled = tf.add(tf.div(dbeta, count), tf.mul(xhat, tf.div(dgamma, count)));
  const dx = tf.mul(tf.mul(gamma, inputs.inverse!.flatten()), tf.sub(dy, pulled));
  return [dx, dgamma, dbeta];
});

registerComposite<AverageOptions>('SfRunningAverages', (inputs, {momentum, epsilon, count}) => {
  const inverse = tf.reshape(inputs.inverse!, [-1]);
  const variance = tf.maximum(tf.sub(tf.div(1, tf.square(inverse)), epsilon), 0);
  const unbiased = count > 1 ? count / (count - 1) : 1;
  const mean = tf.reshape(inputs.mean!, [-1]);
  return [
    tf.add(tf.mul(inputs.runningMean!, momentum), tf.mul(mean, 1 - momentum)),
    tf.add(tf.mul(inputs.runningVariance!, momentum), tf.mul(variance, unbiased * (1 - momentum))),
  ];
});

tf.registerGradient({
  kernelName: 'SfBatchNorm',
  inputsToSave: ['x', 'gamma', 'beta'],
  outputsToSave: [false, true, true],
  gradFunc: (dys, saved, attributes) => {
    const [x, gamma, beta, mean, inverse] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const [dy] = dys as [tf.Tensor];
    usedOnlyHere(dy, saved);
    const [dx, dgamma, dbeta] = runKernel<tf.Tensor[]>(
      'SfBatchNormGrad',
      {dy, x, gamma, beta, mean, inverse},
      attributes,
    ) as [tf.Tensor, tf.Tensor, tf.Tensor];
    return {x: () => dx, gamma: () => dgamma, beta: () => dbeta};
  },
});
