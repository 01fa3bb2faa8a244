/**
 * Maximum pooling with explicit symmetric padding that never wins, as torch.nn.MaxPool2d; the gradient of a window goes
 * to its first maximum in row-major order.
 */
import * as tf from '@tensorflow/tfjs';
import {usedOnlyHere} from './backward-memory.js';
import {registerComposite, runKernel} from './composite.js';

export type MaxPoolOptions = {readonly size: number; readonly stride: number; readonly padding: number};

type Attributes = {size: number; stride: number; padding: number};

/**
 * @param x [B, H, W, C]
 * @param options.padding at most half of `size`
 * @returns [B, H', W', C] with H' = floor((H + 2 padding - size) / stride) + 1
 * @throws Error when the padding is more than half of the window, which would leave a window without any input
 */
export function maxPool(x: tf.Tensor4D, options: MaxPoolOptions): tf.Tensor4D {
  const {size, stride, padding} = options;
  if (2 * padding > size) {
    throw new Error(`maxPool: padding ${padding} is more than half of the window of ${size}`);
  }
  return runKernel<tf.Tensor4D>('SfMaxPool', {x}, {size, stride, padding});
}

function padded(x: tf.Tensor, padding: number): tf.Tensor4D {
  const sides: [number, number] = [padding, padding];
  return tf.pad4d(x as tf.Tensor4D, [[0, 0], sides, sides, [0, 0]], Number.NEGATIVE_INFINITY);
}

registerComposite<Attributes>('SfMaxPool', (inputs, {size, stride, padding}) =>
  tf.maxPool(padded(inputs.x!, padding), size, stride, 'valid'),
);

registerComposite<Attributes>('SfMaxPoolGrad', (inputs, {size, stride, padding}) => {
  const x = inputs.x as tf.Tensor4D;
  const gradient = runKernel<tf.Tensor4D>(
    'MaxPoolGrad',
    {dy: inputs.dy!, input: padded(x, padding), output: inputs.y!},
    {filterSize: size, strides: stride, pad: 'valid'},
  );
  return tf.slice4d(gradient, [0, padding, padding, 0], x.shape);
});

tf.registerGradient({
  kernelName: 'SfMaxPool',
  inputsToSave: ['x'],
  outputsToSave: [true],
  gradFunc: (dy, saved, attributes) => {
    const [x, y] = saved as [tf.Tensor, tf.Tensor];
    usedOnlyHere(dy as tf.Tensor, saved);
    return {x: () => runKernel<tf.Tensor>('SfMaxPoolGrad', {dy: dy as tf.Tensor, x, y}, attributes)};
  },
});
