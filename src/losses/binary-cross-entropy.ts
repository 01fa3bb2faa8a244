/** Cross-entropy of independent yes-or-no questions whose answer may be a fraction: the pixels of a mask (He et al. 2017, Sec. 3). */
import * as tf from '@tensorflow/tfjs';

/**
 * - sum of t log sigma(z) + (1 - t) log(1 - sigma(z)), without overflow for any logit.
 *
 * @param logits z, any shape
 * @param targets t in 0..1, of the same shape; constants
 */
export function binaryCrossEntropySum(logits: tf.Tensor, targets: tf.Tensor): tf.Scalar {
  tf.util.assertShapesMatch(logits.shape, targets.shape, 'binaryCrossEntropySum: logits and targets ');
  const sum = tf.customGrad((z, save) => {
    // Both: the caller may dispose the targets before the gradient is asked for.
    (save as tf.GradSaveFunc)([z as tf.Tensor, targets]);
    return {
      value: tf.tidy(() =>
        // max(z, 0) - z t + log(1 + exp(-|z|))
        tf.sum<tf.Scalar>(
          tf.add(
            tf.sub(tf.relu(z as tf.Tensor), tf.mul(z as tf.Tensor, targets)),
            tf.log1p(tf.exp(tf.neg(tf.abs(z as tf.Tensor)))),
          ),
        ),
      ),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        tf.tidy(() => tf.mul(dy, tf.sub(tf.sigmoid(saved[0]!), saved[1]!))),
    };
  });
  return sum(logits) as tf.Scalar;
}
