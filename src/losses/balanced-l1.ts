/**
 * Balanced L1 loss of box deltas: Pang et al., "Libra R-CNN", Sec. 3.3. Easy boxes get larger gradients than from smooth L1,
 * hard ones no more than gamma. With b = e^(gamma / alpha) - 1 and x = |d|:
 *
 *     x < beta:  alpha / b (b x + 1) log(b x / beta + 1) - alpha x
 *     beyond:    gamma x + gamma / b - alpha beta
 *
 * Both agree at beta, so the loss is that of min(x, beta) and gamma for what is beyond. At beta = 1 the derivative is
 * alpha log(b x + 1), and gamma beyond.
 */
import * as tf from '@tensorflow/tfjs';

export type BalancedL1 = {readonly alpha: number; readonly gamma: number; readonly beta: number};

/** The sum over all elements of [P, 4]; 0 when P = 0. The target is a constant. */
export function balancedL1Sum(
  {alpha, gamma, beta}: BalancedL1,
  predicted: tf.Tensor2D,
  target: tf.Tensor2D,
): tf.Scalar {
  tf.util.assertShapesMatch(predicted.shape, target.shape, 'balancedL1Sum: ');
  const b = Math.expm1(gamma / alpha);
  return tf.tidy(() => {
    const distance = tf.abs(tf.sub(predicted, target));
    const inner = tf.minimum(distance, beta);
    const product = tf.mul(tf.add(tf.mul(inner, alpha), alpha / b), tf.log1p(tf.mul(inner, b / beta)));
    const beyond = tf.mul(tf.sub(distance, inner), gamma);
    return tf.sum<tf.Scalar>(tf.add(tf.sub(product, tf.mul(inner, alpha)), beyond));
  });
}
