import * as tf from '@tensorflow/tfjs';
import {softmaxCrossEntropies, softmaxCrossEntropySum} from '../../src/losses/softmax-cross-entropy.js';
import {assertGradient, floats, integers, type Operation} from '../engine/ops/agreement.js';
import {ENGINES, testsOn} from '../engines.js';
import {largestDifference, readGolden} from '../fixtures/torchvision/golden.js';

const test = testsOn(ENGINES);

const {softmax: golden} = readGolden<{
  readonly softmax: {
    readonly logits: readonly number[];
    readonly labels: readonly number[];
    readonly weights: readonly number[];
    readonly losses: readonly number[];
    readonly sum: number;
    readonly gradient: readonly number[];
  };
}>('rcnn-heads.json');

/** The sum, its gradient times 3, and the loss of every example. */
function evaluate(logits: readonly number[], labels: readonly number[], weights: readonly number[]) {
  const before = tf.memory().numTensors;
  const examples = labels.length;
  const result = tf.tidy(() => {
    const z = tf.tensor2d([...logits], [examples, logits.length / Math.max(1, examples) || 4]);
    const y = tf.tensor1d([...labels], 'int32');
    const w = tf.tensor1d([...weights]);
    // Labels and weights may be gone when the gradient is asked for.
    const {value, grad} = tf.valueAndGrad((v: tf.Tensor) =>
      tf.tidy(() => tf.mul(softmaxCrossEntropySum(v as tf.Tensor2D, tf.clone(y), tf.clone(w)), 3)),
    )(z);
    return {
      sum: value.dataSync()[0]! / 3,
      gradient: [...grad.dataSync()].map(g => g / 3),
      losses: [...softmaxCrossEntropies(z, y).dataSync()],
      shape: grad.shape,
    };
  });
  if (tf.memory().numTensors !== before) throw new Error('tensors were left behind');
  return result;
}

test("sum, gradient and losses are PyTorch's, also where exponentials would overflow", t => {
  const {sum, gradient, losses} = evaluate(golden.logits, golden.labels, golden.weights);
  t.true(largestDifference([sum], [golden.sum], 0) < 1e-6);
  t.true(largestDifference(gradient, golden.gradient, 1) < 1e-6);
  t.true(largestDifference(losses, golden.losses, 1) < 1e-6);
});

test('by hand: weights count, background is class 0, an ignored example adds nothing', t => {
  // Equal logits cost ln 3 each; ln 2 above the two others has probability 2 / 4.
  const logits = [5, 5, 5, 0, Math.log(2), 0, 0, 0, 9];
  const {sum, gradient, losses} = evaluate(logits, [0, 1, -1], [1, 2, 1]);
  t.true(Math.abs(sum - (Math.log(3) + 2 * Math.log(2))) < 1e-6);
  t.true(largestDifference(losses, [Math.log(3), Math.log(2), 0], 1) < 1e-6);
  const expected = [1 / 3 - 1, 1 / 3, 1 / 3, 2 * 0.25, 2 * (0.5 - 1), 2 * 0.25, 0, 0, 0];
  t.true(largestDifference(gradient, expected, 1) < 1e-6);
});

test('no examples cost nothing', t => {
  const {sum, gradient, losses, shape} = evaluate([], [], []);
  t.is(sum, 0);
  t.deepEqual([gradient, losses, shape], [[], [], [0, 4]]);
});

test('a NaN shows in sum and gradient, unless its example is ignored or has weight 0', t => {
  const row = [Number.NaN, 1];
  const hidden = evaluate([...row, ...row, 0, 0], [-1, 1, 1], [1, 0, 1]);
  t.true(Math.abs(hidden.sum - Math.log(2)) < 1e-6);
  t.true(largestDifference(hidden.gradient, [0, 0, 0, 0, 0.5, -0.5], 1) < 1e-6);
  const shown = evaluate([...row, 0, 0], [1, 1], [1, 1]);
  t.true(Number.isNaN(shown.sum));
  t.true(Number.isNaN(shown.gradient[0]!));
});

test('two thousand background examples of probability 1 - 1e-3 sum to what one of them costs times their number', t => {
  // 80 classes share 1e-3: z = ln(1e-3 / 80 / (1 - 1e-3)) below the background.
  const z = Math.log(1e-3 / 80 / (1 - 1e-3));
  const before = tf.memory().numTensors;
  const sum = tf.tidy(() => {
    const logits = tf.concat([tf.zeros([2000, 1]), tf.fill([2000, 80], z)], 1) as tf.Tensor2D;
    return softmaxCrossEntropySum(logits, tf.zeros([2000], 'int32'), tf.ones([2000])).dataSync()[0]!;
  });
  t.is(tf.memory().numTensors, before);
  t.true(Math.abs(sum / (-2000 * Math.log(1 - 1e-3)) - 1) < 1e-5, `${sum}`);
});

testsOn(['cpu'])('the gradient is finite differences', async t => {
  const loss: Operation = (logits, labels, weights) =>
    softmaxCrossEntropySum(logits as tf.Tensor2D, labels as tf.Tensor1D, weights as tf.Tensor1D);
  await assertGradient(t, loss, [floats([6, 5], 3), integers([6], -1, 4), floats([6])], 1);
});

testsOn(['cpu'])('labels that do not fit the logits are refused', t => {
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const logits = tf.zeros<tf.Rank.R2>([3, 2]);
    t.throws(() => softmaxCrossEntropySum(logits, tf.zeros([2], 'int32'), tf.zeros([2])), {
      message: /^softmaxCrossEntropySum: labels and logits .*2 and 3/,
    });
    t.throws(() => softmaxCrossEntropySum(logits, tf.zeros([3], 'int32'), tf.zeros([2])), {
      message: /^softmaxCrossEntropySum: weights and labels .*2 and 3/,
    });
    t.throws(() => softmaxCrossEntropies(logits, tf.zeros([3])), {
      message: 'softmaxCrossEntropies: labels must be int32, not float32',
    });
  });
  t.is(tf.memory().numTensors, before);
});
