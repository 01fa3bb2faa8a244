/** Reductions over axes, and the softmax (native/reduce.cc). */
import * as tf from '@tensorflow/tfjs';
import {RunError} from '../../../errors.js';
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

/** Kernels of the input x and the attributes axis and keepDims; the addon calls them by the same names. */
const OVER_AXES = ['All', 'Any', 'Max', 'Mean', 'Min', 'Prod', 'Sum'] as const;
const OVER_AXIS = ['ArgMax', 'ArgMin'] as const;

type ReduceFunctions = {softmax(logits: Handle): Handle} & Readonly<
  Record<(typeof OVER_AXES)[number], (x: Handle, axes: readonly number[], keepDims: boolean) => Handle> &
    Record<(typeof OVER_AXIS)[number], (x: Handle, axis: number) => Handle>
>;
type Axes = number | number[];
/** tfjs's Max names its axes differently. */
type OverAxes = {axis?: Axes; reductionIndices?: Axes; keepDims?: boolean};

export function registerReduce(): void {
  const native = functionsOf<ReduceFunctions>();
  for (const name of OVER_AXES) {
    const compute = native[name];
    registerTorchKernel<OverAxes>(name, (backend, {x}, {axis, reductionIndices, keepDims}) => {
      const axes = tf.util.parseAxisParam((axis ?? reductionIndices)!, x!.shape);
      return backend.adopt(compute(backend.handle(x!), axes, keepDims === true));
    });
  }
  for (const name of OVER_AXIS) {
    const compute = native[name];
    registerTorchKernel<{axis: Axes}>(name, (backend, {x}, {axis}) =>
      backend.adopt(compute(backend.handle(x!), tf.util.parseAxisParam(axis, x!.shape)[0]!)),
    );
  }
  registerTorchKernel<{dim: number}>('Softmax', (backend, {logits}, {dim}) => {
    const last = logits!.shape.length - 1;
    if (dim !== -1 && dim !== last)
      throw new RunError(`softmax along axis ${dim}; only the last (${last}) is`);
    return backend.adopt(native.softmax(backend.handle(logits!)));
  });
}
