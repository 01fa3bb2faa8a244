/** Parts of tensors on torch (native/slices.cc). */
import * as tf from '@tensorflow/tfjs';
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

type SliceFunctions = {
  slice(x: Handle, begin: readonly number[], size: readonly number[]): Handle;
  stridedSlice(
    x: Handle,
    begin: readonly number[],
    strides: readonly number[],
    size: readonly number[],
    shape: readonly number[],
  ): Handle;
  split(x: Handle, sizes: readonly number[], axis: number): number;
  unpack(x: Handle, axis: number): number;
  reverse(x: Handle, axes: readonly number[]): Handle;
};

export function registerSliceKernels(): void {
  registerStridedSlice();
  const native = functionsOf<SliceFunctions>();

  registerTorchKernel<tf.SliceAttrs>('Slice', (backend, {x}, {begin, size}) => {
    const [from, sizes] = tf.slice_util.parseSliceParams(x!, begin, size) as [number[], number[]];
    tf.slice_util.assertParamsValid(x!, from, sizes);
    return backend.adopt(native.slice(backend.handle(x!), from, sizes));
  });

  registerTorchKernel<tf.SplitVAttrs>('SplitV', (backend, {x}, {numOrSizeSplits, axis}) => {
    const at = tf.util.parseAxisParam(axis, x!.shape)[0]!;
    const sizes = tf.backend_util.prepareSplitSize(x!, numOrSizeSplits, at);
    native.split(backend.handle(x!), sizes, at);
    return backend.adoptAll();
  });

  registerTorchKernel<tf.UnpackAttrs>('Unpack', (backend, {value}, {axis}) => {
    native.unpack(backend.handle(value!), tf.util.parseAxisParam(axis, value!.shape)[0]!);
    return backend.adoptAll();
  });

  registerTorchKernel<tf.ReverseAttrs>('Reverse', (backend, {x}, {dims}) =>
    backend.adopt(native.reverse(backend.handle(x!), tf.util.parseAxisParam(dims, x!.shape))),
  );

  registerTorchKernel('FlipLeftRight', (backend, {image}) =>
    backend.adopt(native.reverse(backend.handle(image!), [2])),
  );
}

function registerStridedSlice(): void {
  const native = functionsOf<SliceFunctions>();
  registerTorchKernel<tf.StridedSliceAttrs>('StridedSlice', (backend, {x}, attributes) => {
    const {begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask} = attributes;
    const info = tf.slice_util.sliceInfo(
      x!.shape,
      begin,
      end,
      strides,
      beginMask,
      endMask,
      ellipsisMask,
      newAxisMask,
      shrinkAxisMask,
    );
    const {begin: from, end: to, strides: steps, finalShape} = info;
    const size = tf.slice_util.computeOutShape(from, to, steps).map(count => Math.max(0, count));
    return backend.adopt(native.stridedSlice(backend.handle(x!), from, steps, size, finalShape));
  });
}
