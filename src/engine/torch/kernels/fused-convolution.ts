/** The operations of src/engine/ops/convolution.ts on torch (native/fused_convolution.cc). */
import type * as tf from '@tensorflow/tfjs';
import {functionsOf, type Handle} from '../addon.js';
import type {TorchBackend} from '../backend.js';
import {type KernelInputs, registerTorchKernel} from './kernel.js';

type MaybeHandle = Handle | undefined;
type ConvolutionFunctions = {
  sfConvolution(
    ...values: [
      x: Handle,
      filter: Handle,
      scale: MaybeHandle,
      bias: MaybeHandle,
      residual: MaybeHandle,
      stride: number,
      padding: number,
      slope: number,
    ]
  ): Handle;
  sfConvolutionInputGrad(dy: Handle, filter: Handle, scale: MaybeHandle, ...window: ShapeAndWindow): Handle;
  sfConvolutionFilterGrad(x: Handle, dy: Handle, scale: MaybeHandle, ...window: ShapeAndWindow): Handle;
  sfBiasGrad(dy: Handle): Handle;
};
type ShapeAndWindow = [shape: readonly number[], stride: number, padding: number];
type Geometry = {stride: number; padding: number; slope: number};
type ShapeAttributes = Omit<Geometry, 'slope'> & {shape: number[]};

const maybeHandle = (backend: TorchBackend, tensor: tf.TensorInfo | undefined): MaybeHandle =>
  tensor === undefined ? undefined : backend.handle(tensor);

export function registerFusedConvolution(): void {
  const native = functionsOf<ConvolutionFunctions>();

  const forward = (backend: TorchBackend, inputs: KernelInputs, {stride, padding, slope}: Geometry) => {
    const {x, filter, scale, bias, residual} = inputs;
    return backend.adopt(
      native.sfConvolution(
        backend.handle(x!),
        backend.handle(filter!),
        maybeHandle(backend, scale),
        maybeHandle(backend, bias),
        maybeHandle(backend, residual),
        stride,
        padding,
        slope,
      ),
    );
  };
  for (const name of ['SfConvolution', 'SfConvolutionScaled']) {
    registerTorchKernel<Geometry>(name, forward);
    registerTorchKernel<Geometry>(`${name}Relu`, forward);
  }

  registerTorchKernel<ShapeAttributes>('SfConvolutionInputGrad', (backend, inputs, attributes) => {
    const {dy, filter, scale} = inputs;
    const {shape, stride, padding} = attributes;
    const [gradient, weights] = [backend.handle(dy!), backend.handle(filter!)];
    const multiplier = maybeHandle(backend, scale);
    return backend.adopt(
      native.sfConvolutionInputGrad(gradient, weights, multiplier, shape, stride, padding),
    );
  });
  registerTorchKernel<ShapeAttributes>('SfConvolutionFilterGrad', (backend, inputs, attributes) => {
    const {x, dy, scale} = inputs;
    const {shape, stride, padding} = attributes;
    const [image, gradient] = [backend.handle(x!), backend.handle(dy!)];
    const multiplier = maybeHandle(backend, scale);
    return backend.adopt(native.sfConvolutionFilterGrad(image, gradient, multiplier, shape, stride, padding));
  });
  registerTorchKernel('SfBiasGrad', (backend, {dy}) => backend.adopt(native.sfBiasGrad(backend.handle(dy!))));
}
