import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {assertEnginesAgree, floats, integers, onEngine} from './agreement.js';

test.serial('the gradient of concat, a split, agrees between wasm and cpu on every axis', async t => {
  for (const axis of [0, 1, 2, -1]) {
    const shapes = [1, 3, 2].map(size => [2, 3, 4].with(axis, size));
    await assertEnginesAgree(
      t,
      (...parts) => tf.concat(parts, axis),
      shapes.map(shape => floats(shape)),
      3,
      1e-6,
    );
    await assertEnginesAgree(t, x => tf.split(x, [1, 1], axis)[1]!, [floats([2, 2, 2])], 1, 1e-6);
  }
});

test.serial('tile and its gradient agree between wasm and cpu', async t => {
  for (const reps of [
    [1, 1, 1],
    [3, 1, 1],
    [1, 2, 1],
    [1, 1, 3],
    [2, 3, 4],
  ] as const) {
    const tile = (x: tf.Tensor): tf.Tensor => tf.tile(x, [...reps]);
    await assertEnginesAgree(t, tile, [floats([2, 3, 1])], 1, 1e-6);
    await assertEnginesAgree(t, tile, [integers([2, 1, 3], -5, 5)], 0, 0);
  }
});

test.serial('booleans and scalars tile, and a tile of nothing is empty, on wasm', async t => {
  const results = await onEngine(t, 'wasm', () =>
    tf.tidy(() => {
      const bools = tf.tile(tf.tensor1d([true, false, true], 'bool'), [2]);
      return [[...bools.dataSync()], [...tf.tile(tf.zeros([0, 2]), [3, 1]).shape]];
    }),
  );
  t.deepEqual(results, [
    [1, 0, 1, 1, 0, 1],
    [0, 2],
  ]);
});
