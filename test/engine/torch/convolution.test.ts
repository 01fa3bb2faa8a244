import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {openEngine} from '../../../src/engine/open.js';
import {convolution} from '../../../src/engine/ops/convolution.js';
import {buildRecord} from '../../../src/engine/torch/addon.js';
import {relativeDifference} from '../ops/agreement.js';

const onTorch = buildRecord() === undefined ? test.serial.skip : test.serial;

const waves = (shape: number[], step: number): tf.Tensor4D =>
  tf.tensor4d(
    Float32Array.from({length: shape.reduce((a, b) => a * b)}, (_, i) => Math.sin(step * i)),
    shape as [number, number, number, number],
  );

onTorch('a filter gradient that is computed tap by tap is that of its output channels apart', async t => {
  await openEngine('torch');
  const before = tf.memory().numTensors;
  // 64 x 9 x 16 x 480 multiplications a tap are computed as matrix products, an eighth of them by oneDNN.
  const options = {stride: 2, padding: 1};
  const [whole, parts] = tf.tidy(() => {
    const x = waves([1, 17, 31, 64], 0.7);
    const filter = tf.zeros<tf.Rank.R4>([3, 2, 64, 480]);
    const dy = waves([1, 9, 16, 480], 1.9);
    const gradient = (weights: tf.Tensor4D, given: tf.Tensor4D): tf.Tensor4D =>
      tf.grad(f => convolution(x, f as tf.Tensor4D, options))(weights, given) as tf.Tensor4D;
    const slices = (tensor: tf.Tensor4D) => tf.split<tf.Tensor4D>(tensor, 8, 3);
    const gradients = slices(filter).map((weights, i) => gradient(weights, slices(dy)[i]!));
    return [gradient(filter, dy).dataSync(), tf.concat(gradients, 3).dataSync()];
  });
  t.true(relativeDifference(whole!, parts!) < 1e-5);
  t.is(tf.memory().numTensors, before);
});
