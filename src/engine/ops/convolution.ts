/**
 * Convolution with explicit symmetric padding, fused with its bias and ReLU.
 *
 * tfjs's 'same' pads asymmetrically at stride 2, weights of PyTorch expect symmetric padding; tfjs's fused operation
 * keeps the bias and the output for the gradient even where they are not needed.
 */
import * as tf from '@tensorflow/tfjs';
import {registerComposite, runKernel} from './composite.js';
import {reluGradient} from './relu-gradient.js';

export type ConvolutionOptions = {
  readonly stride: number;
  /** Rows and columns of zeros on each of the four sides. */
  readonly padding: number;
  readonly bias?: tf.Tensor1D;
  readonly relu?: boolean;
};

type Geometry = {stride: number; padding: number};
type ShapeAttributes = Geometry & {shape: [number, number, number, number]};

/**
 * relu(x * filter + bias); height and width become floor((size + 2 padding - kernel) / stride) + 1.
 *
 * @param x [B, H, W, in]
 * @param filter [kernel height, kernel width, in, out]
 * @param options.bias [out]
 * @returns [B, H', W', out]
 */
export function convolution(x: tf.Tensor4D, filter: tf.Tensor4D, options: ConvolutionOptions): tf.Tensor4D {
  const {stride, padding, bias, relu = false} = options;
  return runKernel<tf.Tensor4D>(
    relu ? 'SfConvolutionRelu' : 'SfConvolution',
    bias === undefined ? {x, filter} : {x, filter, bias},
    {stride, padding},
  );
}

/** Zeros on the four sides, so that what follows is a 'valid' convolution, which every tfjs backend can differentiate. */
function padded(x: tf.Tensor4D, padding: number): tf.Tensor4D {
  if (padding === 0) return x;
  return tf.pad4d(x, [
    [0, 0],
    [padding, padding],
    [padding, padding],
    [0, 0],
  ]);
}

function forward(inputs: tf.NamedTensorMap, {stride, padding}: Geometry): tf.Tensor4D {
  const product = tf.conv2d(
    padded(inputs.x as tf.Tensor4D, padding),
    inputs.filter as tf.Tensor4D,
    stride,
    'valid',
  );
  return inputs.bias === undefined ? product : tf.add(product, inputs.bias);
}

registerComposite('SfConvolution', forward);
registerComposite<Geometry>('SfConvolutionRelu', (inputs, geometry) => tf.relu(forward(inputs, geometry)));

registerComposite<ShapeAttributes>('SfConvolutionInputGrad', (inputs, {stride, padding, shape}) => {
  const [batch, height, width, channels] = shape;
  const gradient = runKernel<tf.Tensor4D>(
    'Conv2DBackpropInput',
    {dy: inputs.dy!, filter: inputs.filter!},
    {
      strides: stride,
      pad: 'valid',
      dataFormat: 'NHWC',
      inputShape: [batch, height + 2 * padding, width + 2 * padding, channels],
    },
  );
  return padding === 0 ? gradient : tf.slice4d(gradient, [0, padding, padding, 0], shape);
});

registerComposite<ShapeAttributes>('SfConvolutionFilterGrad', (inputs, {stride, padding, shape}) =>
  runKernel<tf.Tensor4D>(
    'Conv2DBackpropFilter',
    {x: padded(inputs.x as tf.Tensor4D, padding), dy: inputs.dy!},
    {strides: stride, pad: 'valid', dataFormat: 'NHWC', filterShape: shape},
  ),
);

registerComposite('SfBiasGrad', inputs => tf.sum(inputs.dy!, [0, 1, 2]));

function gradients(dy: tf.Tensor, x: tf.Tensor, filter: tf.Tensor, {stride, padding}: Geometry) {
  return {
    x: () => runKernel<tf.Tensor>('SfConvolutionInputGrad', {dy, filter}, {stride, padding, shape: x.shape}),
    filter: () =>
      runKernel<tf.Tensor>('SfConvolutionFilterGrad', {x, dy}, {stride, padding, shape: filter.shape}),
    bias: () => runKernel<tf.Tensor>('SfBiasGrad', {dy}),
  };
}

tf.registerGradient({
  kernelName: 'SfConvolution',
  inputsToSave: ['x', 'filter'],
  gradFunc: (dy, saved, attributes) => {
    const [x, filter] = saved as [tf.Tensor, tf.Tensor];
    return gradients(dy as tf.Tensor, x, filter, attributes as Geometry);
  },
});

tf.registerGradient({
  kernelName: 'SfConvolutionRelu',
  inputsToSave: ['x', 'filter'],
  outputsToSave: [true],
  gradFunc: (dy, saved, attributes) => {
    const [x, filter, y] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
    return gradients(reluGradient(dy as tf.Tensor, y), x, filter, attributes as Geometry);
  },
});
