import * as tf from '@tensorflow/tfjs';
import ava from 'ava';
import {darknetBoxSum, smallBoxWeights} from '../../src/losses/darknet-box.js';
import {assertGradient, floats, type Operation} from '../engine/ops/agreement.js';
import {ENGINES, testsOn} from '../engines.js';

const test = testsOn(ENGINES);

const included = {entropy: 'included'} as const;
const excluded = {entropy: 'excluded'} as const;

/** The sum and its gradient times 3. */
function evaluate(
  options: Parameters<typeof darknetBoxSum>[0],
  logits: readonly number[],
  targets: readonly number[],
  weights: readonly number[],
) {
  const before = tf.memory().numTensors;
  const result = tf.tidy(() => {
    const {value, grad} = tf.valueAndGrad((z: tf.Tensor) =>
      tf.mul(
        darknetBoxSum(options, z as tf.Tensor2D, Float32Array.from(targets), Float32Array.from(weights)),
        3,
      ),
    )(tf.tensor2d([...logits], [weights.length, 4]));
    return {sum: value.dataSync()[0]! / 3, gradient: [...grad.dataSync()].map(g => g / 3)};
  });
  if (tf.memory().numTensors !== before) throw new Error('tensors were left behind');
  return result;
}

const near = (actual: readonly number[], expected: readonly number[]): boolean =>
  actual.length === expected.length && expected.every((value, i) => Math.abs(actual[i]! - value) < 1e-5);

test("by hand: cross-entropy of offsets, half squares of sides, and darknet's gradients", t => {
  const z = Math.log(3); // probability 3/4
  const {sum, gradient} = evaluate(included, [z, -z, 1, -2], [1, 0.5, 0.25, 1], [1.5]);
  // -log(3/4), and -(log(1/4) + log(3/4)) / 2; (0.75^2 + 3^2) / 2.
  const offsets = -Math.log(0.75) - (Math.log(0.25) + Math.log(0.75)) / 2;
  t.true(near([sum], [1.5 * (offsets + (0.5625 + 9) / 2)]));
  // darknet's deltas t - p, with the opposite sign: s (3/4 - 1), s (1/4 - 1/2), s (1 - 0.25), s (-2 - 1).
  t.true(near(gradient, [1.5 * -0.25, 1.5 * -0.25, 1.5 * 0.75, 1.5 * -3]));
});

test("logits of 0, where networks start, have darknet's gradient too", t => {
  const {gradient} = evaluate(included, [0, 0, 0, 0], [0.2, 1, 0, 0.5], [2]);
  t.true(near(gradient, [0.6, -1, 0, -1]));
});

test('without its entropy a perfect box costs nothing, and the gradient is the same', t => {
  const z = Math.log(1 / 3); // probability 1/4
  const perfect = evaluate(excluded, [z, 0, 0.5, -1], [0.25, 0.5, 0.5, -1], [1.25]);
  t.true(near([perfect.sum], [0]));
  t.true(near(perfect.gradient, [0, 0, 0, 0]));
  const [logits, targets, weights] = [
    [1, -2, 0.5, 3, 0, 1, 1, 1],
    [0, 0.3, 1, 1, 0.9, 1, 0, 0],
    [1, 2],
  ];
  const [both, own] = [
    evaluate(included, logits, targets, weights),
    evaluate(excluded, logits, targets, weights),
  ];
  t.deepEqual(own.gradient, both.gradient);
  const entropy = (p: number) => -p * Math.log(p) - (1 - p) * Math.log(1 - p);
  t.true(near([both.sum - own.sum], [entropy(0.3) + 2 * entropy(0.9)]));
});

test('no boxes cost nothing', t => {
  t.deepEqual(evaluate(included, [], [], []), {sum: 0, gradient: []});
});

test('a logit that is huge and wrong costs itself', t => {
  t.is(evaluate(included, [1000, -1000, 0, 0], [0, 1, 0, 0], [1]).sum, 2000);
});

testsOn(['cpu'])('the gradient is finite differences', async t => {
  const targets = Float32Array.of(0.1, 0.9, 0.3, -0.2, 1, 0, 0.5, 0.7);
  const weights = Float32Array.of(1.3, 1.9);
  for (const options of [included, excluded]) {
    const loss: Operation = logits => darknetBoxSum(options, logits as tf.Tensor2D, targets, weights);
    await assertGradient(t, loss, [floats([2, 4], 2)], 1);
  }
});

ava('an object of the whole canvas weighs 1, one without area 2', t => {
  const canvas = {width: 40, height: 20};
  t.deepEqual(
    [...smallBoxWeights(Float32Array.of(0, 0, 40, 20, 5, 5, 5, 9, 10, 5, 30, 15), canvas)],
    [1, 2, 1.75],
  );
});
