/** Sums of rows by segment, and histograms (native/segments.cc). */
import * as tf from '@tensorflow/tfjs';
import {RunError} from '../../../errors.js';
import {functionsOf, type Handle} from '../addon.js';
import type {TorchBackend} from '../backend.js';
import {type KernelInputs, registerTorchKernel} from './kernel.js';

type SegmentFunctions = {
  unsortedSegmentSum(x: Handle, segments: Handle, count: number): Handle;
  bincount(x: Handle, weights: Handle, size: number, binary: boolean): Handle;
  sparseSegmentReduction(
    data: Handle,
    indices: Handle,
    segments: Handle,
    count: number,
    mean: boolean,
  ): Handle;
};
type Bins = {size: number; binaryOutput?: boolean};

export function registerSegments(): void {
  const native = functionsOf<SegmentFunctions>();
  registerTorchKernel<{numSegments: number}>(
    'UnsortedSegmentSum',
    (backend, {x, segmentIds}, {numSegments}) =>
      backend.adopt(native.unsortedSegmentSum(backend.handle(x!), backend.handle(segmentIds!), numSegments)),
  );
  for (const name of ['Bincount', 'DenseBincount']) {
    registerTorchKernel<Bins>(name, (backend, {x, weights}, {size, binaryOutput}) =>
      backend.adopt(
        native.bincount(backend.handle(x!), backend.handle(weights!), size, binaryOutput === true),
      ),
    );
  }
  for (const [name, mean] of [
    ['SparseSegmentSum', false],
    ['SparseSegmentMean', true],
  ] as const) {
    registerTorchKernel(name, (backend, inputs) => {
      const count = segmentCount(backend, inputs);
      const [data, indices, segments] = [inputs.data!, inputs.indices!, inputs.segmentIds!].map(tensor =>
        backend.handle(tensor),
      );
      return backend.adopt(native.sparseSegmentReduction(data!, indices!, segments!, count, mean));
    });
  }
}

/** The number of segments of a sparse reduction. @throws RunError for indices and segments that do not fit */
function segmentCount(backend: TorchBackend, {data, indices, segmentIds}: KernelInputs): number {
  const {backend_util: messages} = tf;
  const rows = data!.shape[0];
  if (rows === undefined) throw new RunError('Data should be at least 1 dimensional but received scalar');
  for (const [name, {shape}] of [
    ['Indices', indices!],
    ['Segment ids', segmentIds!],
  ] as const) {
    if (shape.length !== 1) throw new RunError(`${name} should be a vector but received shape ${shape}`);
  }
  if (indices!.shape[0] !== segmentIds!.shape[0])
    throw new RunError('segmentIds and indices should have same size.');

  const places = backend.readSync(indices!.dataId) as Int32Array;
  const segments = backend.readSync(segmentIds!.dataId) as Int32Array;
  const count = (segments.at(-1) ?? -1) + 1;
  if (segments.length > 0 && count <= 0)
    throw new RunError(messages.getSparseSegmentReductionNegativeSegmentIdsErrorMessage());
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i]!;
    if (i > 0 && segment < segments[i - 1]!)
      throw new RunError(messages.getSparseSegmentReductionNonIncreasingSegmentIdsErrorMessage());
    if (segment < 0 || segment >= count)
      throw new RunError(messages.getSparseSegmentReductionSegmentIdOutOfRangeErrorMessage(segment, count));
    const place = places[i]!;
    if (place < 0 || place >= rows)
      throw new RunError(messages.getSparseSegmentReductionIndicesOutOfRangeErrorMessage(i, place, rows));
  }
  return count;
}
