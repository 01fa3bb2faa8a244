/** The Euclidean norm of many tensors together, for clipping and for the run log. */
import * as tf from '@tensorflow/tfjs';
import {numbered, registerComposite, runKernel} from './composite.js';
import {squaredNorm} from './squared-norm.js';

/** sqrt of the sum of squares of all elements of all tensors; 0 of no tensors. Not differentiable. */
export function globalNorm(tensors: readonly tf.Tensor[]): tf.Scalar {
  return tensors.length === 0 ? tf.scalar(0) : runKernel<tf.Scalar>('SfGlobalNorm', numbered(tensors));
}

registerComposite('SfGlobalNorm', inputs =>
  tf.sqrt(tf.sum(tf.stack(Object.values(inputs).map(tensor => squaredNorm(tensor))))),
);
