/**
 * Splitting (the gradient of `tf.concat`) and tiling on the wasm engine; the stock kernels copy element by element, or
 * the whole heap out and in again.
 */
import * as tf from '@tensorflow/tfjs';
import {registerWasmKernel} from './kernel.js';

export function registerBlocks(): void {
  registerWasmKernel<{numOrSizeSplits: number[] | number; axis: number}>(
    'SplitV',
    ({inputs, attributes, backend, module}) => {
      const {x} = inputs as {x: tf.TensorInfo};
      const axis = tf.util.parseAxisParam(attributes.axis, x.shape)[0]!;
      const sizes = tf.backend_util.prepareSplitSize(x as tf.Tensor, attributes.numOrSizeSplits, axis);
      const runs = tf.util.sizeFromShape(x.shape.slice(0, axis));
      const inner = tf.util.sizeFromShape(x.shape.slice(axis + 1)) * tf.util.bytesPerElement(x.dtype);
      const outputs = sizes.map(size => backend.makeOutput(x.shape.with(axis, size), x.dtype));
      // Addresses are read after all outputs are made; they stay where they are when the heap grows.
      let from = module.address(x);
      for (const [i, size] of sizes.entries()) {
        const bytes = size * inner;
        module.call('copyBlocks', from, x.shape[axis]! * inner, outputs[i]!, bytes, bytes, runs);
        from += bytes;
      }
      return outputs;
    },
  );
  registerWasmKernel<{reps: number[]}>('Tile', ({inputs, attributes, backend, module}) => {
    const {x} = inputs as {x: tf.TensorInfo};
    // From the last axis to the first, every run of the axis and all behind it is repeated.
    let tiled = x;
    let bytes = tf.util.bytesPerElement(x.dtype);
    for (let axis = x.shape.length - 1; axis >= 0; axis--) {
      const repetitions = attributes.reps[axis]!;
      bytes *= x.shape[axis]!;
      if (repetitions !== 1) {
        const source = tiled;
        tiled = backend.makeOutput(source.shape.with(axis, x.shape[axis]! * repetitions), x.dtype);
        const runs = tf.util.sizeFromShape(x.shape.slice(0, axis));
        module.call('repeatBlocks', source, tiled, bytes, runs, repetitions);
        if (source !== x) backend.disposeData(source.dataId);
      }
      bytes *= repetitions;
    }
    if (tiled !== x) return tiled;
    backend.incRef(x.dataId);
    return {dataId: x.dataId, shape: x.shape, dtype: x.dtype};
  });
}
