import * as tf from '@tensorflow/tfjs';
import {scaleGradient} from '../../src/layers/scale-gradient.js';
import {ENGINES, testsOn} from '../engines.js';

const test = testsOn(ENGINES);

test('values pass unchanged and gradients are multiplied', t => {
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const x = tf.tensor2d([1, -2, 3, 4], [2, 2]);
    const {value, grad} = tf.valueAndGrad((v: tf.Tensor) => tf.sum(tf.square(scaleGradient(v, 0.25))))(x);
    t.is(value.dataSync()[0], 1 + 4 + 9 + 16);
    // d x^2 = 2 x, a quarter of it.
    t.deepEqual([...grad.dataSync()], [0.5, -1, 1.5, 2]);
    t.deepEqual([...scaleGradient(x, 7).dataSync()], [1, -2, 3, 4]);
  });
  t.is(tf.memory().numTensors, before);
});

test('only the branch behind it is scaled, and scales multiply', t => {
  tf.tidy(() => {
    const gradient = tf.grad((v: tf.Tensor) =>
      tf.sum(tf.addN([v, scaleGradient(v, 0.5), scaleGradient(scaleGradient(v, 0.5), 0.5)])),
    )(tf.tensor1d([1, 2]));
    t.deepEqual([...gradient.dataSync()], [1.75, 1.75]);
  });
});

test('a tensor without elements has a gradient without elements', t => {
  tf.tidy(() => {
    const gradient = tf.grad((v: tf.Tensor) => tf.sum(scaleGradient(v, 0.5)))(tf.zeros([0, 3]));
    t.deepEqual(gradient.shape, [0, 3]);
  });
});
