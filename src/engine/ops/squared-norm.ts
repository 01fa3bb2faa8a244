/** The squared Euclidean norm of a tensor, for the norm of a gradient. */
import * as tf from '@tensorflow/tfjs';
import {registerComposite, runKernel} from './composite.js';

/** The sum of squares of all elements. Not differentiable. */
export function squaredNorm(x: tf.Tensor): tf.Scalar {
  return runKernel<tf.Scalar>('SfSquaredNorm', {x});
}

registerComposite('SfSquaredNorm', inputs => tf.sum(tf.square(inputs.x!)));
