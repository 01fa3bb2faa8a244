/**
 * Smooth L1 loss (Girshick, "Fast R-CNN", Eq. 3, with the knee at beta), summed; beta = 0 is L1.
 *
 *     d^2 / (2 beta) below beta, d - beta / 2 above:  with d = |p - t|, m = min(d, beta):  m (d - m / 2) / beta
 *
 * Its derivative is (p - t) / beta clipped to [-1, 1], or the sign of p - t.
 */
import * as tf from '@tensorflow/tfjs';
import {registerComposite, runKernel} from './composite.js';

export type SmoothL1Options = {readonly beta: number};

type Attributes = {beta: number};

/**
 * The target is a constant: a gradient with respect to it is an error. No rows give 0.
 *
 * @param predicted [P, 4]
 * @param target [P, 4]
 */
export function smoothL1Sum(
  predicted: tf.Tensor2D,
  target: tf.Tensor2D,
  options: SmoothL1Options,
): tf.Scalar {
  tf.util.assertShapesMatch(predicted.shape, target.shape, 'smoothL1Sum: ');
  return runKernel<tf.Scalar>('SfSmoothL1', {predicted, target}, {beta: options.beta});
}

registerComposite<Attributes>('SfSmoothL1', (inputs, {beta}) => {
  const predicted = inputs.predicted!;
  if (predicted.size === 0) return tf.scalar(0);
  const distance = tf.abs(tf.sub(predicted, inputs.target!));
  if (beta === 0) return tf.sum(distance);
  const inner = tf.minimum(distance, beta);
  return tf.sum(tf.mul(inner, tf.div(tf.sub(distance, tf.mul(inner, 0.5)), beta)));
});

registerComposite<Attributes>('SfSmoothL1Grad', (inputs, {beta}) => {
  const predicted = inputs.predicted!;
  if (predicted.size === 0) return tf.zerosLike(predicted);
  const difference = tf.sub(predicted, inputs.target!);
  const slope = beta === 0 ? tf.sign(difference) : tf.clipByValue(tf.div(difference, beta), -1, 1);
  return tf.mul(inputs.dy!, slope);
});

tf.registerGradient({
  kernelName: 'SfSmoothL1',
  inputsToSave: ['predicted', 'target'],
  gradFunc: (dy, saved, attributes) => {
    const [predicted, target] = saved as [tf.Tensor, tf.Tensor];
    return {
      predicted: () =>
        runKernel<tf.Tensor>('SfSmoothL1Grad', {dy: dy as tf.Tensor, predicted, target}, attributes),
    };
  },
});
