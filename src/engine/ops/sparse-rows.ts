/**
 * Products of a sparse matrix with the rows of dense ones: the composite of operations whose weights are found on the
 * host (RoIAlign). Row i of the sparse matrix holds the elements starts[i] .. starts[i + 1] - 1; its columns are rows of
 * the dense matrix number `sources[i]`. Kernels without gradient, for composites alone.
 */
import * as tf from '@tensorflow/tfjs';
import {registerComposite, runKernel} from './composite.js';

export type SparseRows = {
  readonly sources: Int32Array; // [n]
  readonly starts: Int32Array; // [n + 1]
  /** A column of -1 makes the row NaN. */
  readonly columns: Int32Array;
  readonly weights: Float32Array;
};

type TransposedAttributes = {source: number; rows: number};

/** y[i] = sum over the elements of row i of weight x[source][column]. @param x dense matrices [m, D] @returns [n, D] */
export function multiplySparse(matrix: SparseRows, x: readonly tf.Tensor2D[]): tf.Tensor2D {
  const dense = Object.fromEntries(x.map((tensor, i) => [`x${i}`, tensor]));
  return runKernel<tf.Tensor2D>('SfSparseRows', {...tensorsOf(matrix), ...dense});
}

/** The transposed matrix times dy [n, D], of the elements that belong to one source. @returns [rows, D] */
export function multiplySparseTransposed(
  matrix: SparseRows,
  dy: tf.Tensor2D,
  attributes: TransposedAttributes,
): tf.Tensor2D {
  return runKernel<tf.Tensor2D>('SfSparseRowsTransposed', {...tensorsOf(matrix), dy}, attributes);
}

function tensorsOf({sources, starts, columns, weights}: SparseRows) {
  return {
    sources: tf.tensor1d(sources, 'int32'),
    starts: tf.tensor1d(starts, 'int32'),
    columns: tf.tensor1d(columns, 'int32'),
    weights: tf.tensor1d(weights, 'float32'),
  };
}

function matrixOf(inputs: tf.NamedTensorMap): SparseRows {
  return {
    sources: inputs.sources!.dataSync<'int32'>(),
    starts: inputs.starts!.dataSync<'int32'>(),
    columns: inputs.columns!.dataSync<'int32'>(),
    weights: inputs.weights!.dataSync<'float32'>(),
  };
}

registerComposite('SfSparseRows', inputs => {
  const {sources, starts, columns, weights} = matrixOf(inputs);
  const dense: Float32Array[] = [];
  for (let i = 0; inputs[`x${i}`] !== undefined; i++) dense.push(inputs[`x${i}`]!.dataSync<'float32'>());
  const depth = inputs.x0!.shape[1]!;
  const y = new Float32Array(sources.length * depth);
  for (const [row, source] of sources.entries()) {
    const x = dense[source]!;
    const to = row * depth;
    for (let element = starts[row]!; element < starts[row + 1]!; element++) {
      if (columns[element]! < 0) {
        y.fill(Number.NaN, to, to + depth);
        continue;
      }
      const from = columns[element]! * depth;
      const weight = weights[element]!;
      for (let c = 0; c < depth; c++) y[to + c]! += weight * x[from + c]!;
    }
  }
  return tf.tensor2d(y, [sources.length, depth]);
});

registerComposite<TransposedAttributes>('SfSparseRowsTransposed', (inputs, attributes) => {
  const {sources, starts, columns, weights} = matrixOf(inputs);
  const dy = inputs.dy!.dataSync<'float32'>();
  const depth = inputs.dy!.shape[1]!;
  const dx = new Float32Array(attributes.rows * depth);
  for (const [row, source] of sources.entries()) {
    if (source !== attributes.source) continue;
    const from = row * depth;
    for (let element = starts[row]!; element < starts[row + 1]!; element++) {
      if (columns[element]! < 0) continue;
      const to = columns[element]! * depth;
      const weight = weights[element]!;
      for (let c = 0; c < depth; c++) dx[to + c]! += weight * dy[from + c]!;
    }
  }
  return tf.tensor2d(dx, [attributes.rows, depth]);
});
