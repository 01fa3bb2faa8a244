import * as tf from '@tensorflow/tfjs';
import {globalNorm} from '../../src/engine/ops/global-norm.js';
import {Parameters} from '../../src/layers/parameters.js';
import {Sgd, type SgdConfig} from '../../src/train/sgd.js';
import {ENGINES, testsOn} from '../engines.js';

const test = testsOn(ENGINES);

const config: SgdConfig = {
  momentum: 0.9,
  weightDecay: 0.1,
  biasLrFactor: 2,
  biasWeightDecay: 0,
  normWeightDecay: null,
  clipGradientNorm: null,
};

function near(values: ArrayLike<number>, expected: readonly number[]): boolean {
  return expected.every((value, i) => Math.abs((values[i] as number) - value) < 1e-6);
}

/** Steps with the same gradients, and gives the parameters' values by name. */
function run(
  parameters: Parameters,
  optimizer: Sgd,
  gradients: Readonly<Record<string, number[]>>,
  {lr, steps}: {lr: number; steps: number},
): Readonly<Record<string, number[]>> {
  const tensors = new Map(Object.entries(gradients).map(([name, values]) => [name, tf.tensor1d(values)]));
  const norm = globalNorm([...tensors.values()]);
  for (let i = 0; i < steps; i++) optimizer.step(tensors, norm, lr);
  tf.dispose([norm, ...tensors.values()]);
  return Object.fromEntries(parameters.all.map(({name, variable}) => [name, [...variable.dataSync()]]));
}

test('two steps by hand: weights, norms and biases', t => {
  const before = tf.memory().numTensors;
  const parameters = new Parameters();
  parameters.create('weight', 'weight', tf.tensor1d([1]));
  parameters.create('scale', 'norm', tf.tensor1d([1]));
  parameters.create('bias', 'bias', tf.tensor1d([1]));
  parameters.create('frozen', 'weight', tf.tensor1d([1]), false);
  const optimizer = new Sgd(parameters, config);
  t.deepEqual([...optimizer.velocities.keys()], ['weight', 'scale', 'bias']);
  const gradients = {weight: [0.5], scale: [0.5], bias: [0.5]};

  // Weights: v = 0.5 + 0.1 * 1 = 0.6, p = 1 - 0.1 * 0.6 = 0.94. Biases: v = 0.5, p = 1 - 0.2 * 0.5 = 0.9.
  const first = run(parameters, optimizer, gradients, {lr: 0.1, steps: 1});
  t.true(near([first.weight![0]!, first.scale![0]!, first.bias![0]!], [0.94, 0.94, 0.9]));
  // Weights: v = 0.9 * 0.6 + 0.5 + 0.094 = 1.134, p = 0.94 - 0.1134. Biases: v = 0.95, p = 0.9 - 0.19.
  const second = run(parameters, optimizer, gradients, {lr: 0.1, steps: 1});
  t.true(near([second.weight![0]!, second.scale![0]!, second.bias![0]!], [0.8266, 0.8266, 0.71]));
  t.deepEqual(second.frozen, [1]);

  optimizer.dispose();
  parameters.dispose();
  t.is(tf.memory().numTensors, before);
});

test('a parameter that no loss reaches still decays and keeps its momentum', t => {
  const parameters = new Parameters();
  parameters.create('weight', 'weight', tf.tensor1d([1]));
  const optimizer = new Sgd(parameters, config);
  // v = 0.1, p = 0.99; v = 0.09 + 0.099 = 0.189, p = 0.99 - 0.0189.
  t.true(near(run(parameters, optimizer, {}, {lr: 0.1, steps: 2}).weight!, [0.9711]));
  optimizer.dispose();
  parameters.dispose();
});

test('clipping scales all gradients together to the limit, and leaves smaller ones alone', t => {
  const parameters = new Parameters();
  parameters.create('a', 'weight', tf.tensor1d([0]));
  parameters.create('b', 'weight', tf.tensor1d([0]));
  const plain = {...config, momentum: 0, weightDecay: 0, clipGradientNorm: 1};
  const optimizer = new Sgd(parameters, plain);
  // Norm of (3, 4) is 5: a fifth of each.
  const clipped = run(parameters, optimizer, {a: [3], b: [4]}, {lr: 1, steps: 1});
  t.true(near([clipped.a![0]!, clipped.b![0]!], [-0.6, -0.8]));
  const free = run(parameters, optimizer, {a: [0.3], b: [0.4]}, {lr: 1, steps: 1});
  t.true(near([free.a![0]!, free.b![0]!], [-0.9, -1.2]));
  optimizer.dispose();
  parameters.dispose();
});

test('the global norm is over all gradients: 3, 4 and 12 make 13', t => {
  const gradients = [tf.tensor1d([3, 4]), tf.tensor2d([[12]])];
  const before = tf.memory().numTensors;
  const norm = globalNorm(gradients);
  t.is(norm.dataSync()[0], 13);
  norm.dispose();
  t.is(tf.memory().numTensors, before);
  const none = globalNorm([]);
  t.is(none.dataSync()[0], 0);
  tf.dispose([none, ...gradients]);
});

test('restored velocities continue the same path', t => {
  const parameters = new Parameters();
  parameters.create('weight', 'weight', tf.tensor1d([1]));
  const optimizer = new Sgd(parameters, config);
  const before = tf.memory().numTensors;
  optimizer.restore(new Map([['weight', Float32Array.of(0.6)]]));
  t.is(tf.memory().numTensors, before);
  // v = 0.54 + 0.5 + 0.1 = 1.14, p = 1 - 0.114.
  t.true(near(run(parameters, optimizer, {weight: [0.5]}, {lr: 0.1, steps: 1}).weight!, [0.886]));
  t.throws(() => optimizer.restore(new Map()), {message: /no velocity of parameter weight/});
  optimizer.dispose();
  parameters.dispose();
});
