import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {groupNorm} from '../../../src/engine/ops/group-norm.js';
import {ENGINES, FAST_ENGINES} from '../../engines.js';
import {assertEnginesAgree, assertGradient, floats, integer, type Operation, onEngine} from './agreement.js';

const operation =
  (groups: number, relu: boolean, epsilon = 1e-5): Operation =>
  (x, gamma, beta) =>
    groupNorm(x as tf.Tensor4D, gamma as tf.Tensor1D, beta as tf.Tensor1D, {groups, epsilon, relu});

for (const engine of ENGINES) {
  test.serial(
    `groupNorm normalises with the biased variance of each image and group on ${engine}`,
    async t => {
      const y = await onEngine(t, engine, () =>
        tf.tidy(() => {
          // Group 1 holds 1, 2, 3, 6: mean 3, variance (4 + 1 + 0 + 9) / 4 = 3.5; group 2 is constant.
          const x = tf.tensor4d([1, 2, 7, 7, 3, 6, 7, 7], [1, 1, 2, 4]);
          const gamma = tf.tensor1d([1, 1, 1, 1]);
          const options = {groups: 2, epsilon: 0.5, relu: false};
          return [...groupNorm(x, gamma, tf.tensor1d([0, 0, 5, 5]), options).dataSync()];
        }),
      );
      // Divided by sqrt(3.5 + 0.5) = 2.
      t.deepEqual(y, [-1, -0.5, 5, 5, 0, 1.5, 5, 5]);
    },
  );
}

test.serial('groupNorm and its gradients agree between the engines over shapes and groups', async t => {
  for (let i = 0; i < 30; i++) {
    const groups = integer(1, 5);
    const channels = groups * integer(1, 5);
    const inputs = [
      floats([integer(1, 3), integer(2, 9), integer(2, 9), channels], 3),
      floats([channels]),
      floats([channels]),
    ];
    await assertEnginesAgree(t, operation(groups, i % 2 === 0, 1e-3), inputs, 3, 2e-5);
  }
});

test.serial('groupNorm agrees over more pixels than a block of 128', async t => {
  await assertEnginesAgree(
    t,
    operation(2, true),
    [floats([2, 13, 17, 12], 3), floats([12]), floats([12])],
    3,
    2e-5,
  );
});

test.serial('the gradients of groupNorm are finite differences', async t => {
  await assertGradient(t, operation(2, false, 0.1), [floats([2, 3, 2, 4], 2), floats([4]), floats([4])], 3);
});

for (const engine of FAST_ENGINES)
  test.serial(`a large offset of the input does not change the result on ${engine}`, async t => {
    const [plain, shifted] = await onEngine(t, engine, () =>
      tf.tidy(() => {
        // Multiples of 1/4 below 8, so that x + 4096 is exact in float32.
        const x = tf.tensor4d(
          Array.from({length: 512}, (_, i) => ((i * 37) % 32) / 4),
          [1, 8, 8, 8],
        );
        const run = (input: tf.Tensor4D) => [
          ...groupNorm(input, tf.ones([8]), tf.zeros([8]), {
            groups: 4,
            epsilon: 1e-5,
            relu: false,
          }).dataSync(),
        ];
        return [run(x), run(tf.add(x, 4096))];
      }),
    );
    // y = x scale + shift rounds where |x| = 4096: 4096 * 2^-24 * scale of about 0.5, some 1e-3.
    const difference = Math.max(...plain!.map((v, i) => Math.abs(v - shifted![i]!)));
    t.true(difference < 1e-3, `${difference}`);
  });

test.serial('channels that do not divide into the groups are refused', async t => {
  await onEngine(t, 'cpu', () => {
    const x = tf.ones([1, 1, 1, 6]) as tf.Tensor4D;
    const vector = tf.ones([6]) as tf.Tensor1D;
    t.throws(() => groupNorm(x, vector, vector, {groups: 4, epsilon: 1e-5, relu: false}), {
      message: 'groupNorm: 6 channels do not divide into 4 groups',
    });
    tf.dispose([x, vector]);
  });
});
