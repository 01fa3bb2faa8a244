import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {sigmoidCrossEntropySum} from '../../../src/engine/ops/sigmoid-cross-entropy.js';
import {sigmoidFocalSum} from '../../../src/engine/ops/sigmoid-focal.js';
import {ENGINES, FAST_ENGINES} from '../../engines.js';
import {
  assertEnginesAgree,
  assertGradient,
  floats,
  integer,
  integers,
  type Operation,
  onEngine,
} from './agreement.js';

const crossEntropy: Operation = (logits, labels, weights) =>
  sigmoidCrossEntropySum(logits as tf.Tensor3D, labels as tf.Tensor2D, weights as tf.Tensor2D);
const focal =
  (alpha: number, gamma: number): Operation =>
  (logits, labels, weights) =>
    sigmoidFocalSum(logits as tf.Tensor3D, labels as tf.Tensor2D, weights as tf.Tensor2D, {alpha, gamma});

/** Value and gradient with respect to the logits, for one image. */
function evaluate(operation: Operation, logits: number[][], labels: number[], weights: number[]) {
  return tf.tidy(() => {
    const z = tf.tensor3d([logits]);
    const constants = [tf.tensor2d([labels], undefined, 'int32'), tf.tensor2d([weights])];
    const {value, grad} = tf.valueAndGrad((v: tf.Tensor) => operation(v, ...constants))(z);
    return {value: value.dataSync()[0]!, gradient: [...grad.dataSync()]};
  });
}

const near = (actual: number, expected: number, relative: number): boolean =>
  Math.abs(actual - expected) <= relative * Math.abs(expected);

for (const engine of ENGINES) {
  test.serial(
    `cross-entropy counts classes, weights and ignored examples as defined on ${engine}`,
    async t => {
      const {value, gradient} = await onEngine(t, engine, () =>
        // z = 0 costs ln 2 a class; z = ln 3 has p = 3/4: -ln(3/4) for its class, -ln(1/4) otherwise.
        evaluate(
          crossEntropy,
          [
            [0, 0],
            [Math.log(3), Math.log(3)],
            [5, 5],
            [0, 0],
          ],
          [0, 2, -1, 1],
          [1, 2, 3, 0],
        ),
      );
      t.true(near(value, 2 * Math.log(2) + 2 * (Math.log(4) - Math.log(3 / 4)), 1e-6), `${value}`);
      // p - t times the weight: 1/2, 1/2; 2 * 3/4, 2 * (3/4 - 1); ignored; weight 0.
      const expected = [0.5, 0.5, 1.5, -0.5, 0, 0, 0, 0];
      t.true(
        gradient.every((g, i) => Math.abs(g - expected[i]!) < 1e-6),
        `${gradient}`,
      );
    },
  );

  test.serial(`focal loss is cross-entropy weighted by alpha_t (1 - p_t)^gamma on ${engine}`, async t => {
    const {value} = await onEngine(t, engine, () =>
      // z = ln 3, p = 3/4. Its class: -0.25 (1/4)^2 ln(3/4); the other: -0.75 (3/4)^2 ln(1/4).
      evaluate(focal(0.25, 2), [[Math.log(3), Math.log(3)]], [1], [1]),
    );
    const expected = (0.25 * -Math.log(0.75)) / 16 + 0.75 * (9 / 16) * Math.log(4);
    t.true(near(value, expected, 1e-6), `${value}, not ${expected}`);
  });

  test.serial(`both losses and their gradients are exact for |z| up to 100 on ${engine}`, async t => {
    for (const z of [-100, -30, -11.512925, -1e-3, 1e-3, 11.512925, 30, 100]) {
      for (const label of [0, 1]) {
        const {bce, fl} = await onEngine(t, engine, () => ({
          bce: evaluate(crossEntropy, [[z]], [label], [1]),
          fl: evaluate(focal(0.25, 2), [[z]], [label], [1]),
        }));
        // In doubles: v is how wrong the logit is, loss log1p(e^v), miss 1 - p_t.
        const v = Math.fround(z) * (label === 1 ? -1 : 1);
        const loss = Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
        const miss = 1 / (1 + Math.exp(-v));
        const alpha = label === 1 ? 0.25 : 0.75;
        const sign = label === 1 ? -1 : 1;
        // float32 has nothing below 1e-45, and the engines flush what is below 1e-38 differently.
        const same = (actual: number, expected: number): boolean =>
          Math.abs(actual - expected) <= 2e-6 * Math.abs(expected) + 1e-37;
        t.true(same(bce.value, loss), `BCE(${z}, ${label}) = ${bce.value}, not ${loss}`);
        t.true(Math.abs(bce.gradient[0]! - sign * miss) <= 2e-7, `BCE'(${z}, ${label}) = ${bce.gradient}`);
        t.true(same(fl.value, alpha * miss ** 2 * loss), `FL(${z}, ${label}) = ${fl.value}`);
        const slope = sign * alpha * miss ** 2 * (2 * (1 - miss) * loss + miss);
        t.true(
          Math.abs(fl.gradient[0]! - slope) <= 2e-6,
          `FL'(${z}, ${label}) = ${fl.gradient}, not ${slope}`,
        );
      }
    }
  });
}

test.serial('the losses agree between the engines over classes, gammas and ignored examples', async t => {
  for (let i = 0; i < 24; i++) {
    const [batch, anchors, classes] = [integer(1, 3), integer(1, 17), integer(1, 13)];
    const inputs = [
      floats([batch, anchors, classes], i % 3 === 0 ? 100 : 5),
      integers([batch, anchors], -1, classes),
      floats([batch, anchors], 2),
    ];
    await assertEnginesAgree(t, crossEntropy, inputs, 1, 2e-6);
    await assertEnginesAgree(t, focal(0.25, [0, 0.5, 2, 3][i % 4]!), inputs, 1, 2e-6);
  }
});

test.serial('the gradients of the losses are finite differences', async t => {
  const inputs = [floats([2, 3, 5], 3), integers([2, 3], -1, 5), floats([2, 3], 2)];
  await assertGradient(t, crossEntropy, inputs, 1);
  await assertGradient(t, focal(0.25, 2), inputs, 1);
  await assertGradient(t, focal(0.6, 1.5), inputs, 1);
});

for (const engine of FAST_ENGINES)
  test.serial(`a million equal small losses sum without drift on ${engine}`, async t => {
    const value = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const logits = tf.fill([1, 262144, 4], -11.512925) as tf.Tensor3D;
        const labels = tf.zeros([1, 262144], 'int32') as tf.Tensor2D;
        return sigmoidCrossEntropySum(logits, labels, tf.ones([1, 262144])).dataSync()[0]!;
      }),
    );
    // 2^20 times log1p(1e-5).
    t.true(near(value, 2 ** 20 * Math.log1p(1e-5), 1e-6), `${value}`);
  });

test.serial('labels of the wrong shape or type are refused', async t => {
  await onEngine(t, 'cpu', () => {
    const logits = tf.zeros([1, 3, 2]) as tf.Tensor3D;
    const wrong = tf.zeros([1, 2], 'int32') as tf.Tensor2D;
    const weights = tf.zeros([1, 3]) as tf.Tensor2D;
    t.throws(() => sigmoidCrossEntropySum(logits, wrong, weights), {
      message: /labels and logits .*1,2 and 1,3/,
    });
    t.throws(() => sigmoidFocalSum(logits, weights, weights, {alpha: 0.25, gamma: 2}), {
      message: 'sigmoidFocalSum: labels must be int32, not float32',
    });
    tf.dispose([logits, wrong, weights]);
  });
});
