/**
 * Group normalisation (Wu and He, "Group normalization", Eq. 1-3), followed by ReLU or not, as torch.nn.GroupNorm:
 * biased variance over the pixels and channels of a group.
 *
 *     y = gamma xhat + beta,  xhat = (x - mean) inverse,  inverse = 1 / sqrt(variance + epsilon)
 *
 * Gradient, with g = gamma dy and <.> the mean over a group of one image:
 *
 *     dx = inverse (g - <g> - xhat <g xhat>),  dgamma = sum dy xhat,  dbeta = sum dy
 *
 * Behind ReLU dy is first multiplied by its slope, 1 where y > 0; y is computed again from x, so nothing but x and the statistics is kept.
 */
import * as tf from '@tensorflow/tfjs';
import {type Activation, leakyRelu, slopeOf} from './activation.js';
import {usedOnlyHere} from './backward-memory.js';
import {registerComposite, runKernel} from './composite.js';

export type GroupNormOptions = Activation & {readonly groups: number; readonly epsilon: number};

type Attributes = {groups: number; epsilon: number; slope: number};

/**
 * @param x [B, H, W, C], C a multiple of `groups`
 * @param gamma [C]
 * @param beta [C]
 * @returns [B, H, W, C]
 * @throws Error when C is not a multiple of `groups`
 */
export function groupNorm(
  x: tf.Tensor4D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  options: GroupNormOptions,
): tf.Tensor4D {
  const {groups, epsilon} = options;
  if (x.shape[3] % groups !== 0) {
    throw new Error(`groupNorm: ${x.shape[3]} channels do not divide into ${groups} groups`);
  }
  const [y, mean, inverse] = runKernel<tf.Tensor[]>(
    'SfGroupNorm',
    {x, gamma, beta},
    {groups, epsilon, slope: slopeOf(options)},
  ) as [tf.Tensor4D, tf.Tensor, tf.Tensor];
  // The statistics are outputs only so that the tape can save them (it holds its own handles).
  mean.dispose();
  inverse.dispose();
  return y;
}

/** [B, H, W, C] as [B, pixels, groups, channels of a group], over which the statistics are axes 1 and 3. */
function grouped(x: tf.Tensor, groups: number): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  return tf.reshape(x, [batch, height * width, groups, channels / groups]);
}

registerComposite<Attributes>('SfGroupNorm', (inputs, {groups, epsilon, slope}) => {
  const x = inputs.x!;
  const {mean, variance} = tf.moments(grouped(x, groups), [1, 3], true);
  const inverse = tf.rsqrt(tf.add(variance, epsilon)); // [B, 1, groups, 1]
  const normalised = tf.reshape(tf.mul(tf.sub(grouped(x, groups), mean), inverse), x.shape);
  const y = tf.add(tf.mul(normalised, inputs.gamma!), inputs.beta!);
  const flat: [number, number] = [x.shape[0]!, groups];
  return [leakyRelu(y, slope), tf.reshape(mean, flat), tf.reshape(inverse, flat)];
});

registerComposite<Attributes>('SfGroupNormGrad', (inputs, {groups, slope}) => {
  const x = inputs.x!;
  const gamma = inputs.gamma!;
  const statistics: [number, number, number, number] = [x.shape[0]!, 1, groups, 1];
  const mean = tf.reshape(inputs.mean!, statistics);
  const inverse = tf.reshape(inputs.inverse!, statistics);
  const normalised = tf.mul(tf.sub(grouped(x, groups), mean), inverse);
  const normalised4D = tf.reshape(normalised, x.shape);
  const output = tf.add(tf.mul(normalised4D, gamma), inputs.beta!);
  const dy = slope === 1 ? inputs.dy! : tf.mul(inputs.dy!, tf.step(output, slope));
  const g = grouped(tf.mul(dy, gamma), groups);
  const meanG = tf.mean(g, [1, 3], true);
  const meanProduct = tf.mean(tf.mul(g, normalised), [1, 3], true);
  const dx = tf.mul(inverse, tf.sub(tf.sub(g, meanG), tf.mul(normalised, meanProduct)));
  return [
    tf.reshape(dx, x.shape),
    tf.sum(tf.mul(dy, normalised4D), [0, 1, 2]),
    tf.reshape(tf.sum(dy, [0, 1, 2]), gamma.shape),
  ];
});

tf.registerGradient({
  kernelName: 'SfGroupNorm',
  inputsToSave: ['x', 'gamma', 'beta'],
  outputsToSave: [false, true, true],
  gradFunc: (dys, saved, attributes) => {
    const [x, gamma, beta, mean, inverse] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const [dy] = dys as [tf.Tensor];
    usedOnlyHere(dy, saved);
    const [dx, dgamma, dbeta] = runKernel<tf.Tensor[]>(
      'SfGroupNormGrad',
      {dy, x, gamma, beta, mean, inverse},
      attributes,
    ) as [tf.Tensor, tf.Tensor, tf.Tensor];
    return {x: () => dx, gamma: () => dgamma, beta: () => dbeta};
  },
});
