import * as tf from '@tensorflow/tfjs';
import test, {type ExecutionContext} from 'ava';
import {openEngine} from '../../../src/engine/open.js';
import {buildRecord, type CoreFunctions, functionsOf} from '../../../src/engine/torch/addon.js';

const torchTest = buildRecord() === undefined ? test.serial.skip : test.serial;

/** Runs `use` on torch and asserts that it leaves no tensor, neither of tfjs nor of the addon. */
async function onTorch(t: ExecutionContext, use: () => void): Promise<void> {
  await openEngine('torch');
  const native = functionsOf<CoreFunctions>();
  const before = [tf.memory().numTensors, native.tensorCount()];
  tf.tidy(use);
  t.deepEqual([tf.memory().numTensors, native.tensorCount()], before);
}

const valuesOf = (x: tf.Tensor): readonly number[] => Array.from(x.dataSync());
const {NaN: nan, POSITIVE_INFINITY: infinity} = Number;

torchTest(
  'a float is cast to int32 as JavaScript converts it: towards zero, modulo 2^32, NaN to 0',
  async t => {
    await onTorch(t, () => {
      const values = [1.9, -1.9, nan, infinity, -infinity, 3e9, -3e9, 2147483520, -2147483648, 1e20];
      const expected = values.map(value => Math.fround(value) | 0);
      t.deepEqual(valuesOf(tf.cast(tf.tensor1d(values), 'int32')), expected);
      // 3e9 - 2^32
      t.is(expected[5], -1294967296);
    });
  },
);

torchTest('everything but zero is cast to true, NaN too', async t => {
  await onTorch(t, () => {
    t.deepEqual(valuesOf(tf.cast(tf.tensor1d([0, -0, 0.25, nan]), 'bool')), [0, 0, 1, 1]);
    t.deepEqual(valuesOf(tf.cast(tf.tensor1d([0, 256], 'int32'), 'bool')), [0, 1]);
  });
});

torchTest('a sum of many floats agrees with double precision', async t => {
  const [rows, columns] = [150_000, 3];
  const values = Float32Array.from({length: rows * columns}, (_, i) => 0.1 + (i % 7));
  const sums = new Float64Array(columns);
  for (let i = 0; i < values.length; i++) sums[i % columns]! += values[i]!;
  await onTorch(t, () => {
    const x = tf.tensor2d(values, [rows, columns]);
    for (const [i, sum] of valuesOf(tf.sum(x, 0)).entries())
      t.true(Math.abs(sum / sums[i]! - 1) < 1e-6, `column ${i}: ${sum}, not ${sums[i]}`);
    const total = sums.reduce((a, b) => a + b);
    t.true(Math.abs(tf.sum(x).dataSync()[0]! / total - 1) < 1e-6);
    t.true(Math.abs((tf.mean(x).dataSync()[0]! / total) * values.length - 1) < 1e-6);
  });
});

torchTest(
  'whole numbers: quotients round down, nothing is divided by zero, sums of truths are counts',
  async t => {
    await onTorch(t, () => {
      const [a, b] = [tf.tensor1d([7, -7, 7, 5], 'int32'), tf.tensor1d([2, 2, -2, 0], 'int32')];
      t.deepEqual(valuesOf(tf.floorDiv(a, b)), [3, -4, -4, 0]);
      t.deepEqual(valuesOf(tf.mod(a, b)), [1, 1, -1, 0]);
      t.deepEqual(valuesOf(tf.pow(b, tf.scalar(3, 'int32'))), [8, 8, -8, 0]);
      t.deepEqual(valuesOf(tf.mul(tf.scalar(65536, 'int32'), tf.scalar(65536, 'int32'))), [0]);
      // Not a float32.
      t.deepEqual(valuesOf(tf.clipByValue(tf.scalar(2147483647, 'int32'), 0.5, 3e9)), [2147483647]);
      const count = tf.sum(tf.tensor1d([1, 0, 1], 'bool'));
      t.is(count.dtype, 'int32');
      t.deepEqual(valuesOf(count), [2]);
    });
  },
);

torchTest('NaN goes through what chooses, and is passed over by where the largest is', async t => {
  await onTorch(t, () => {
    const x = tf.tensor1d([-1, nan, 2]);
    t.deepEqual(valuesOf(tf.relu(x)), [0, nan, 2]);
    t.deepEqual(valuesOf(tf.step(x, 0.5)), [0.5, nan, 1]);
    t.deepEqual(valuesOf(tf.clipByValue(x, 0, 1)), [0, nan, 1]);
    t.deepEqual(valuesOf(tf.maximum(x, 0)), [0, nan, 2]);
    t.deepEqual(valuesOf(tf.max(x)), [nan]);
    t.deepEqual(valuesOf(tf.argMax(x)), [2]);
  });
});

torchTest('running sums and products: [2, 3, 4] from either end, with and without the element', async t => {
  await onTorch(t, () => {
    const x = tf.tensor1d([2, 3, 4]);
    t.deepEqual(valuesOf(tf.cumsum(x)), [2, 5, 9]);
    t.deepEqual(valuesOf(tf.cumsum(x, 0, true)), [0, 2, 5]);
    t.deepEqual(valuesOf(tf.cumsum(x, 0, true, true)), [7, 4, 0]);
    t.deepEqual(valuesOf(tf.cumprod(x, 0, false, true)), [24, 12, 4]);
    t.deepEqual(valuesOf(tf.cumprod(x, 0, true)), [1, 2, 6]);
  });
});

