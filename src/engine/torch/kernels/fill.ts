/** Kernels that make constants and progressions (native/fill.cc). */
import * as tf from '@tensorflow/tfjs';
import {functionsOf, type Handle} from '../addon.js';
import {dtypeCode} from '../backend.js';
import {registerTorchKernel} from './kernel.js';

type FillFunctions = {
  fill(shape: readonly number[], value: number, dtype: number): Handle;
  /** start + i * step for i in 0 .. count - 1. */
  range(start: number, step: number, count: number, dtype: number): Handle;
  linspace(start: number, stop: number, count: number): Handle;
};
type Fill = {shape: number[]; value: number | boolean; dtype?: string};
type Range = {start: number; stop: number; step: number; dtype: string};

export function registerFill(): void {
  const native = functionsOf<FillFunctions>();
  registerTorchKernel<Fill>('Fill', (backend, _, {shape, value, dtype}) => {
    const code = dtypeCode(dtype ?? tf.util.inferDtype(value));
    return backend.adopt(native.fill(shape, Number(value), code));
  });
  registerTorchKernel<Range>('Range', (backend, _, {start, stop, step, dtype}) => {
    // A range downwards may leave out its step, which tfjs then gives as 1.
    const by = stop < start && step === 1 ? -1 : step;
    const count = start === stop ? 0 : Math.max(0, Math.ceil((stop - start) / by));
    return backend.adopt(native.range(start, by, count, dtypeCode(dtype)));
  });
  registerTorchKernel<{start: number; stop: number; num: number}>('LinSpace', (backend, _, attributes) =>
    backend.adopt(native.linspace(attributes.start, attributes.stop, attributes.num)),
  );
}
