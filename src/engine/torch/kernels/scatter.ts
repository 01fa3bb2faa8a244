/** Slices by coordinates, read and written, and tensors made of indices, on torch (native/scatter.cc). */
import * as tf from '@tensorflow/tfjs';
import {functionsOf, type Handle} from '../addon.js';
import {dtypeCode} from '../backend.js';
import {registerTorchKernel} from './kernel.js';

type ScatterFunctions = {
  gatherNd(
    x: Handle,
    coordinates: Handle,
    sliceSize: number,
    strides: readonly number[],
    shape: readonly number[],
  ): Handle;
  scatterNd(
    coordinates: Handle,
    updates: Handle,
    sliceSize: number,
    strides: readonly number[],
    shape: readonly number[],
  ): Handle;
  tensorScatterUpdate(
    x: Handle,
    coordinates: Handle,
    updates: Handle,
    sliceSize: number,
    strides: readonly number[],
  ): Handle;
  oneHot(indices: Handle, depth: number, on: number, off: number, dtype: number): Handle;
  diag(x: Handle): Handle;
};

export function registerScatterKernels(): void {
  registerIndexKernels();
  const native = functionsOf<ScatterFunctions>();

  registerTorchKernel('GatherNd', (backend, {params, indices}) => {
    const [shape, , sliceSize, strides] = tf.backend_util.prepareAndValidate(params!, indices!);
    const [x, coordinates] = [backend.handle(params!), backend.handle(indices!)];
    return backend.adopt(native.gatherNd(x, coordinates, sliceSize, strides, shape));
  });

  registerTorchKernel<tf.ScatterNdAttrs>('ScatterNd', (backend, {indices, updates}, {shape}) => {
    const {sliceSize, strides} = tf.backend_util.calculateShapes(updates!, indices!, shape);
    const [coordinates, values] = [backend.handle(indices!), backend.handle(updates!)];
    return backend.adopt(native.scatterNd(coordinates, values, sliceSize, strides, shape));
  });

  registerTorchKernel('TensorScatterUpdate', (backend, {tensor, indices, updates}) => {
    const {sliceSize, strides} = tf.backend_util.calculateShapes(updates!, indices!, tensor!.shape);
    return backend.adopt(
      native.tensorScatterUpdate(
        backend.handle(tensor!),
        backend.handle(indices!),
        backend.handle(updates!),
        sliceSize,
        strides,
      ),
    );
  });
}

function registerIndexKernels(): void {
  const native = functionsOf<ScatterFunctions>();

  registerTorchKernel<tf.OneHotAttrs>('OneHot', (backend, {indices}, {depth, onValue, offValue, dtype}) =>
    backend.adopt(native.oneHot(backend.handle(indices!), depth, onValue, offValue, dtypeCode(dtype))),
  );

  registerTorchKernel('Diag', (backend, {x}) => backend.adopt(native.diag(backend.handle(x!))));
}
