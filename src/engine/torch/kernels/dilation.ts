/** Greyscale dilation and its gradients on torch (native/dilation.cc). */
import * as tf from '@tensorflow/tfjs';
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

/** Of a window: [height, width] each, but for the padding: [top, bottom, left, right]. */
type Window = [
  strides: readonly number[],
  dilations: readonly number[],
  padding: readonly number[],
  output: readonly number[],
];

type DilationFunctions = {
  dilation2d(...values: [x: Handle, filter: Handle, ...Window]): Handle;
  dilation2dInputGrad(...values: [dy: Handle, x: Handle, filter: Handle, ...Window]): Handle;
  dilation2dFilterGrad(...values: [dy: Handle, x: Handle, filter: Handle, ...Window]): Handle;
};

function windowOf(x: tf.TensorInfo, filter: tf.TensorInfo, attributes: tf.Dilation2DAttrs): Window {
  const {strides, pad, dilations} = attributes;
  const info = tf.backend_util.computeDilation2DInfo(
    x.shape as [number, number, number, number],
    filter.shape as [number, number, number],
    strides,
    pad,
    'NHWC',
    dilations,
  );
  const {top, bottom, left, right} = info.padInfo;
  return [
    [info.strideHeight, info.strideWidth],
    [info.dilationHeight, info.dilationWidth],
    [top, bottom, left, right],
    [info.outHeight, info.outWidth],
  ];
}

export function registerDilationKernels(): void {
  const native = functionsOf<DilationFunctions>();

  registerTorchKernel<tf.Dilation2DAttrs>('Dilation2D', (backend, {x, filter}, attributes) =>
    backend.adopt(
      native.dilation2d(backend.handle(x!), backend.handle(filter!), ...windowOf(x!, filter!, attributes)),
    ),
  );

  for (const [kernelName, gradient] of [
    ['Dilation2DBackpropInput', native.dilation2dInputGrad],
    ['Dilation2DBackpropFilter', native.dilation2dFilterGrad],
  ] as const) {
    registerTorchKernel<tf.Dilation2DAttrs>(kernelName, (backend, {x, filter, dy}, attributes) => {
      const handles = [backend.handle(dy!), backend.handle(x!), backend.handle(filter!)] as const;
      return backend.adopt(gradient(...handles, ...windowOf(x!, filter!, attributes)));
    });
  }
}
