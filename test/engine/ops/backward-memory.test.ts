import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {convolution} from '../../../src/engine/ops/convolution.js';
import {onEngine} from './agreement.js';

const LAYERS = 12;
const filter = () => tf.ones<tf.Rank.R4>([1, 1, 2, 2]);

/** A chain of convolutions, each with a ReLU; returns the most tensors alive when a filter's gradient is computed. */
function mostTensors(run: (chain: (x: tf.Tensor4D) => tf.Tensor) => tf.Tensor[]): number {
  const before = tf.memory().numTensors;
  let most = 0;
  const config = tf.getKernel('SfConvolutionFilterGrad', 'cpu');
  const {kernelFunc} = config;
  config.kernelFunc = call => {
    most = Math.max(most, tf.memory().numTensors - before);
    return kernelFunc(call);
  };
  const filters = Array.from({length: LAYERS}, () => tf.tidy(() => tf.variable(filter()) as tf.Tensor4D));
  const gradients = run(x =>
    filters.reduce((y, weights) => convolution(y, weights, {stride: 1, padding: 0, relu: true}), x),
  );
  config.kernelFunc = kernelFunc;
  tf.dispose([gradients, filters]);
  return most;
}

test.serial('what the backward pass has used is freed while it runs', async t => {
  await onEngine(t, 'cpu', () => {
    const x = tf.ones<tf.Rank.R4>([1, 2, 2, 2]);
    const most = mostTensors(chain => {
      const {value, grads} = tf.variableGrads(() => tf.sum(chain(x)));
      return [value, ...Object.values(grads)];
    });
    // When it begins, a filter and three saved tensors of every layer; then what a layer adds goes with the next, and
    // what reached its ReLU, and the ReLU's result, at once.
    // tfjs alone comes to 88 tensors.
    t.true(most <= 4 * LAYERS + 6, `${most} tensors`);
    x.dispose();
  });
});

test.serial("a caller's own dy, and gradients inside gradients, stay whole", async t => {
  await onEngine(t, 'cpu', () => {
    const x = tf.ones<tf.Rank.R4>([1, 2, 2, 2]);
    const weights = filter();
    const dy = tf.ones<tf.Rank.R4>([1, 2, 2, 2]);
    const options = {stride: 1, padding: 0};
    const apply = (image: tf.Tensor) => convolution(image as tf.Tensor4D, weights, options);
    const first = tf.grad(apply)(x, dy);
    const second = tf.grad(apply)(x, dy);
    t.deepEqual([...first.dataSync()], Array(8).fill(2));
    t.deepEqual([...second.dataSync()], Array(8).fill(2));
    t.false(dy.isDisposed);

    // f = sum(y x g) with y = conv(x), in every channel the sum of both of x, and g = d sum(y) / dx = 2: of an x of
    // ones df/dx = 2 g from the two channels of y, and y g from x itself: 4 + 4.
    const outer = tf.grad(image => {
      const y = apply(image);
      const inner = tf.grad(again => tf.sum(apply(again)))(image);
      return tf.sum(tf.mul(tf.mul(y, image), inner));
    });
    t.deepEqual(
      tf.tidy(() => [...outer(x).dataSync()]),
      Array(8).fill(8),
    );
    tf.dispose([x, weights, dy, first, second]);
  });
});
