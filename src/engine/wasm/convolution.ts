/** Convolutions on the wasm engine: ours (ops/convolution.ts), and the stock gradients of `tf.conv2d`. */
import * as tf from '@tensorflow/tfjs';
import type {BackendWasm} from '@tensorflow/tfjs-backend-wasm';
import {registerWasmKernel, type WasmCall} from './kernel.js';

type Shape4 = readonly [number, number, number, number];
type Padding = {readonly top: number; readonly left: number};
type Geometry = {stride: number; padding: number; slope: number};
type ShapeAttributes = Omit<Geometry, 'slope'> & {shape: [number, number, number, number]};

const shape4 = (tensor: tf.TensorInfo): Shape4 => tensor.shape as [number, number, number, number];

function stock(name: string, backend: BackendWasm, a: tf.TensorInfo, b: tf.TensorInfo): tf.TensorInfo {
  return tf.getKernel(name, 'wasm').kernelFunc({inputs: {a, b}, backend, attrs: {}}) as tf.TensorInfo;
}

/** Runs `use` with the filter multiplied by the scale where there is one. */
function withScaledFilter<Attributes extends object>(
  call: WasmCall<Attributes>,
  use: (call: WasmCall<Attributes>) => tf.TensorInfo,
): tf.TensorInfo {
  const {scale, ...inputs} = call.inputs;
  if (scale === undefined) return use(call);
  const filter = stock('Multiply', call.backend, inputs.filter!, scale);
  const result = use({...call, inputs: {...inputs, filter}});
  call.backend.disposeData(filter.dataId);
  return result;
}

/** The operations of ops/convolution.ts, forward. */
function forward(call: WasmCall<Geometry>): tf.TensorInfo {
  const {residual} = call.inputs;
  const {slope} = call.attributes;
  const y = withScaledFilter(call, scaled => product(scaled, residual === undefined ? slope : 1));
  if (residual === undefined) return y;
  tf.util.assertShapesMatch(y.shape, residual.shape, 'convolution and its residual: ');
  if (slope !== 1) {
    call.module.call('addRelu', y, residual, y, tf.util.sizeFromShape(y.shape), slope);
    return y;
  }
  const sum = stock('Add', call.backend, y, residual);
  call.backend.disposeData(y.dataId);
  return sum;
}

/** Leaky ReLU of x * filter + bias. */
function product(call: WasmCall<Geometry>, slope: number): tf.TensorInfo {
  const {inputs, attributes, backend, module} = call;
  const {stride, padding} = attributes;
  const [batch, height, width, channels] = shape4(inputs.x!);
  const [kernelHeight, kernelWidth, filterChannels, outChannels] = shape4(inputs.filter!);
  if (channels !== filterChannels) {
    throw new Error(`convolution: input has ${channels} channels, filter expects ${filterChannels}`);
  }
  const outHeight = Math.floor((height + 2 * padding - kernelHeight) / stride) + 1;
  const outWidth = Math.floor((width + 2 * padding - kernelWidth) / stride) + 1;
  const y = backend.makeOutput([batch, outHeight, outWidth, outChannels], 'float32');
  const bytes = module.call('convolutionScratch', kernelHeight * kernelWidth, stride, channels, outChannels);
  module.withScratch(bytes, scratch =>
    module.call(
      'convolution',
      ...[inputs.x!, inputs.filter!, inputs.bias ?? 0, y, scratch],
      ...[batch, height, width, channels, kernelHeight, kernelWidth],
      ...[outHeight, outWidth, outChannels, stride, padding, padding, slope],
    ),
  );
  return y;
}

type GradientCall = Omit<WasmCall<tf.NamedAttrMap>, 'attributes'>;