torchTest('rows are summed by segment; those of segments that are not there are left out', async t => {
  await onTorch(t, () => {
    const x = tf.tensor2d([1, 2, 10, 20, 100, 200, 1000, 2000], [4, 2]);
    const segments = tf.tensor1d([1, -1, 1, 3], 'int32');
    t.deepEqual(valuesOf(tf.unsortedSegmentSum(x, segments, 3)), [0, 0, 101, 202, 0, 0]);
    t.deepEqual(valuesOf(tf.bincount(tf.tensor1d([1, 1, 7], 'int32'), tf.tensor1d([]), 3)), [0, 2, 0]);
  });
});

torchTest(
  'the largest in order, of equal ones the first; different ones in the order of their first',
  async t => {
    await onTorch(t, () => {
      const {values, indices} = tf.topk(tf.tensor1d([3, 1, 3, 9, 3]), 3);
      t.deepEqual(
        [valuesOf(values), valuesOf(indices)],
        [
          [9, 3, 3],
          [3, 0, 2],
        ],
      );
      const unique = tf.unique(tf.tensor1d([5, -0, nan, 5, 0, nan]));
      t.deepEqual(
        [valuesOf(unique.values), valuesOf(unique.indices)],
        [
          [5, -0, nan],
          [0, 1, 2, 0, 1, 2],
        ],
      );
    });
  },
);

torchTest('Einstein sums are matrix products, traces left out', async t => {
  await onTorch(t, () => {
    // [[0, 1, 2], [3, 4, 5]] times [[0, 1], [2, 3], [4, 5]]
    const [a, b] = [tf.range(0, 6).reshape([2, 3]), tf.range(0, 6).reshape([3, 2])];
    t.deepEqual(valuesOf(tf.einsum('ij,jk->ki', a, b)), [10, 28, 13, 40]);
    t.deepEqual(valuesOf(tf.einsum('ij,jk->k', a, b)), [38, 53]);
    t.deepEqual(valuesOf(tf.einsum('ij->j', a)), [3, 5, 7]);
    t.throws(() => tf.einsum('ij,jk->ik', a, a), {message: /[Ee]xpected dimension/});
  });
});

torchTest('a seed draws the same events, in the proportion of their probabilities', async t => {
  await onTorch(t, () => {
    const logits = tf.log(tf.tensor1d([0.1, 0.2, 0.7]));
    const draw = (seed: number) => valuesOf(tf.multinomial(logits as tf.Tensor1D, 20_000, seed));
    const drawn = draw(3);
    t.deepEqual(drawn, draw(3));
    t.notDeepEqual(drawn, draw(4));
    for (const [event, probability] of [0.1, 0.2, 0.7].entries()) {
      const share = drawn.filter(one => one === event).length / drawn.length;
      // Four standard deviations, 0.0035 each at most.
      t.true(Math.abs(share - probability) < 0.014, `event ${event}: ${share}`);
    }
  });
});

torchTest('tensors of another backend are taken over, and given back', async t => {
  await openEngine('cpu');
  const x = tf.tensor1d([1, 2, 3]);
  await openEngine('torch');
  const y = tf.mul(x, 2);
  t.deepEqual(valuesOf(y), [2, 4, 6]);
  await openEngine('cpu');
  t.deepEqual(valuesOf(tf.add(x, y)), [3, 6, 9]);
  await openEngine('torch');
  t.deepEqual(valuesOf(tf.sub(y, x)), [1, 2, 3]);
  tf.disposeVariables();
  tf.dispose([x, y]);
});

torchTest('what the addon refuses names the kernel, in one line', async t => {
  await onTorch(t, () => {
    const run = (inputs: tf.NamedTensorMap) => tf.engine().runKernel('Add', inputs);
    t.throws(() => run({a: tf.ones([2]), b: tf.ones([3])}), {message: /^Add: The size of tensor a \(2\).*$/});
    t.throws(() => tf.engine().runKernel('Softmax', {logits: tf.ones([2, 2])}, {dim: 0}), {
      message: 'softmax along axis 0; only the last (1) is',
    });
    t.throws(() => tf.relu(tf.tensor1d(['text']) as tf.Tensor), {message: /string/});
  });
});

torchTest('an argument of another type, and a tensor that is not there, are refused', async t => {
  await openEngine('torch');
  const {Relu} = functionsOf<{Relu(x?: unknown): number}>();
  t.throws(() => Relu(), {message: "an argument is not a tensor's handle", code: 'NATIVE'});
  t.throws(() => Relu('1'), {message: "an argument is not a tensor's handle"});
  t.throws(() => Relu(-1), {message: /^there is no tensor with handle/});
});

torchTest('a reset of tfjs frees what the addon holds', async t => {
  await openEngine('torch');
  const native = functionsOf<CoreFunctions>();
  const kept = tf.ones([3]);
  t.true(native.tensorCount() > 0);
  tf.engine().reset();
  t.is(native.tensorCount(), 0);
  kept.dispose();
  await openEngine('torch');
  await onTorch(t, () => t.deepEqual(valuesOf(tf.ones([2])), [1, 1]));
});
