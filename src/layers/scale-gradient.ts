/** The identity, behind which gradients are multiplied: how heads that share features share their say in them. */
import * as tf from '@tensorflow/tfjs';

/** x with the gradient times `scale`; the caller owns the result. */
export function scaleGradient<T extends tf.Tensor>(x: T, scale: number): T {
  const identity = tf.customGrad((input: tf.Tensor | tf.GradSaveFunc) => ({
    value: tf.clone(input as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => tf.mul(dy, scale),
  }));
  return identity(x) as T;
}
