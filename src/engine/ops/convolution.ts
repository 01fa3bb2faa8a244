/**
 * Convolution with explicit symmetric padding, fused with what follows it in a network: the frozen norm's scale and
 * shift, the shortcut of a residual block, ReLU or leaky ReLU.
 *
 * tfjs's 'same' pads asymmetrically at stride 2, weights of PyTorch expect symmetric padding; tfjs's fused operation
 * keeps the bias and the output for the gradient even where they are not needed.
 */
import * as tf from '@tensorflow/tfjs';
import {type Activation, leakyRelu, slopeOf} from './activation.js';
import {gradientBeforeRelu, usedOnlyHere} from './backward-memory.js';
import {biasGradient} from './bias-gradient.js';
import {registerComposite, runKernel} from './composite.js';

export type ConvolutionOptions = Activation & {
  readonly stride: number;
  /** Rows and columns of zeros on each of the four sides. */
  readonly padding: number;
  readonly bias?: tf.Tensor1D;
  /** Multiplier of every output channel of the filter, [out]: that of a frozen norm. It has no gradient. */
  readonly scale?: tf.Tensor1D;
  /** Added before the ReLU, shaped as the result. */
  readonly residual?: tf.Tensor4D;
};

/** `slope` is that of the ReLU below zero: 1 where there is none. */
type Geometry = {stride: number; padding: number; slope: number};
type ShapeAttributes = Omit<Geometry, 'slope'> & {shape: [number, number, number, number]};

/** One name for each set of tensors that the gradient needs. */
const kernelName = (scaled: boolean, relu: boolean): string =>
  `SfConvolution${scaled ? 'Scaled' : ''}${relu ? 'Relu' : ''}`;

/**
 * relu(x * (scale filter) + bias + residual), each part where it is given; height and width become
 * floor((size + 2 padding - kernel) / stride) + 1.
 *
 * @param x [B, H, W, in]
 * @param filter [kernel height, kernel width, in, out]
 * @param options.bias [out]
 * @returns [B, H', W', out]
 */
export function convolution(x: tf.Tensor4D, filter: tf.Tensor4D, options: ConvolutionOptions): tf.Tensor4D {
  const {stride, padding, bias, scale, residual} = options;
  const slope = slopeOf(options);
  return runKernel<tf.Tensor4D>(
    kernelName(scale !== undefined, slope !== 1),
    {
      x,
      filter,
      ...(scale === undefined ? {} : {scale}),
      ...(bias === undefined ? {} : {bias}),
      ...(residual === undefined ? {} : {residual}),
    },
    {stride, padding, slope},
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

const scaled = ({filter, scale}: tf.NamedTensorMap): tf.Tensor4D =>
  (scale === undefined ? filter! : tf.mul(filter!, scale)) as tf.Tensor4D;

function forward(inputs: tf.NamedTensorMap, {stride, padding}: Geometry): tf.Tensor4D {
  const {x, bias, residual} = inputs;
  const product = tf.conv2d(padded(x as tf.Tensor4D, padding), scaled(inputs), stride, 'valid');
  const shifted = bias === undefined ? product : tf.add<tf.Tensor4D>(product, bias);
  return residual === undefined ? shifted : tf.add(shifted, residual);
}

for (const isScaled of [false, true]) {
  registerComposite(kernelName(isScaled, false), forward);
  registerComposite<Geometry>(kernelName(isScaled, true), (inputs, geometry) =>
    leakyRelu(forward(inputs, geometry), geometry.slope),
  );
}

registerComposite<ShapeAttributes>('SfConvolutionInputGrad', (inputs, {stride, padding, shape}) => {
  const [batch, height, width, channels] = shape;
  const gradient = runKernel<tf.Tensor4D>(
    'Conv2DBackpropInput',
    {dy: inputs.dy!, filter: scaled(inputs)},
    {
      strides: stride,
      pad: 'valid',
      dataFormat: 'NHWC',
      inputShape: [batch, height + 2 * padding, width + 2 * padding, channels],
    },
  );
  return padding === 0 ? gradient : tf.slice4d(gradient, [0, padding, padding, 0], shape);
});

registerComposite<ShapeAttributes>('SfConvolutionFilterGrad', (inputs, {stride, padding, shape}) => {
  const gradient = runKernel<tf.Tensor4D>(
    'Conv2DBackpropFilter',
    {x: padded(inputs.x as tf.Tensor4D, padding), dy: inputs.dy!},
    {strides: stride, pad: 'valid', dataFormat: 'NHWC', filterShape: shape},
  );
  return inputs.scale === undefined ? gradient : tf.mul(gradient, inputs.scale);
});

for (const isScaled of [false, true]) {
  for (const relu of [false, true]) {
    tf.registerGradient({
      kernelName: kernelName(isScaled, relu),
      inputsToSave: isScaled ? ['x', 'filter', 'scale'] : ['x', 'filter'],
      outputsToSave: [relu],
      gradFunc: (dy, saved, attributes) => {
        const [x, filter] = saved as [tf.Tensor, tf.Tensor];
        const scale: {scale?: tf.Tensor} = isScaled ? {scale: saved[2]!} : {};
        const y = relu ? saved.at(-1) : undefined;
        return gradients(dy as tf.Tensor, {x, filter, ...scale}, saved, attributes as Geometry, y);
      },
    });
  }
}

/** The tape calls those that lead to something it differentiates by: a frozen filter costs nothing. */
function gradients(
  dy: tf.Tensor,
  {x, filter, ...scale}: {x: tf.Tensor; filter: tf.Tensor; scale?: tf.Tensor},
  saved: tf.Tensor[],
  {stride, padding, slope}: Geometry,
  y: tf.Tensor | undefined,
) {
  usedOnlyHere(dy, saved);
  const dz = y === undefined ? dy : gradientBeforeRelu(dy, y, slope);
  return {
    x: () =>
      runKernel<tf.Tensor>(
        'SfConvolutionInputGrad',
        {dy: dz, filter, ...scale},
        {stride, padding, shape: x.shape},
      ),
    filter: () =>
      runKernel<tf.Tensor>(
        'SfConvolutionFilterGrad',
        {x, dy: dz, ...scale},
        {stride, padding, shape: filter.shape},
      ),
    bias: () => biasGradient(dz),
    // A handle of its own: the tape disposes a gradient that it has added to another one.
    residual: () => dz.clone(),
  };
}
