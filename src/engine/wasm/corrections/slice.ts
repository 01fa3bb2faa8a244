/**
 * Slice: the stock kernel reads past the input when the slice does, and copies the whole input out of the heap before it
 * takes its part.
 */
import * as tf from '@tensorflow/tfjs';
import {input, type Kernel} from './override.js';

/** Copies the slice from `values` [...shape] to the front of `out`, whole runs of the innermost axes at a time. */
function copySlice(
  values: tf.backend_util.TypedArray,
  shape: readonly number[],
  begin: readonly number[],
  size: readonly number[],
  out: tf.backend_util.TypedArray,
): void {
  // Axes after `split` are taken whole, so everything from `split` on is contiguous.
  let split = shape.length - 1;
  while (split > 0 && size[split] === shape[split]) split--;
  const strides = [...tf.util.computeStrides([...shape]), 1];
  const run = size.slice(split).reduce((product, n) => product * n, 1);
  if (run === 0) return;

  const offsetOf = (axis: number): number => begin[axis]! * strides[axis]!;
  const tail = begin.reduce((sum, _, axis) => (axis >= split ? sum + offsetOf(axis) : sum), 0);
  const index = new Array<number>(split).fill(0);
  for (let written = 0; written < out.length; written += run) {
    let offset = tail;
    for (let axis = 0; axis < split; axis++) offset += (begin[axis]! + index[axis]!) * strides[axis]!;
    out.set(values.subarray(offset, offset + run), written);
    for (let axis = split - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      if (index[axis]! < size[axis]!) break;
      index[axis] = 0;
    }
  }
}

export const correctSlice =
  (stock: Kernel): Kernel =>
  call => {
    const {backend, attrs} = call;
    const x = input(call, 'x');
    const [begin, size] = tf.slice_util.parseSliceParams(
      x as tf.Tensor,
      attrs?.begin as number | number[],
      attrs?.size as number | number[],
    ) as [number[], number[]];
    tf.slice_util.assertParamsValid(x as tf.Tensor, begin, size);
    if (x.dtype === 'string') return stock(call);
    const out = backend.makeOutput(size, x.dtype);
    // Views are taken after the output is made: the heap may move when it grows.
    const values = backend.typedArrayFromHeap(x);
    const sliced = backend.typedArrayFromHeap(out);
    if (x.shape.length === 0) sliced.set(values);
    else copySlice(values, x.shape, begin, size, sliced);
    return out;
  };
