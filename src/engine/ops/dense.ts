/** A fully connected layer: matrix product, bias and ReLU in one pass (src/layers/dense-layer.ts gives it parameters). */
import * as tf from '@tensorflow/tfjs';
import {gradientBeforeRelu, usedOnlyHere} from './backward-memory.js';
import {biasGradient} from './bias-gradient.js';
import {registerComposite, runKernel} from './composite.js';

export type DenseOptions = {
  readonly bias?: tf.Tensor1D;
  readonly relu: boolean;
  /** Of the result, if not [R, out]. A reshape of its own would hold the gradient until the backward pass is over. */
  readonly shape?: readonly number[];
};

type Attributes = {shape: number[]};

/** One name for each set of tensors that the gradient needs. */
const kernelName = (relu: boolean): string => `SfDense${relu ? 'Relu' : ''}`;

/**
 * relu(x filter + bias), each part where it is given. The last axes of x that have `in` elements together are one vector
 * to this layer: what RoIAlign gives needs no reshaping, and neither does its gradient. There are R vectors; with R = 0
 * the gradients of filter and bias are zeros.
 *
 * @param x [..., ...], of R * in elements
 * @param filter [in, out]
 * @param options.bias [out]
 * @returns [R, out]
 * @throws Error when the last axes of x do not give `in` elements
 */
export function dense<T extends tf.Tensor = tf.Tensor2D>(
  x: tf.Tensor,
  filter: tf.Tensor2D,
  options: DenseOptions,
): T {
  const [depth, width] = filter.shape;
  const fits = x.shape.some((_, axis) => tf.util.sizeFromShape(x.shape.slice(axis)) === depth);
  if (!fits) throw new Error(`dense: x [${x.shape}] does not end in vectors of the filter's ${depth} inputs`);
  const {bias, relu, shape = [x.size / depth, width]} = options;
  return runKernel<T>(
    kernelName(relu),
    {x, filter, ...(bias === undefined ? {} : {bias})},
    {shape: [...shape]},
  );
}

/** The vectors of x as rows: [R, in]. */
const rowsOf = (x: tf.Tensor, depth: number): tf.Tensor2D => tf.reshape(x, [x.size / depth, depth]);

function forward(inputs: tf.NamedTensorMap, {shape}: Attributes): tf.Tensor {
  const [x, filter, bias] = [inputs.x!, inputs.filter as tf.Tensor2D, inputs.bias];
  const product = tf.matMul(rowsOf(x, filter.shape[0]), filter);
  return tf.reshape(bias === undefined ? product : tf.add(product, bias), shape);
}

registerComposite<Attributes>(kernelName(false), forward);
registerComposite<Attributes>(kernelName(true), (inputs, attributes) => tf.relu(forward(inputs, attributes)));

for (const relu of [false, true]) {
  tf.registerGradient({
    kernelName: kernelName(relu),
    inputsToSave: ['x', 'filter'],
    outputsToSave: [relu],
    gradFunc: (dy, saved) => {
      const [x, filter, y] = saved as [tf.Tensor, tf.Tensor2D, tf.Tensor | undefined];
      const [depth, width] = filter.shape;
      usedOnlyHere(dy as tf.Tensor, saved);
      const dz = relu ? gradientBeforeRelu(dy as tf.Tensor, y!) : (dy as tf.Tensor);
      return {
        x: () => tf.reshape(tf.matMul(rowsOf(dz, width), filter, false, true), x.shape),
        // Transposed while it is multiplied: x, the largest tensor here, is not copied.
        filter: () => tf.matMul(rowsOf(x, depth), rowsOf(dz, width), true, false),
        bias: () => biasGradient(rowsOf(dz, width)),
      };
    },
  });
}
