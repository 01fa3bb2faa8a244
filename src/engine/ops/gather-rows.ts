/** Rows of a matrix by index, and the sum of rows back into a matrix: how losses pick the foreground. */
import * as tf from '@tensorflow/tfjs';
import {registerComposite, runKernel} from './composite.js';

/**
 * x[indices], differentiable with respect to x (an index that occurs twice adds both gradients).
 *
 * @param x [N, D]
 * @param indices int32 [P], each in 0 .. N - 1; may be empty
 * @returns [P, D]
 */
export function gatherRows(x: tf.Tensor2D, indices: tf.Tensor1D): tf.Tensor2D {
  if (indices.dtype !== 'int32') throw new Error(`gatherRows: indices must be int32, not ${indices.dtype}`);
  return runKernel<tf.Tensor2D>('SfGatherRows', {x, indices}, {rows: x.shape[0]});
}

registerComposite('SfGatherRows', inputs => {
  const x = inputs.x as tf.Tensor2D;
  const indices = inputs.indices as tf.Tensor1D;
  if (indices.size === 0) return tf.zeros([0, x.shape[1]]);
  return tf.gather(x, indices);
});

/** [P, D] summed into [rows, D] at the given rows. */
registerComposite<{rows: number}>('SfScatterRows', (inputs, {rows}) => {
  const dy = inputs.dy as tf.Tensor2D;
  const indices = inputs.indices as tf.Tensor1D;
  if (indices.size === 0) return tf.zeros([rows, dy.shape[1]]);
  return tf.scatterND(tf.reshape(indices, [indices.size, 1]), dy, [rows, dy.shape[1]]);
});

tf.registerGradient({
  kernelName: 'SfGatherRows',
  inputsToSave: ['indices'],
  gradFunc: (dy, saved, attributes) => ({
    x: () => runKernel<tf.Tensor>('SfScatterRows', {dy: dy as tf.Tensor, indices: saved[0]!}, attributes),
  }),
});
