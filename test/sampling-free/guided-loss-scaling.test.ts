import * as tf from '@tensorflow/tfjs';
import {lossScale} from '../../src/sampling-free/guided-loss-scaling.js';
import {ENGINES, testsOn} from '../engines.js';

const test = testsOn(ENGINES);

const GUIDED = {kind: 'guided', gain: 1} as const;

/** w, and L = L_REG + w L_CLS with its gradient, where L_REG = box x^2 and L_CLS = classification e^x at x = 0.5. */
function step(config: Parameters<typeof lossScale>[0], box: number, classification: number) {
  const before = tf.memory().numTensors;
  const result = tf.tidy(() => {
    const x = tf.scalar(0.5);
    const reg = (at: tf.Tensor) => tf.mul<tf.Scalar>(tf.square(at), box);
    const cls = (at: tf.Tensor) => tf.mul<tf.Scalar>(tf.exp(at), classification);
    const loss = (at: tf.Tensor) =>
      tf.add<tf.Scalar>(reg(at), tf.mul(lossScale(config, reg(at), cls(at)), cls(at)));
    const {value, grad} = tf.valueAndGrad(loss)(x);
    const w = lossScale(config, reg(x), cls(x));
    return {w: w.dataSync()[0]!, total: value.dataSync()[0]!, gradient: grad.dataSync()[0]!};
  });
  return {...result, leaked: tf.memory().numTensors - before};
}

test('w is L_REG / L_CLS, the total twice L_REG, and w is a constant for back-propagation', t => {
  const {w, total, gradient, leaked} = step(GUIDED, 2, 3);
  const reg = 2 * 0.25;
  const cls = 3 * Math.exp(0.5);
  t.true(Math.abs(w - reg / cls) < 1e-6);
  t.true(Math.abs(total - 2 * reg) < 1e-6);
  // 2 x box + w dL_CLS = 2 + reg, since e^x is its own derivative; without the constant it would be 4.
  t.true(Math.abs(gradient - (2 + reg)) < 1e-5);
  t.is(leaked, 0);
});

test('the gradient does not change when L_CLS is multiplied by any k > 0', t => {
  const {gradient} = step(GUIDED, 2, 3);
  for (const k of [1e-20, 1e-6, 0.1, 17, 1e8, 1e20]) {
    t.true(Math.abs(step(GUIDED, 2, 3 * k).gradient / gradient - 1) < 1e-5, `k = ${k}`);
  }
});

test('the gain of 2 of RoI-subnets makes the total three times L_REG', t => {
  const {w, total} = step({kind: 'guided', gain: 2}, 2, 3);
  t.true(Math.abs(w - (2 * 0.5) / (3 * Math.exp(0.5))) < 1e-6);
  t.true(Math.abs(total - 3 * 0.5) < 1e-6);
});

test('without foreground L_REG is 0: w, total and gradient are 0', t => {
  t.deepEqual(step(GUIDED, 0, 3), {w: 0, total: 0, gradient: 0, leaked: 0});
});

test('where L_CLS is 0, w is 0 and the box loss trains on', t => {
  t.deepEqual(step(GUIDED, 2, 0), {w: 0, total: 0.5, gradient: 2, leaked: 0});
  t.deepEqual(step(GUIDED, 0, 0), {w: 0, total: 0, gradient: 0, leaked: 0});
});

test('a loss that is not finite gives a total that is not finite', t => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    for (const [box, classification] of [
      [bad, 3],
      [2, bad],
      [bad, 0],
      [0, bad],
      [bad, bad],
    ] as const) {
      t.false(Number.isFinite(step(GUIDED, box, classification).total), `${box} ${classification}`);
    }
  }
});

test('no scaling is w = 1, a constant is itself, and both leave the gradient of the classification loss whole', t => {
  const none = step({kind: 'none'}, 2, 3);
  t.is(none.w, 1);
  t.true(Math.abs(none.gradient - (2 + 3 * Math.exp(0.5))) < 1e-5);
  const tenth = step({kind: 'constant', w: 0.1}, 2, 3);
  t.is(tenth.w, Math.fround(0.1));
  t.true(Math.abs(tenth.gradient - (2 + 0.3 * Math.exp(0.5))) < 1e-5);
  t.is(none.leaked + tenth.leaked, 0);
});
