import * as tf from '@tensorflow/tfjs';
import type {BoxLoss, ClassificationLoss} from '../../src/config/stage.js';
import {ENGINES, testsOn} from '../engines.js';
import {largestDifference, readGolden} from '../fixtures/torchvision/golden.js';
import {boxLossSum, classificationLossSum} from './sums.js';

const test = testsOn(ENGINES);

type Expected = {readonly sum: number; readonly gradient: readonly number[]};
const golden = readGolden<{
  readonly logits: readonly number[];
  readonly labels: readonly number[];
  readonly focal: readonly (Expected & {readonly alpha: number; readonly gamma: number})[];
  readonly crossEntropy: Expected;
  readonly predicted: readonly number[];
  readonly target: readonly number[];
  readonly smoothL1: readonly (Expected & {readonly beta: number})[];
  readonly l1: Expected;
}>('losses.json');

/** Runs `body` in a tidy and asserts that it leaves no tensor behind. */
function withoutLeak<T>(t: {is(a: number, b: number): unknown}, body: () => T): T {
  const before = tf.memory().numTensors;
  const result = tf.tidy(body as () => tf.TensorContainer) as T;
  t.is(tf.memory().numTensors, before);
  return result;
}

/** Sum and gradient as numbers. */
function evaluate(loss: (x: tf.Tensor) => tf.Scalar, values: readonly number[], shape: number[]) {
  const {value, grad} = tf.valueAndGrad(loss)(tf.tensor([...values], shape));
  return {sum: value.dataSync()[0]!, gradient: grad.dataSync()};
}

const anchors = golden.labels.length;
const classificationCases: readonly (Expected & {readonly config: ClassificationLoss})[] = [
  {...golden.crossEntropy, config: {kind: 'cross-entropy'}},
  ...golden.focal.map(({alpha, gamma, ...expected}) => ({
    ...expected,
    config: {kind: 'focal', alpha, gamma} as const,
  })),
];

for (const {config, sum, gradient} of classificationCases) {
  test(`classification loss and its gradient agree with torchvision: ${JSON.stringify(config)}`, t => {
    withoutLeak(t, () => {
      const labels = tf.tensor2d([...golden.labels], [1, anchors], 'int32');
      const weights = tf.ones<tf.Rank.R2>([1, anchors]);
      const mine = evaluate(
        logits => classificationLossSum(config, logits as tf.Tensor3D, labels, weights),
        golden.logits,
        [1, anchors, 3],
      );
      t.true(largestDifference([mine.sum], [sum], 0) < 1e-5);
      // p - t of a well-answered question is a difference in single precision: 6e-8, not relative.
      t.true(largestDifference(mine.gradient, gradient, 1e-3) < 1e-4);
    });
  });
}

test('cross-entropy of two anchors is the sum over classes by hand', t => {
  // Probability 1/2 everywhere: (2 anchors) x (3 classes) x log 2; the ignored anchor and the one of weight 0 add nothing.
  withoutLeak(t, () => {
    const labels = tf.tensor2d([1, 0, -1, 2], [2, 2], 'int32');
    const weights = tf.tensor2d([1, 1, 1, 0], [2, 2]);
    const sum = classificationLossSum({kind: 'cross-entropy'}, tf.zeros([2, 2, 3]), labels, weights);
    t.true(Math.abs(sum.dataSync()[0]! - 6 * Math.log(2)) < 1e-6);
  });
});

test('focal loss of two anchors is Eq. 1 by hand', t => {
  // p = 1/2: a true class costs 0.25 * 0.25 * log 2, each of the 5 others 0.75 * 0.25 * log 2.
  withoutLeak(t, () => {
    const labels = tf.tensor2d([1, 0], [1, 2], 'int32');
    const config = {kind: 'focal', alpha: 0.25, gamma: 2} as const;
    const sum = classificationLossSum(config, tf.zeros([1, 2, 3]), labels, tf.ones([1, 2]));
    t.true(Math.abs(sum.dataSync()[0]! - (0.0625 + 5 * 0.1875) * Math.log(2)) < 1e-6);
  });
});

const boxCases: readonly (Expected & {readonly config: BoxLoss})[] = [
  {...golden.l1, config: {kind: 'l1'}},
  ...golden.smoothL1.map(({beta, ...expected}) => ({
    ...expected,
    config: {kind: 'smooth-l1', beta} as const,
  })),
];

for (const {config, sum, gradient} of boxCases) {
  test(`box loss and its gradient agree with PyTorch: ${JSON.stringify(config)}`, t => {
    withoutLeak(t, () => {
      const target = tf.tensor2d([...golden.target], [10, 4]);
      const mine = evaluate(
        predicted => boxLossSum(config, predicted as tf.Tensor2D, target),
        golden.predicted,
        [10, 4],
      );
      t.true(largestDifference([mine.sum], [sum], 0) < 1e-5);
      t.true(largestDifference(mine.gradient, gradient, 1e-2) < 1e-4);
    });
  });
}

test('smooth L1 by hand: half a square over beta inside the knee, the distance less half of beta outside', t => {
  withoutLeak(t, () => {
    const sum = boxLossSum(
      {kind: 'smooth-l1', beta: 0.5},
      tf.tensor2d([[0.1, -2, 0, 0.5]]),
      tf.zeros([1, 4]),
    );
    // 0.01 / 1 + 1.75 + 0 + 0.25
    t.true(Math.abs(sum.dataSync()[0]! - 2.01) < 1e-6);
  });
});

test('without foreground the box loss is 0 and its gradient empty', t => {
  const configs: BoxLoss[] = [{kind: 'l1'}, {kind: 'smooth-l1', beta: 0.11}];
  for (const config of configs) {
    withoutLeak(t, () => {
      const none = tf.zeros<tf.Rank.R2>([0, 4]);
      const mine = evaluate(predicted => boxLossSum(config, predicted as tf.Tensor2D, none), [], [0, 4]);
      t.is(mine.sum, 0);
      t.is(mine.gradient.length, 0);
    });
  }
});
