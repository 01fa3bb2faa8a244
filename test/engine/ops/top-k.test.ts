import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {segmentTopK, type TopK, topK} from '../../../src/engine/ops/top-k.js';
import {ENGINES} from '../../engines.js';
import {onEngine, random} from './agreement.js';

/** Values and indices of a result, which is disposed. */
function read({values, indices}: TopK<tf.Tensor>) {
  const read = {shape: values.shape, values: [...values.dataSync()], indices: [...indices.dataSync()]};
  tf.dispose([values, indices]);
  return read;
}

/** topK of plain numbers. */
const topKOf = (values: readonly number[], k: number) => {
  const x = tf.tensor1d([...values], 'float32');
  const result = read(topK(x, k));
  x.dispose();
  return result;
};

const {NaN: nan, POSITIVE_INFINITY: infinity} = Number;

for (const engine of ENGINES) {
  test.serial(`the largest come by falling value, equal ones by index on ${engine}`, async t => {
    const {values, indices} = await onEngine(t, engine, () => topKOf([1, 7, 3, 7, -2, 7], 4));
    t.deepEqual(values, [7, 7, 7, 3]);
    t.deepEqual(indices, [1, 3, 5, 2]);
  });

  test.serial(`0 and -0 are equal, NaN comes last with -Infinity on ${engine}`, async t => {
    const {values, indices} = await onEngine(t, engine, () =>
      topKOf([nan, -0, 0, -infinity, infinity, -1, nan], 7),
    );
    t.deepEqual(indices, [4, 1, 2, 5, 0, 3, 6]);
    t.deepEqual(values, [infinity, -0, 0, -1, nan, -infinity, nan]);
  });

  test.serial(`each row of a matrix has its own on ${engine}`, async t => {
    const result = await onEngine(t, engine, () => {
      const x = tf.tensor2d([
        [3, 1, 2],
        [0, 9, 9],
      ]);
      const rows = read(topK(x, 2));
      x.dispose();
      return rows;
    });
    t.deepEqual(result, {shape: [2, 2], values: [3, 2, 9, 9], indices: [0, 2, 1, 2]});
  });

  test.serial(`k above the length, k = 0 and nothing at all on ${engine}`, async t => {
    const results = await onEngine(t, engine, () => {
      const noRows = tf.zeros([0, 3]) as tf.Tensor2D;
      const noColumns = tf.zeros([2, 0]) as tf.Tensor2D;
      const all = [topKOf([1, 2], 5).indices, topKOf([1, 2], 0).indices, topKOf([], 3).indices];
      const shapes = [read(topK(noRows, 2)).shape, read(topK(noColumns, 2)).shape];
      tf.dispose([noRows, noColumns]);
      return {all, shapes};
    });
    t.deepEqual(results.all, [[1, 0], [], []]);
    t.deepEqual(results.shapes, [
      [0, 2],
      [2, 0],
    ]);
  });

  test.serial(`segments have at most k above the bound, the rest is index -1 on ${engine}`, async t => {
    const result = await onEngine(t, engine, () => {
      const x = tf.tensor2d([
        [5, 1, 8, 8, 0, 2, 2, 3],
        [0, 0, 0, nan, infinity, 9, 1, 1],
      ]);
      // Segments 0 .. 3, none, 4 .. 7.
      const segments = read(segmentTopK(x, [4, 0, 4], {k: 2, above: 1}));
      x.dispose();
      return segments;
    });
    t.deepEqual(result.shape, [2, 3, 2]);
    t.deepEqual(result.indices, [2, 3, -1, -1, 7, 5, -1, -1, -1, -1, 4, 5]);
    const no = -infinity;
    t.deepEqual(result.values, [8, 8, no, no, 3, 2, no, no, no, no, infinity, 9]);
  });

  test.serial(`agrees with sorting on many values with many ties on ${engine}`, async t => {
    for (const [length, k, different] of [
      [40_000, 1000, 50],
      [100_000, 700, 1e6],
      [5000, 4999, 3],
    ] as const) {
      const values = Array.from({length}, () => Math.fround(random.int(different) / 8 - 2));
      const {indices} = await onEngine(t, engine, () => topKOf(values, k));
      const expected = [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b).slice(0, k);
      t.deepEqual(indices, expected);
    }
  });

  test.serial(`a bound between two floats separates them on ${engine}`, async t => {
    // 0.1 as a float is above the double 0.1; the bound is not a float.
    const [above, below] = await onEngine(t, engine, () => {
      const x = tf.tensor2d([[0.1, 0.09999999]]);
      const run = (bound: number) => read(segmentTopK(x, [2], {k: 2, above: bound})).indices;
      const results = [run(0.1), run(0.1 + 1e-8)];
      x.dispose();
      return results;
    });
    t.deepEqual(above, [0, -1]);
    t.deepEqual(below, [-1, -1]);
  });
}

test.serial('what does not fit is refused', async t => {
  await onEngine(t, 'cpu', () =>
    tf.tidy(() => {
      t.throws(() => topK(tf.tensor1d([1, 2]), 1.5), {message: 'topK: k must be a whole number, not 1.5'});
      t.throws(() => topK(tf.tensor1d([1, 2]), -1), {message: 'topK: k must be a whole number, not -1'});
      t.throws(() => topK(tf.tensor1d([1, 2], 'int32'), 1), {
        message: 'topK: values must be float32, not int32',
      });
      t.throws(() => segmentTopK(tf.ones([1, 5]) as tf.Tensor2D, [2, 2], {k: 1, above: 0}), {
        message: 'topK: segments of 2, 2 do not make up rows of 5',
      });
    }),
  );
});
