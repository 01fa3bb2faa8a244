import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {type AverageOptions, batchNorm, nextAverages} from '../../../src/engine/ops/batch-norm.js';
import {ENGINES, FAST_ENGINES} from '../../engines.js';
import {
  assertEnginesAgree,
  assertGradient,
  floats,
  type Operation,
  onEngine,
  relativeDifference,
} from './agreement.js';

/** y alone; slope 1: no activation. */
const operation =
  (negativeSlope: number, epsilon = 1e-5): Operation =>
  (x, gamma, beta) => {
    const options = {epsilon, relu: negativeSlope !== 1, negativeSlope};
    const {y, mean, inverse} = batchNorm(
      x as tf.Tensor4D,
      gamma as tf.Tensor1D,
      beta as tf.Tensor1D,
      options,
    );
    tf.dispose([mean, inverse]);
    return y;
  };

for (const engine of ENGINES) {
  test.serial(
    `batchNorm normalises every channel by the batch, then leaks a tenth of what is negative, on ${engine}`,
    async t => {
      const [y, mean, inverse] = await onEngine(t, engine, () =>
        tf.tidy(() => {
          // Channel 1 holds 1, 2 and 3, 6 over two images: mean 3, variance (4 + 1 + 0 + 9) / 4 = 3.5; channel 2 is constant.
          const x = tf.tensor4d([1, 7, 2, 7, 3, 7, 6, 7], [2, 1, 2, 2]);
          const options = {epsilon: 0.5, relu: true, negativeSlope: 0.1};
          const result = batchNorm(x, tf.tensor1d([1, 1]), tf.tensor1d([0, 5]), options);
          return [result.y, result.mean, result.inverse].map(tensor => [...tensor.dataSync()]);
        }),
      );
      // Divided by sqrt(3.5 + 0.5) = 2: -1, -0.5, 0, 1.5.
      const expected = [-0.1, 5, -0.05, 5, 0, 5, 1.5, 5];
      t.true(relativeDifference(y!, expected) < 1e-6, `${y}`);
      t.deepEqual(mean, [3, 7]);
      t.true(relativeDifference(inverse!, [0.5, Math.SQRT2]) < 1e-6, `${inverse}`);
    },
  );

  test.serial(`running averages follow the mean and the unbiased variance on ${engine}`, async t => {
    const [mean, variance] = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const averages = {mean: tf.tensor1d([1, 0]), variance: tf.tensor1d([1, 2])};
        // Variances of 1 / 0.5^2 - 0.5 = 3.5 and 0, of 4 values: unbiased 14 / 3 and 0.
        const batch = {mean: tf.tensor2d([[3, 7]]), inverse: tf.tensor2d([[0.5, Math.SQRT2]])};
        const options: AverageOptions = {momentum: 0.9, epsilon: 0.5, count: 4};
        const next = nextAverages(averages, batch, options);
        return [[...next.mean.dataSync()], [...next.variance.dataSync()]];
      }),
    );
    t.true(relativeDifference(mean!, [0.9 + 0.3, 0.7]) < 1e-6, `${mean}`);
    t.true(relativeDifference(variance!, [0.9 + 1.4 / 3, 1.8]) < 1e-6, `${variance}`);
  });
}

test.serial('batchNorm and its gradients agree between the engines over shapes and slopes', async t => {
  // Shapes over which the weights of the sum (agreement.ts) do not cancel: the gradient of beta is their sum.
  for (const shape of [
    [1, 3, 2, 1],
    [3, 2, 2, 3],
    [2, 4, 5, 8],
    [1, 9, 7, 13],
    [3, 5, 6, 16],
    [2, 7, 3, 21],
  ])
    for (const slope of [1, 0.1, 0]) {
      const channels = shape[3]!;
      const inputs = [floats(shape, 3), floats([channels]), floats([channels])];
      await assertEnginesAgree(t, operation(slope, 1e-3), inputs, 3, 2e-5);
    }
});

test.serial('batchNorm agrees over more pixels than a block of 128', async t => {
  await assertEnginesAgree(
    t,
    operation(0.1),
    [floats([2, 13, 17, 12], 3), floats([12]), floats([12])],
    3,
    2e-5,
  );
});

test.serial('the gradients of batchNorm are finite differences', async t => {
  await assertGradient(t, operation(1, 0.1), [floats([2, 3, 2, 4], 2), floats([4]), floats([4])], 3);
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
          ...batchNorm(input, tf.ones([8]), tf.zeros([8]), {epsilon: 1e-5}).y.dataSync(),
        ];
        return [run(x), run(tf.add(x, 4096))];
      }),
    );
    // y = x scale + shift rounds where |x| = 4096: 4096 * 2^-24 * scale of about 0.5, some 1e-3.
    const difference = Math.max(...plain!.map((v, i) => Math.abs(v - shifted![i]!)));
    t.true(difference < 1e-3, `${difference}`);
  });

test.serial('a slope outside of 0 to 1 is refused', async t => {
  await onEngine(t, 'cpu', () =>
    tf.tidy(() => {
      const vector = tf.ones([1]) as tf.Tensor1D;
      const options = {epsilon: 1e-5, relu: true, negativeSlope: -0.1};
      t.throws(() => batchNorm(tf.ones([1, 1, 1, 1]), vector, vector, options), {
        message: 'the slope of a ReLU below zero is between 0 and 1, not -0.1',
      });
    }),
  );
});