function inputGradient(
  call: GradientCall,
  shape: Shape4,
  stride: number,
  {top, left}: Padding,
): tf.TensorInfo {
  const {inputs, backend, module} = call;
  const [batch, height, width, channels] = shape;
  const [kernelHeight, kernelWidth, , outChannels] = shape4(inputs.filter!);
  const [, outHeight, outWidth] = shape4(inputs.dy!);
  const dx = backend.makeOutput([...shape], 'float32');
  const bytes = module.call('convolutionScratch', kernelHeight * kernelWidth, stride, outChannels, channels);
  module.withScratch(bytes, scratch =>
    module.call(
      'convolutionInputGradient',
      ...[inputs.dy!, inputs.filter!, dx, scratch],
      ...[batch, height, width, channels, kernelHeight, kernelWidth],
      ...[outHeight, outWidth, outChannels, stride, top, left],
    ),
  );
  return dx;
}

function filterGradient(
  call: GradientCall,
  shape: Shape4,
  stride: number,
  {top, left}: Padding,
): tf.TensorInfo {
  const {inputs, backend, module} = call;
  const [batch, height, width, channels] = shape4(inputs.x!);
  const [kernelHeight, kernelWidth] = shape;
  const [, outHeight, outWidth, outChannels] = shape4(inputs.dy!);
  const dfilter = backend.makeOutput([...shape], 'float32');
  const bytes = module.call(
    'filterGradientScratch',
    kernelHeight,
    kernelWidth,
    stride,
    channels,
    outWidth,
    outChannels,
  );
  module.withScratch(bytes, scratch =>
    module.call(
      'convolutionFilterGradient',
      ...[inputs.x!, inputs.dy!, dfilter, scratch],
      ...[batch, height, width, channels, kernelHeight, kernelWidth],
      ...[outHeight, outWidth, outChannels, stride, top, left],
    ),
  );
  return dfilter;
}

/** What tfjs passes to its own gradient kernels. */
type StockAttributes = {
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  dataFormat: 'NHWC' | 'NCHW';
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
};

function stockGeometry(
  attributes: StockAttributes,
  inputShape: Shape4,
  filterShape: Shape4,
): {stride: number; padding: Padding} {
  const {strides, pad, dataFormat, dimRoundingMode} = attributes;
  if (dataFormat !== 'NHWC') throw new Error(`engine wasm: convolutions are NHWC only, not ${dataFormat}`);
  const {strideHeight, strideWidth, padInfo} = tf.backend_util.computeConv2DInfo(
    [...inputShape],
    [...filterShape],
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  if (strideHeight !== strideWidth) {
    throw new Error(`engine wasm: strides ${strideHeight} and ${strideWidth} of a convolution must be equal`);
  }
  return {stride: strideHeight, padding: padInfo};
}

export function registerConvolution(): void {
  for (const name of ['SfConvolution', 'SfConvolutionScaled']) {
    registerWasmKernel<Geometry>(name, forward);
    registerWasmKernel<Geometry>(`${name}Relu`, forward);
  }
  registerWasmKernel<ShapeAttributes>('SfConvolutionInputGrad', call => {
    const {shape, stride, padding} = call.attributes;
    return withScaledFilter(call, scaled =>
      inputGradient(scaled, shape, stride, {top: padding, left: padding}),
    );
  });
  registerWasmKernel<ShapeAttributes>('SfConvolutionFilterGrad', call => {
    const {shape, stride, padding} = call.attributes;
    const gradient = filterGradient(call, shape, stride, {top: padding, left: padding});
    const {scale} = call.inputs;
    if (scale === undefined) return gradient;
    const scaled = stock('Multiply', call.backend, gradient, scale);
    call.backend.disposeData(gradient.dataId);
    return scaled;
  });
  registerWasmKernel<StockAttributes & {inputShape: [number, number, number, number]}>(
    'Conv2DBackpropInput',
    call => {
      const {inputShape} = call.attributes;
      const {stride, padding} = stockGeometry(call.attributes, inputShape, shape4(call.inputs.filter!));
      return inputGradient(call, inputShape, stride, padding);
    },
  );
  registerWasmKernel<StockAttributes & {filterShape: [number, number, number, number]}>(
    'Conv2DBackpropFilter',
    call => {
      const {filterShape} = call.attributes;
      const {stride, padding} = stockGeometry(call.attributes, shape4(call.inputs.x!), filterShape);
      return filterGradient(call, filterShape, stride, padding);
    },
  );
}
