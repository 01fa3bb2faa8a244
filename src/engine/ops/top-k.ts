/** The k largest values with their positions: which predictions of a level go on to decoding and NMS. No gradient. */
import * as tf from '@tensorflow/tfjs';
import {topK as topKOnHost} from '../host/top-k.js';
import {registerComposite, runKernel} from './composite.js';

export type TopK<T extends tf.Tensor> = {
  readonly values: T;
  /** int32, along the last axis of the input. */
  readonly indices: T;
};

/** Without `bounded` every value is taken; NaN counts as -Infinity. */
export type TopKAttributes = {k: number; lengths: number[]; bounded: boolean; above: number};

/**
 * The k largest of a vector or of each row, by falling value; of equal values the lower index comes first. NaN comes
 * last, with -Infinity.
 *
 * @param x float32 [N] or [R, N]
 * @returns values and indices, [min(k, N)] or [R, min(k, N)]
 * @throws Error when k is no whole number or x is not float32
 */
export function topK(x: tf.Tensor1D, k: number): TopK<tf.Tensor1D>;
export function topK(x: tf.Tensor2D, k: number): TopK<tf.Tensor2D>;
export function topK(x: tf.Tensor1D | tf.Tensor2D, k: number): TopK<tf.Tensor> {
  const [rows, columns] = x.rank === 1 ? [1, x.size] : (x.shape as [number, number]);
  const found = Math.min(k, columns);
  return tf.tidy(() => {
    const matrix = tf.reshape(x, [rows, columns]) as tf.Tensor2D;
    const {values, indices} = run(matrix, {k: found, lengths: [columns], bounded: false, above: 0});
    const shape = x.rank === 1 ? [found] : [rows, found];
    return {values: tf.reshape(values, shape), indices: tf.reshape(indices, shape)};
  });
}

export type SegmentTopKOptions = {
  /** At most so many of a segment. */
  readonly k: number;
  /** A value must exceed this; NaN exceeds nothing. */
  readonly above: number;
};

/**
 * The k largest above a bound of every segment of every row: at most k a pyramid level and image, from the predictions
 * of all levels in one row.
 *
 * @param x float32 [B, N]
 * @param lengths of the L segments, in order; their sum is N
 * @returns values and indices [B, L, k] by falling value, of equal values the lower index first; an index counts from
 *   the start of the row. Where a segment has fewer than k, the rest is -Infinity at index -1.
 * @throws Error when the lengths do not add up to N, k is no whole number or x is not float32
 */
export function segmentTopK(
  x: tf.Tensor2D,
  lengths: readonly number[],
  {k, above}: SegmentTopKOptions,
): TopK<tf.Tensor3D> {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (total !== x.shape[1] || !lengths.every(isCount)) {
    throw new Error(`topK: segments of ${lengths.join(', ')} do not make up rows of ${x.shape[1]}`);
  }
  return run(x, {k, lengths: [...lengths], bounded: true, above});
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

function run(x: tf.Tensor2D, attributes: TopKAttributes): TopK<tf.Tensor3D> {
  if (!isCount(attributes.k)) throw new Error(`topK: k must be a whole number, not ${attributes.k}`);
  if (x.dtype !== 'float32') throw new Error(`topK: values must be float32, not ${x.dtype}`);
  const [values, indices] = runKernel<tf.Tensor3D[]>('SfTopK', {x}, attributes) as [tf.Tensor3D, tf.Tensor3D];
  return {values, indices};
}

registerComposite<TopKAttributes>('SfTopK', (inputs, {k, lengths, bounded, above}) => {
  const [rows, columns] = inputs.x!.shape as [number, number];
  const x = inputs.x!.dataSync<'float32'>();
  const values = new Float32Array(rows * lengths.length * k).fill(Number.NEGATIVE_INFINITY);
  const indices = new Int32Array(values.length).fill(-1);
  let o = 0;
  for (let row = 0; row < rows; row++) {
    let start = row * columns;
    for (const length of lengths) {
      const end = start + length;
      const found = topKOnHost(x, k, bounded ? {above, start, end} : {start, end});
      for (const [i, position] of found.entries()) {
        values[o + i] = x[position]!;
        indices[o + i] = position - row * columns;
      }
      o += k;
      start = end;
    }
  }
  const shape: [number, number, number] = [rows, lengths.length, k];
  return [tf.tensor3d(values, shape), tf.tensor3d(indices, shape, 'int32')];
});
