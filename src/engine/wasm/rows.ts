/**
 * Rows by index and by sparse weights on the wasm engine, and UnsortedSegmentSum, the gradient of `tf.gather`, which the
 * stock backend lacks.
 */
import * as tf from '@tensorflow/tfjs';
import {registerWasmKernel} from './kernel.js';

export function registerRows(): void {
  registerWasmKernel('SfGatherRows', ({inputs, backend, module}) => {
    const [rows, columns] = inputs.x!.shape as [number, number];
    const [count] = inputs.indices!.shape as [number];
    const y = backend.makeOutput([count, columns], 'float32');
    const bad = module.call('gatherRows', inputs.x!, inputs.indices!, y, count, rows, columns);
    if (bad >= 0) {
      backend.disposeData(y.dataId);
      throw new Error(`gatherRows: the index at ${bad} is not a row of 0 .. ${rows - 1}`);
    }
    return y;
  });
  registerWasmKernel<{rows: number}>('SfScatterRows', ({inputs, attributes, backend, module}) => {
    const [count, columns] = inputs.dy!.shape as [number, number];
    const y = backend.makeOutput([attributes.rows, columns], 'float32');
    module.call('scatterRows', inputs.dy!, inputs.indices!, y, count, attributes.rows, columns);
    return y;
  });
  registerWasmKernel<{numSegments: number}>('UnsortedSegmentSum', ({inputs, attributes, backend, module}) => {
    const {x, segmentIds} = inputs;
    const inner = x!.shape.slice(segmentIds!.shape.length);
    const count = tf.util.sizeFromShape(segmentIds!.shape);
    const sums = backend.makeOutput([attributes.numSegments, ...inner], 'float32');
    const columns = tf.util.sizeFromShape(inner);
    module.call('scatterRows', x!, segmentIds!, sums, count, attributes.numSegments, columns);
    return sums;
  });
  registerWasmKernel('SfSparseRows', ({inputs, backend, module}) => {
    const {sources, starts, columns, weights} = inputs;
    const [count] = sources!.shape as [number];
    const [, depth] = inputs.x0!.shape as [number, number];
    const y = backend.makeOutput([count, depth], 'float32');
    for (let source = 0; inputs[`x${source}`] !== undefined; source++) {
      const x = inputs[`x${source}`]!;
      module.call('sparseRows', x, source, sources!, starts!, columns!, weights!, y, count, depth);
    }
    return y;
  });
  registerWasmKernel<{source: number; rows: number}>(
    'SfSparseRowsTransposed',
    ({inputs, attributes: {source, rows}, backend, module}) => {
      const {dy, sources, starts, columns, weights} = inputs;
      const [count, depth] = dy!.shape as [number, number];
      const dx = backend.makeOutput([rows, depth], 'float32');
      module.call(
        'sparseRowsTransposed',
        ...[dy!, source, sources!, starts!, columns!, weights!, dx, count, depth, rows],
      );
      return dx;
    },
  );
}
