/** Values that select (proposals, matches, weights) and must not be differentiated: tfjs has no stop-gradient. */
import * as tf from '@tensorflow/tfjs';

/**
 * Evaluates `fn(...inputs)` as a constant: nothing inside is recorded on the gradient tape, so operations without a
 * gradient (`topk`, `less`, `gatherND`, ...) are fine, and the tensors made inside are disposed.
 *
 * The expression runs as a custom-gradient operation without inputs. The tape sees a leaf, so back-propagation ends
 * there at no cost. The clone matters when `fn` returns a tensor of the outside world: the same handle would still be
 * connected.
 *
 * @returns a new tensor that belongs to the caller
 */
export function noGrad<T extends tf.Tensor>(fn: (...inputs: tf.Tensor[]) => T, ...inputs: tf.Tensor[]): T {
  const constant = tf.customGrad(() => ({
    value: tf.clone(fn(...inputs)),
    gradFunc: () => [],
  }));
  return constant() as T;
}
