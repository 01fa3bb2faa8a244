import * as tf from '@tensorflow/tfjs';
import {binaryCrossEntropySum} from '../../src/losses/binary-cross-entropy.js';
import {assertGradient, floats, type Operation} from '../engine/ops/agreement.js';
import {ENGINES, testsOn} from '../engines.js';

const test = testsOn(ENGINES);

/** The sum and its gradient times 3; targets are gone when the gradient is asked for. */
function evaluate(logits: readonly number[], targets: readonly number[]) {
  const before = tf.memory().numTensors;
  const result = tf.tidy(() => {
    const {value, grad} = tf.valueAndGrad((z: tf.Tensor) =>
      tf.tidy(() => tf.mul(binaryCrossEntropySum(z, tf.tensor1d([...targets])), 3)),
    )(tf.tensor1d([...logits]));
    return {sum: value.dataSync()[0]! / 3, gradient: [...grad.dataSync()].map(g => g / 3)};
  });
  if (tf.memory().numTensors !== before) throw new Error('tensors were left behind');
  return result;
}

const largest = (actual: readonly number[], expected: readonly number[]): number =>
  Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!)));

test('by hand: probabilities 1/2, 3/4 and 1/4, and a target in between', t => {
  const z = Math.log(3); // probability 3/4
  const {sum, gradient} = evaluate([0, z, -z, z], [1, 1, 1, 0.5]);
  const expected = Math.log(2) - Math.log(0.75) - Math.log(0.25) - (Math.log(0.75) + Math.log(0.25)) / 2;
  t.true(Math.abs(sum - expected) < 1e-6);
  t.true(largest(gradient, [-0.5, -0.25, -0.75, 0.25]) < 1e-6);
});

test('huge logits cost themselves where they are wrong and nothing where they are right', t => {
  const {sum, gradient} = evaluate([1000, -1000, 1000, -1000], [0, 1, 1, 0]);
  t.is(sum, 2000);
  t.deepEqual(gradient.map(Math.abs), [1, 1, 0, 0]);
});

test('nothing costs nothing; a NaN stays one', t => {
  t.deepEqual(evaluate([], []), {sum: 0, gradient: []});
  t.true(Number.isNaN(evaluate([Number.NaN, 0], [1, 1]).sum));
});

testsOn(['cpu'])('the gradient is finite differences', async t => {
  const targets = tf.tensor2d([0, 1, 0.3, 1, 0, 0.9], [2, 3]);
  const values = [...targets.dataSync()];
  targets.dispose();
  const loss: Operation = logits => binaryCrossEntropySum(logits, tf.tensor2d(values, [2, 3]));
  await assertGradient(t, loss, [floats([2, 3], 2)], 1);
});

testsOn(['cpu'])('targets of another shape are refused', t => {
  tf.tidy(() => {
    t.throws(() => binaryCrossEntropySum(tf.zeros([2, 3]), tf.zeros([3, 2])), {
      message: /^binaryCrossEntropySum: logits and targets .*2,3 and 3,2/,
    });
  });
});
