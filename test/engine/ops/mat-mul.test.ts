import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {assertEnginesAgree, floats, integer, onEngine} from './agreement.js';

test.serial('matMul and its gradients agree between wasm and cpu for all four transpositions', async t => {
  for (let i = 0; i < 32; i++) {
    const [transposeA, transposeB] = [i % 2 === 1, (i >> 1) % 2 === 1];
    const [rows, depth, columns] = [integer(1, 21), integer(1, 21), integer(1, 21)];
    const batch = i % 3 === 0 ? [integer(1, 3)] : [];
    await assertEnginesAgree(
      t,
      (a, b) => tf.matMul(a, b, transposeA, transposeB),
      [
        floats([...batch, ...(transposeA ? [depth, rows] : [rows, depth])]),
        floats([...batch, ...(transposeB ? [columns, depth] : [depth, columns])]),
      ],
      2,
      1e-5,
    );
  }
});

test.serial('matMul agrees where blocks of rows end', async t => {
  await assertEnginesAgree(t, (a, b) => tf.matMul(a, b), [floats([1500, 2]), floats([2, 3])], 2, 1e-4);
  await assertEnginesAgree(t, (a, b) => tf.matMul(a, b), [floats([9, 3000]), floats([3000, 5])], 0, 1e-5);
});

test.serial('batches broadcast on wasm', async t => {
  const product = await onEngine(t, 'wasm', () =>
    tf.tidy(() => {
      const a = tf.tensor([1, 10], [2, 1, 1, 1]);
      const b = tf.tensor([1, 2, 3], [1, 3, 1, 1]);
      const c = tf.matMul(a, b);
      return {shape: c.shape, values: [...c.dataSync()]};
    }),
  );
  t.deepEqual(product, {shape: [2, 3, 1, 1], values: [1, 2, 3, 10, 20, 30]});
});
