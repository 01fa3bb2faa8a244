/** tfjs's own convolutions on torch (native/stock_convolution.cc): 2D, 3D, of each channel apart, fused; and gradients. */
import * as tf from '@tensorflow/tfjs';
import {functionsOf, type Handle} from '../addon.js';
import type {TorchBackend} from '../backend.js';
import {type KernelInputs, registerTorchKernel} from './kernel.js';
import {type Window, window2D, window3D} from './window.js';

type Sizes = readonly number[];
type MaybeHandle = Handle | undefined;
type ConvolutionFunctions = {
  convolution(
    ...values: [
      ...[x: Handle, filter: Handle, bias: MaybeHandle],
      ...WindowValues,
      ...[depthwise: boolean, channelsFirst: boolean],
      ...[activation: string, prelu: MaybeHandle, leaky: number],
    ]
  ): Handle;
  convolutionInputGrad(
    ...values: [dy: Handle, filter: Handle, shape: Sizes, ...WindowValues, ...Kind]
  ): Handle;
  convolutionFilterGrad(...values: [x: Handle, dy: Handle, shape: Sizes, ...WindowValues, ...Kind]): Handle;
};
type WindowValues = [stride: Sizes, padding: Sizes, dilation: Sizes, out: Sizes];
type Kind = [depthwise: boolean, channelsFirst: boolean];

/** Attributes of tfjs's kernels; those of three dimensions have fewer. */
type Attributes = {
  strides: number | number[];
  pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  dataFormat?: string;
  dilations?: number | number[] | null;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
};
type FusedAttributes = Attributes & {activation: string; leakyreluAlpha?: number};
type InputAttributes = Attributes & {inputShape: number[]};
type FilterAttributes = Attributes & {filterShape: number[]};

const values = ({stride, padding, dilation, out}: Window): WindowValues => [stride, padding, dilation, out];

type Family = {
  readonly depthwise: boolean;
  window(x: Sizes, filter: Sizes, attributes: Attributes): Window;
};

const planar = (depthwise: boolean): Family => ({
  depthwise,
  window: (x, filter, {strides, pad, dataFormat, dilations, dimRoundingMode}) =>
    window2D(
      tf.backend_util.computeConv2DInfo(
        x as [number, number, number, number],
        filter as [number, number, number, number],
        strides as number | [number, number],
        (dilations ?? 1) as number | [number, number],
        pad,
        dimRoundingMode,
        depthwise,
        dataFormat === 'NCHW' ? 'channelsFirst' : 'channelsLast',
      ),
    ),
});

const spatial: Family = {
  depthwise: false,
  window: (x, filter, {strides, pad, dilations}) =>
    window3D(
      tf.backend_util.computeConv3DInfo(
        x as [number, number, number, number, number],
        filter as [number, number, number, number, number],
        strides as number | [number, number, number],
        (dilations ?? 1) as number | [number, number, number],
        pad as 'valid' | 'same',
      ),
    ),
};

const maybeHandle = (backend: TorchBackend, tensor: tf.TensorInfo | undefined): MaybeHandle =>
  tensor === undefined || tensor === null ? undefined : backend.handle(tensor);

export function registerConvolution(): void {
  registerForward('Conv2D', planar(false));
  registerForward('FusedConv2D', planar(false));
  registerForward('DepthwiseConv2dNative', planar(true));
  registerForward('FusedDepthwiseConv2D', planar(true));
  registerForward('Conv3D', spatial);
  registerGradients('Conv2DBackpropInput', 'Conv2DBackpropFilter', planar(false));
  registerGradients(
    'DepthwiseConv2dNativeBackpropInput',
    'DepthwiseConv2dNativeBackpropFilter',
    planar(true),
  );
  registerGradients('Conv3DBackpropInputV2', 'Conv3DBackpropFilterV2', spatial);
}

function registerForward(kernelName: string, {depthwise, window}: Family): void {
  const native = functionsOf<ConvolutionFunctions>();
  const compute = (backend: TorchBackend, inputs: KernelInputs, attributes: FusedAttributes) => {
    const {x, filter, bias, preluActivationWeights} = inputs;
    return backend.adopt(
      native.convolution(
        ...([backend.handle(x!), backend.handle(filter!), maybeHandle(backend, bias)] as const),
        ...values(window(x!.shape, filter!.shape, attributes)),
        ...([depthwise, attributes.dataFormat === 'NCHW'] as const),
        attributes.activation ?? 'linear',
        maybeHandle(backend, preluActivationWeights),
        attributes.leakyreluAlpha ?? 0,
      ),
    );
  };
  registerTorchKernel<FusedAttributes>(kernelName, compute);
}

function registerGradients(inputKernel: string, filterKernel: string, {depthwise, window}: Family): void {
  const native = functionsOf<ConvolutionFunctions>();
  registerTorchKernel<InputAttributes>(inputKernel, (backend, {dy, filter}, attributes) => {
    const {inputShape} = attributes;
    return backend.adopt(
      native.convolutionInputGrad(
        ...([backend.handle(dy!), backend.handle(filter!), inputShape] as const),
        ...values(window(inputShape, filter!.shape, attributes)),
        ...([depthwise, attributes.dataFormat === 'NCHW'] as const),
      ),
    );
  });
  registerTorchKernel<FilterAttributes>(filterKernel, (backend, {x, dy}, attributes) => {
    const {filterShape} = attributes;
    return backend.adopt(
      native.convolutionFilterGrad(
        ...([backend.handle(x!), backend.handle(dy!), filterShape] as const),
        ...values(window(x!.shape, filterShape, attributes)),
        ...([depthwise, attributes.dataFormat === 'NCHW'] as const),
      ),
    );
  });
}
