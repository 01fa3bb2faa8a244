/** tfjs's own pooling on torch (native/pool.cc). Dilated pools are composed by tfjs from these. */
import * as tf from '@tensorflow/tfjs';
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';
import {type Window, window2D, window3D} from './window.js';

type Sizes = readonly number[];
type WindowValues = [size: Sizes, stride: Sizes, padding: Sizes, out: Sizes];
type PoolFunctions = {
  maxPool(x: Handle, ...window: WindowValues): Handle;
  maxPoolGrad(dy: Handle, x: Handle, ...window: WindowValues): Handle;
  /** Makes the maximum and its place. */
  maxPoolWithPlaces(x: Handle, ...values: [...WindowValues, withBatch: boolean]): number;
  averagePool(x: Handle, ...window: WindowValues): Handle;
  averagePoolGrad(dy: Handle, shape: Sizes, ...window: WindowValues): Handle;
};

type Attributes = {
  filterSize: number | number[];
  strides: number | number[];
  pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
};

type WindowOf = (x: Sizes, attributes: Attributes) => Window;

const values = ({size, stride, padding, out}: Window): WindowValues => [size, stride, padding, out];

const planar: WindowOf = (x, {filterSize, strides, pad, dimRoundingMode}) =>
  window2D(
    tf.backend_util.computePool2DInfo(
      x as [number, number, number, number],
      filterSize as number | [number, number],
      strides as number | [number, number],
      1,
      pad,
      dimRoundingMode,
    ),
  );

const spatial: WindowOf = (x, {filterSize, strides, pad, dimRoundingMode}) =>
  window3D(
    tf.backend_util.computePool3DInfo(
      x as [number, number, number, number, number],
      filterSize as number | [number, number, number],
      strides as number | [number, number, number],
      1,
      pad as 'valid' | 'same' | number,
      dimRoundingMode,
    ),
  );

export function registerPool(): void {
  registerPools('2D', planar);
  registerPools('3D', spatial);
  const native = functionsOf<PoolFunctions>();
  registerTorchKernel<Attributes & {includeBatchInIndex: boolean}>(
    'MaxPoolWithArgmax',
    (backend, {x}, attributes) => {
      const window = values(planar(x!.shape, attributes));
      native.maxPoolWithPlaces(backend.handle(x!), ...window, attributes.includeBatchInIndex);
      return backend.adoptAll();
    },
  );
}

/** Windows of one element that keep the shape: tfjs takes them for no pooling at all, whatever their padding. */
const isIdentity = ({size, out}: Window, x: tf.TensorInfo): boolean =>
  size.every(side => side === 1) && tf.util.arraysEqual(x.shape.slice(1, -1), [...out]);

/** @param dimensions tfjs leaves it out of the names of kernels of two */
function registerPools(dimensions: '2D' | '3D', windowOf: WindowOf): void {
  const native = functionsOf<PoolFunctions>();
  const suffix = dimensions === '2D' ? '' : dimensions;
  const forward = (kernelName: string, pool: (x: Handle, ...window: WindowValues) => Handle) =>
    registerTorchKernel<Attributes>(kernelName, (backend, {x}, attributes) => {
      const [image, window] = [backend.handle(x!), windowOf(x!.shape, attributes)];
      const unchanged = dimensions === '2D' && isIdentity(window, x!);
      return backend.adopt(unchanged ? backend.native.alias(image) : pool(image, ...values(window)));
    });
  forward(`MaxPool${suffix}`, native.maxPool);
  forward(`AvgPool${suffix}`, native.averagePool);
  registerTorchKernel<Attributes>(`MaxPool${suffix}Grad`, (backend, {dy, input}, attributes) => {
    const window = values(windowOf(input!.shape, attributes));
    return backend.adopt(native.maxPoolGrad(backend.handle(dy!), backend.handle(input!), ...window));
  });
  registerTorchKernel<Attributes>(`AvgPool${suffix}Grad`, (backend, {dy, input}, attributes) => {
    const window = values(windowOf(input!.shape, attributes));
    return backend.adopt(native.averagePoolGrad(backend.handle(dy!), input!.shape, ...window));
  });
}
