import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {add} from '../../../src/engine/ops/add.js';
import {addRelu} from '../../../src/engine/ops/add-relu.js';
import {globalNorm} from '../../../src/engine/ops/global-norm.js';
import {sgdUpdate, sgdUpdateAll} from '../../../src/engine/ops/sgd-update.js';
import {squaredNorm} from '../../../src/engine/ops/squared-norm.js';
import {ENGINES, FAST_ENGINES} from '../../engines.js';
import {assertEnginesAgree, floats, integer, onEngine} from './agreement.js';

for (const engine of ENGINES) {
  test.serial(`an SGD step is v' = m v + g + d p and p' = p - lr v' on ${engine}`, async t => {
    const [parameter, velocity] = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const next = sgdUpdate({
          parameter: tf.tensor1d([2, 4, 6, 8, 10]),
          gradient: tf.tensor1d([1, 1, 1, 1, 1]),
          velocity: tf.tensor1d([4, 4, 4, 4, 8]),
          lr: 0.25,
          momentum: 0.5,
          weightDecay: 0.5,
        });
        return [[...next.parameter.dataSync()], [...next.velocity.dataSync()]];
      }),
    );
    // 0.5 * 4 + 1 + 0.5 * 2 = 4, then 2 - 0.25 * 4 = 1, and so on.
    t.deepEqual(velocity, [4, 5, 6, 7, 10]);
    t.deepEqual(parameter, [1, 2.75, 4.5, 6.25, 7.5]);
  });

  test.serial(
    `one step of many parameters is the step of each, gradients clipped first, on ${engine}`,
    async t => {
      const next = await onEngine(t, engine, () =>
        tf.tidy(() => {
          const step = (values: number[], lr: number, weightDecay: number) => ({
            parameter: tf.tensor1d(values),
            gradient: tf.fill([values.length], 2),
            velocity: tf.fill([values.length], 4),
            ...{lr, weightDecay},
          });
          const steps = [step([2, 4, 6, 8, 10], 0.25, 0.5), step([1], 0.5, 0)];
          return sgdUpdateAll(steps, {momentum: 0.5, clip: tf.scalar(0.5)}).map(({parameter, velocity}) => [
            [...parameter.dataSync()],
            [...velocity.dataSync()],
          ]);
        }),
      );
      // As above with the gradient halved to 1: 0.5 * 4 + 1 + 0.5 * 10 = 8 for the last; alone 0.5 * 4 + 1 = 3, 1 - 0.5 * 3.
      t.deepEqual(next, [
        [
          [1, 2.75, 4.5, 6.25, 8],
          [4, 5, 6, 7, 8],
        ],
        [[-0.5], [3]],
      ]);
    },
  );

  test.serial(`the global norm is over all tensors, and 0 of none, on ${engine}`, async t => {
    const norms = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const many = globalNorm([tf.tensor1d([3, 4]), tf.tensor2d([[12]])]);
        return [many.dataSync()[0], globalNorm([]).dataSync()[0]];
      }),
    );
    t.deepEqual(norms, [13, 0]);
  });

  test.serial(
    `the gradient of addRelu reaches both sides where the sum is positive on ${engine}`,
    async t => {
      const gradients = await onEngine(t, engine, () =>
        tf.tidy(() => {
          const a = tf.tensor4d([1, -3, 2, 0], [1, 1, 2, 2]);
          const b = tf.tensor4d([1, 1, -1, 0], [1, 1, 2, 2]);
          // a appears twice, so its two gradients are added, and the first one is disposed by the tape.
          const f = (x: tf.Tensor, y: tf.Tensor) =>
            tf.sum(addRelu(addRelu(x as tf.Tensor4D, y as tf.Tensor4D), x as tf.Tensor4D));
          return tf
            .grads(f)([a, b])
            .map(g => [...g.dataSync()]);
        }),
      );
      // Sums 2, -2, 1, 0; then relu + a = 3, -3, 3, 0.
      t.deepEqual(gradients, [
        [2, 0, 2, 0],
        [1, 0, 1, 0],
      ]);
    },
  );
}

test.serial('passes over tensors agree between the engines at every length of the tail', async t => {
  for (let size = 1; size <= 9; size++) {
    const shape = [1, integer(1, 3), 1, size];
    const pair = [floats(shape), floats(shape)];
    for (const slope of [0, 0.1])
      await assertEnginesAgree(
        t,
        (a, b) => addRelu(a as tf.Tensor4D, b as tf.Tensor4D, slope),
        pair,
        2,
        1e-6,
      );
    await assertEnginesAgree(t, (a, b) => add(a as tf.Tensor4D, b as tf.Tensor4D), pair, 2, 1e-6);
    await assertEnginesAgree(t, x => squaredNorm(x), [floats(shape)], 0, 1e-6);
  }
});

for (const engine of FAST_ENGINES)
  test.serial(`the squared norm of many equal numbers does not drift on ${engine}`, async t => {
    const norm = await onEngine(t, engine, () =>
      tf.tidy(() => squaredNorm(tf.fill([3_000_001], 0.1)).dataSync()[0]!),
    );
    const expected = 3_000_001 * Math.fround(0.1) ** 2;
    t.true(Math.abs(norm - expected) <= 1e-7 * expected, `${norm}, not ${expected}`);
  });

for (const engine of FAST_ENGINES)
  test.serial(`a NaN is not hidden behind a ReLU on ${engine}`, async t => {
    const y = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const x = tf.tensor4d([Number.NaN, -1, 1, Number.NaN, Number.NaN], [1, 1, 1, 5]);
        return [...addRelu(x, tf.zerosLike(x)).dataSync()];
      }),
    );
    t.deepEqual(y, [Number.NaN, 0, 1, Number.NaN, Number.NaN]);
  });
