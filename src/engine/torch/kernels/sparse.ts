/**
 * Sparse tensors as tfjs has them: indices [n, rank], values [n], a dense shape [rank]. The indices of a reshape and of
 * filled rows are computed by the host, which has to know their number anyway.
 */
import * as tf from '@tensorflow/tfjs';
import {RunError} from '../../../errors.js';
import {functionsOf, type Handle} from '../addon.js';
import type {TorchBackend} from '../backend.js';
import {type KernelInputs, registerTorchKernel} from './kernel.js';

type SparseFunctions = {
  sparseToDense(indices: Handle, values: Handle, otherwise: Handle, shape: readonly number[]): Handle;
};

const {backend_util: messages} = tf;

export function registerSparse(): void {
  const native = functionsOf<SparseFunctions>();
  registerTorchKernel<{outputShape: number[]}>(
    'SparseToDense',
    (backend, {sparseIndices, sparseValues, defaultValue}, {outputShape}) => {
      const [indices, values] = [backend.handle(sparseIndices!), backend.handle(sparseValues!)];
      return backend.adopt(native.sparseToDense(indices, values, backend.handle(defaultValue!), outputShape));
    },
  );
  registerTorchKernel('SparseFillEmptyRows', fillEmptyRows);
  registerTorchKernel('SparseReshape', reshape);
  registerTorchKernel('BroadcastArgs', (backend, {s0, s1}) => {
    const shape = messages.assertAndGetBroadcastShape(wholeNumbers(backend, s0!), wholeNumbers(backend, s1!));
    return made(backend, Int32Array.from(shape), [shape.length], 'int32');
  });
}

const wholeNumbers = (backend: TorchBackend, {dataId}: tf.TensorInfo): number[] =>
  Array.from(backend.readSync(dataId) as Int32Array);

function made(
  backend: TorchBackend,
  values: tf.backend_util.TypedArray,
  shape: number[],
  dtype: tf.DataType,
): tf.TensorInfo {
  return {dataId: backend.write(values, shape, dtype), shape, dtype};
}

function requireRank(rank: number, name: string, {shape}: tf.TensorInfo): void {
  const kind = ['a scalar', 'a vector', 'a matrix'][rank];
  if (shape.length !== rank) throw new RunError(`${name} must be ${kind}, saw: ${shape}`);
}

/**
 * Gives every row without a value the default at its first column. Results: indices and values in the order of rows,
 * whether a row was empty, and where each of the old values went.
 */
function fillEmptyRows(backend: TorchBackend, inputs: KernelInputs): tf.TensorInfo[] {
  const {indices, values, denseShape, defaultValue} = inputs;
  requireRank(1, 'Dense shape', denseShape!);
  requireRank(2, 'Indices', indices!);
  requireRank(1, 'Values', values!);
  requireRank(0, 'Default value', defaultValue!);
  const places = backend.readSync(indices!.dataId) as Int32Array;
  const old = backend.readSync(values!.dataId) as tf.backend_util.TypedArray;
  const [otherwise = 0] = backend.readSync(defaultValue!.dataId) as tf.backend_util.TypedArray;
  const [rows = 0] = wholeNumbers(backend, denseShape!);
  const [count = 0, rank = 0] = indices!.shape;
  if (rows === 0 && count > 0)
    throw new RunError(messages.getSparseFillEmptyRowsIndicesDenseShapeMismatch(count));

  const valuesOfRow: number[][] = Array.from({length: rows}, () => []);
  for (let i = 0; i < count; i++) {
    const row = places[i * rank]!;
    if (row < 0) throw new RunError(messages.getSparseFillEmptyRowsNegativeIndexErrorMessage(i, row));
    if (row >= rows)
      throw new RunError(messages.getSparseFillEmptyRowsOutOfRangeIndexErrorMessage(i, row, rows));
    valuesOfRow[row]!.push(i);
  }
  const empty = Uint8Array.from(valuesOfRow, held => (held.length === 0 ? 1 : 0));
  const total = count + empty.reduce((sum, flag) => sum + flag, 0);
  const filledPlaces = new Int32Array(total * rank);
  const filled = tf.util.getTypedArrayFromDType(values!.dtype as 'float32', total);
  const whereTo = new Int32Array(count);
  let next = 0;
  for (const [row, held] of valuesOfRow.entries()) {
    if (held.length === 0) {
      filledPlaces[next * rank] = row;
      filled[next++] = otherwise;
    }
    for (const i of held) {
      filledPlaces.set(places.subarray(i * rank, (i + 1) * rank), next * rank);
      whereTo[i] = next;
      filled[next++] = old[i]!;
    }
  }
  return [
    made(backend, filledPlaces, [total, rank], indices!.dtype),
    made(backend, filled, [total], values!.dtype),
    made(backend, empty, [rows], 'bool'),
    made(backend, whereTo, [count], indices!.dtype),
  ];
}

/** The same values under another dense shape, of which one size may be -1: new indices, and the shape. */
function reshape(backend: TorchBackend, inputs: KernelInputs): tf.TensorInfo[] {
  const {inputIndices, inputShape, newShape} = inputs;
  requireRank(2, 'Input indices', inputIndices!);
  requireRank(1, 'Input shape', inputShape!);
  requireRank(1, 'Target shape', newShape!);
  const places = backend.readSync(inputIndices!.dataId) as Int32Array;
  const from = wholeNumbers(backend, inputShape!);
  const to = completed(from, wholeNumbers(backend, newShape!));
  const count = inputIndices!.shape[0]!;
  const moved = new Int32Array(count * to.length);
  for (let i = 0; i < count; i++) {
    let position = 0;
    for (const [axis, size] of from.entries()) position = position * size + places[i * from.length + axis]!;
    for (let axis = to.length - 1; axis >= 0; axis--) {
      moved[i * to.length + axis] = position % to[axis]!;
      position = Math.trunc(position / to[axis]!);
    }
  }
  return [
    made(backend, moved, [count, to.length], inputIndices!.dtype),
    made(backend, Int32Array.from(to), [to.length], newShape!.dtype),
  ];
}

/** The wanted shape with what -1 stands for. @throws RunError where no shape of that size is */
function completed(from: readonly number[], wanted: readonly number[]): number[] {
  const size = tf.util.sizeFromShape([...from]);
  const unknown = wanted.indexOf(-1);
  const known = wanted.map(length => (length === -1 ? 1 : length));
  for (const [axis, length] of wanted.entries()) {
    if (length === -1 && axis !== unknown)
      throw new RunError(messages.getSparseReshapeMultipleNegativeOneOutputDimErrorMessage(unknown, axis));
    if (length < -1) throw new RunError(messages.getSparseReshapeNegativeOutputDimErrorMessage(axis, length));
  }
  const product = tf.util.sizeFromShape(known);
  if (unknown >= 0) {
    if (product <= 0) throw new RunError(messages.getSparseReshapeEmptyTensorZeroOutputDimErrorMessage());
    if (size % product !== 0)
      throw new RunError(messages.getSparseReshapeInputOutputMultipleErrorMessage([...from], known));
    known[unknown] = size / product;
  } else if (product !== size) {
    throw new RunError(messages.getSparseReshapeInputOutputMismatchErrorMessage([...from], known));
  }
  return known;
}
