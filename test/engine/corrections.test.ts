import * as tf from '@tensorflow/tfjs';
import {FAST_ENGINES, testsOn} from '../engines.js';

const test = testsOn(FAST_ENGINES);

/** Values of what `fn` returns; every tensor made inside is disposed. */
function values(fn: () => tf.Tensor): number[] {
  const before = tf.memory().numTensors;
  const result = tf.tidy(() => [...fn().dataSync()]);
  if (tf.memory().numTensors !== before) throw new Error('tensors were left behind');
  return result;
}

test('a clone shares the data of its original, and either outlives the other', t => {
  const backend = tf.backend();
  const before = backend.numDataIds();
  const original = tf.tensor1d([1, 2, 3]);
  const clone = tf.clone(original);
  t.is(backend.numDataIds() - before, 1);
  original.dispose();
  t.deepEqual([...clone.dataSync()], [1, 2, 3]);
  clone.dispose();
  t.is(backend.numDataIds(), before);
});

test('a cast to bool is true for everything but 0, also below 1 and at 256', t => {
  t.deepEqual(
    values(() => tf.cast(tf.tensor1d([0.5, -0, 3.9, -2.9, Number.NaN]), 'bool')),
    [1, 0, 1, 1, 1],
  );
  t.deepEqual(
    values(() => tf.cast(tf.tensor1d([256, 0, -1], 'int32'), 'bool')),
    [1, 0, 1],
  );
});

test('clipping keeps NaN, so that a diverged loss shows', t => {
  const clipped = values(() => tf.clipByValue(tf.tensor1d([-5, 0.5, 5, Number.NaN]), -1, 1));
  t.deepEqual(clipped, [-1, 0.5, 1, Number.NaN]);
});

test('a tensor without elements is transposed', t => {
  tf.tidy(() => {
    const transposed = tf.transpose(tf.zeros([0, 3, 2, 5]), [2, 0, 3, 1]);
    t.deepEqual(transposed.shape, [2, 0, 5, 3]);
    t.is(transposed.dataSync().length, 0);
  });
});

test('a slice of any rank equals the one computed index by index', t => {
  const shapes = [[7], [4, 5], [3, 4, 5], [2, 3, 4, 5], [2, 3, 2, 2, 3]];
  for (const shape of shapes) {
    const size = tf.util.sizeFromShape(shape);
    const strides = [...tf.util.computeStrides(shape), 1];
    for (const inset of [0, 1]) {
      const begin = shape.map(n => (n > 2 ? inset : 0));
      const sizes = shape.map((n, axis) => n - begin[axis]! - (n > 3 ? inset : 0));
      // Element `i` of arange has the value i: the expected values are the flat indices of the slice.
      const expected = Array.from({length: tf.util.sizeFromShape(sizes)}, (_, flat) =>
        tf.util
          .indexToLoc(flat, sizes.length, tf.util.computeStrides(sizes))
          .reduce((sum, index, axis) => sum + (begin[axis]! + index) * strides[axis]!, 0),
      );
      t.deepEqual(
        values(() => tf.slice(tf.reshape(tf.range(0, size), shape), begin, sizes)),
        expected,
      );
    }
  }
  t.deepEqual(
    values(() => tf.slice(tf.zeros([2, 3]), [0, 1], [2, 0])),
    [],
  );
});

test('a slice that reaches past its tensor throws', t => {
  t.throws(() => tf.tidy(() => tf.slice(tf.zeros([4, 3]), [1, 1], [10, 10])));
});

test('a padded 1x1 pool reads its padding', t => {
  // Rows and columns -1, 1, 3 of 0..15 in 4x4: the first of each is padding.
  const image = (): tf.Tensor4D => tf.reshape(tf.range(0, 16), [1, 4, 4, 1]);
  const pad = Number.NEGATIVE_INFINITY;
  t.deepEqual(
    values(() => tf.maxPool(image(), 1, 2, 1)),
    [pad, pad, pad, pad, 5, 7, pad, 13, 15],
  );
  t.deepEqual(
    values(() => tf.maxPool(image(), 1, 2, 'valid')),
    [0, 2, 8, 10],
  );
});

test('a sum of many small terms does not lose them, over whichever axes', t => {
  // 2^24 ones are where float32 stops counting: a sum one by one stays at 16,777,216.
  const many = 2 ** 24 + 1024;
  t.deepEqual(
    values(() => tf.sum(tf.ones([many]))),
    [many],
  );
  t.deepEqual(
    values(() => tf.mean(tf.ones([many]))),
    [1],
  );
  // Element [i, j, k] of [2, 3, 4] is 12 i + 4 j + k.
  const cube = (): tf.Tensor3D => tf.reshape(tf.range(0, 24), [2, 3, 4]);
  const sums: readonly (readonly [number | number[], number[]])[] = [
    [[0, 1, 2], [276]],
    [2, [6, 22, 38, 54, 70, 86]],
    [
      [0, 1],
      [60, 66, 72, 78],
    ],
    [
      [0, 2],
      [60, 92, 124],
    ],
    [1, [12, 15, 18, 21, 48, 51, 54, 57]],
  ];
  for (const [axis, expected] of sums) {
    t.deepEqual(
      values(() => tf.sum(cube(), axis)),
      expected,
    );
    const kept = tf.tidy(() => tf.sum(cube(), axis, true).shape);
    t.deepEqual(
      kept,
      [2, 3, 4].map((size, i) => ([axis].flat().includes(i) ? 1 : size)),
    );
  }
  t.deepEqual(
    values(() => tf.sum(tf.zeros([0, 3]), 0)),
    [0, 0, 0],
  );
});

test('integers are multiplied exactly, with either operand transposed', t => {
  // [[1, 2], [3, 4]] times [[5, 6], [7, 8]] is [[19, 22], [43, 50]].
  const a = [1, 2, 3, 4];
  const b = [5, 6, 7, 8];
  const multiply = (left: number[], right: number[], transposeA = false, transposeB = false): number[] =>
    values(() =>
      tf.matMul(
        tf.tensor2d(left, [2, 2], 'int32'),
        tf.tensor2d(right, [2, 2], 'int32'),
        transposeA,
        transposeB,
      ),
    );
  t.deepEqual(multiply(a, b), [19, 22, 43, 50]);
  t.deepEqual(multiply([1, 3, 2, 4], b, true), [19, 22, 43, 50]);
  t.deepEqual(multiply(a, [5, 7, 6, 8], false, true), [19, 22, 43, 50]);
  // Batch axes [2, 1] and [1, 3] make six products of 1x1 matrices.
  t.deepEqual(
    values(() =>
      tf.matMul(tf.tensor4d([2, 3], [2, 1, 1, 1], 'int32'), tf.tensor4d([5, 7, 11], [1, 3, 1, 1], 'int32')),
    ),
    [10, 14, 22, 15, 21, 33],
  );
  t.throws(() => tf.tidy(() => tf.matMul(tf.zeros([2, 2]), tf.tensor1d([1, 2]))), {
    message: /matrices expected|inner shapes .* must match/,
  });
});

testsOn(['wasm'])('a stock kernel that warns instead of computing throws', t => {
  // Its C++ prints 'Equal for tensor ids 1 and 2 failed. Unsupported input_type 3' and returns what lay in memory.
  t.throws(() => tf.tidy(() => tf.equal(tf.tensor1d(['a']), tf.tensor1d(['a']))), {
    message: /^engine wasm: Equal for tensor ids .* failed/,
  });
  t.deepEqual(
    values(() => tf.add(tf.tensor1d([1]), 1)),
    [2],
  );
});
