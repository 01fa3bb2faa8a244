/**
 * A sum of two maps of one shape, such as the shortcut of a residual block that ends without an activation. `tf.add` would
 * keep both until the backward pass, only to know their shapes.
 */
import * as tf from '@tensorflow/tfjs';
import {usedOnlyHere} from './backward-memory.js';

/** a + b; nothing is kept for the gradient. */
export function add(a: tf.Tensor4D, b: tf.Tensor4D): tf.Tensor4D {
  tf.util.assertShapesMatch(a.shape, b.shape, 'add: ');
  const sum = tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => ({
    value: tf.add(inputs[0] as tf.Tensor, inputs[1] as tf.Tensor),
    gradFunc: dy => {
      usedOnlyHere(dy);
      // Two handles: the tape disposes a gradient that it has added to another one.
      return [dy.clone(), dy.clone()];
    },
  }));
  return sum(a, b) as tf.Tensor4D;
}
