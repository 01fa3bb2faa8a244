/** Batch norm as a layer: what it does in training and in detection, and what the optimizer sees of it. */
import * as tf from '@tensorflow/tfjs';
import ava from 'ava';
import type {Norm} from '../../src/config/network.js';
import {convolutionLayer, type ModelScope} from '../../src/layers/convolution-layer.js';
import {Parameters} from '../../src/layers/parameters.js';
import {Phase} from '../../src/layers/phase.js';
import {relativeDifference} from '../engine/ops/agreement.js';
import {ENGINES, testsOn} from '../engines.js';

const test = testsOn(ENGINES);

const norm: Norm = {kind: 'batch-norm', momentum: 0.5, epsilon: 0.5};

const options = {
  size: 1,
  inChannels: 1,
  outChannels: 1,
  norm,
  relu: true,
  negativeSlope: 0.1,
  initial: {kind: 'kaiming-normal-in'},
} as const;

function scopeOf(): ModelScope & {readonly phase: Phase} {
  return {parameters: new Parameters(), seed: 1, phase: new Phase()};
}

/** 1, 2, 3, 6 with a filter of 1: mean 3, biased variance 3.5, unbiased 14 / 3. */
const image = (): tf.Tensor4D => tf.tensor4d([1, 2, 3, 6], [2, 1, 2, 1]);

function setFilter(parameters: Parameters, value: number): void {
  tf.tidy(() => parameters.get('layer.weight').variable.assign(tf.fill([1, 1, 1, 1], value)));
}

const values = (parameters: Parameters, name: string): number[] => [
  ...parameters.get(`layer.norm.${name}`).variable.dataSync(),
];

test('training goes by the batch and moves the averages, detection by the averages and leaves them', (t, engine) => {
  const before = tf.memory().numTensors;
  const scope = scopeOf();
  const layer = convolutionLayer(scope, 'layer', options);
  setFilter(scope.parameters, 1);
  const run = (): number[] => tf.tidy(() => [...layer(image()).dataSync()]);
  const train = scope.phase.training(run);

  // Averages start at 0 and 1: x / sqrt(1 + 0.5).
  const untrained = [1, 2, 3, 6].map(x => x / Math.sqrt(1.5));
  t.true(relativeDifference(run(), untrained) < 1e-6);
  t.true(relativeDifference(train(), [-0.1, -0.05, 0, 1.5]) < 1e-6);
  t.true(relativeDifference(values(scope.parameters, 'running_mean'), [1.5]) < 1e-6);
  t.true(relativeDifference(values(scope.parameters, 'running_var'), [0.5 + 7 / 3]) < 1e-6);
  // (x - 1.5) / sqrt(0.5 + 7 / 3 + 0.5), a tenth of it below zero.
  const trained = [-0.05, 0.5, 1.5, 4.5].map(x => x / Math.sqrt(10 / 3));
  t.true(relativeDifference(run(), trained) < 1e-6, engine);
  t.true(relativeDifference(run(), trained) < 1e-6, 'detection changes nothing');
  scope.parameters.dispose();
  t.is(tf.memory().numTensors, before);
});

test('a shortcut is added between the norm and the leaky ReLU', t => {
  const scope = scopeOf();
  const layer = convolutionLayer(scope, 'layer', options);
  setFilter(scope.parameters, 1);
  const run = (): number[] => tf.tidy(() => [...layer(image(), tf.fill([2, 1, 2, 1], -1)).dataSync()]);
  // -1, -0.5, 0, 1.5 of the norm, less 1.
  t.true(relativeDifference(scope.phase.training(run)(), [-0.2, -0.15, -0.1, 0.5]) < 1e-6);
  const scale = 1 / Math.sqrt(0.5 + 7 / 3 + 0.5);
  const expected = [-0.5, 0.5, 1.5, 4.5].map(x => x * scale - 1).map(z => (z < 0 ? 0.1 * z : z));
  t.true(relativeDifference(run(), expected) < 1e-6);
  scope.parameters.dispose();
});

test('a frozen layer uses its averages in training too, and keeps them', t => {
  const scope = scopeOf();
  const layer = convolutionLayer(scope, 'layer', {...options, trainable: false});
  setFilter(scope.parameters, 1);
  const run = (): number[] => tf.tidy(() => [...layer(image()).dataSync()]);
  const expected = [1, 2, 3, 6].map(x => x / Math.sqrt(1.5));
  t.true(relativeDifference(scope.phase.training(run)(), expected) < 1e-6);
  t.deepEqual(values(scope.parameters, 'running_mean'), [0]);
  t.deepEqual(scope.parameters.trainable, []);
  scope.parameters.dispose();
});

test('averages move within variableGrads and have no gradient; filter, multiplier and shift have one', t => {
  const scope = scopeOf();
  const layer = convolutionLayer(scope, 'layer', options);
  setFilter(scope.parameters, 1);
  const before = tf.memory().numTensors;
  const x = image();
  const loss = scope.phase.training(() => tf.variableGrads(() => tf.sum(tf.square(layer(x)))))();
  const named = scope.parameters.trainable.map(({name, variable}) => [
    name,
    loss.grads[variable.name] !== undefined,
  ]);
  t.deepEqual(named, [
    ['layer.weight', true],
    ['layer.norm.weight', true],
    ['layer.norm.bias', true],
  ]);
  t.deepEqual(values(scope.parameters, 'running_mean'), [1.5]);
  tf.dispose([loss.value, Object.values(loss.grads), x]);
  t.is(tf.memory().numTensors, before);
  scope.parameters.dispose();
});

ava('a model without a phase cannot have a batch norm, and the phase ends with an error', t => {
  const parameters = new Parameters();
  t.throws(() => convolutionLayer({parameters, seed: 1}, 'layer', options), {
    message: 'layer: a model with batch-norm needs a phase in its scope',
  });
  parameters.dispose();
  const phase = new Phase();
  t.throws(
    phase.training(() => {
      t.true(phase.isTraining);
      throw new Error('of the loss');
    }),
    {message: 'of the loss'},
  );
  t.false(phase.isTraining);
});

const fixed: Norm = {kind: 'fixed-bn', epsilon: 0.5};

/** Averages of 2 and 3.5, so that the norm divides by sqrt(3.5 + 0.5) = 2; a multiplier of 3, an offset of 1. */
function setNorm(parameters: Parameters): void {
  for (const [name, value] of Object.entries({weight: 3, bias: 1, running_mean: 2, running_var: 3.5})) {
    tf.tidy(() => parameters.get(`layer.norm.${name}`).variable.assign(tf.tensor1d([value])));
  }
}

test('a norm of fixed statistics is the same in training, which moves no average; its map learns', t => {
  const before = tf.memory().numTensors;
  const scope = scopeOf();
  const {parameters, phase} = scope;
  const layer = convolutionLayer(scope, 'layer', {...options, norm: fixed, relu: false});
  setFilter(parameters, 1);
  setNorm(parameters);
  const run = (): number[] => tf.tidy(() => [...layer(image()).dataSync()]);
  // 3 (x - 2) / 2 + 1
  for (const found of [run(), phase.training(run)()]) {
    t.true(relativeDifference(found, [-0.5, 1, 2.5, 7]) < 1e-6);
  }
  t.deepEqual([...values(parameters, 'running_mean'), ...values(parameters, 'running_var')], [2, 3.5]);

  const learned = ['layer.weight', 'layer.norm.weight', 'layer.norm.bias'];
  t.deepEqual(
    parameters.trainable.map(({name}) => name),
    learned,
  );
  const variables = learned.map(name => parameters.get(name).variable);
  const {value, grads} = phase.training(() =>
    tf.variableGrads(() => tf.tidy(() => tf.sum<tf.Scalar>(layer(image()))), variables),
  )();
  // Sums over x = 1, 2, 3, 6: of 3 x / 2 for the filter, of (x - 2) / 2 for the multiplier, of 1 for the offset.
  const gradients = variables.map(variable => grads[variable.name]!.dataSync()[0]!);
  t.true(relativeDifference(gradients, [18, 2, 4]) < 1e-6, `${gradients}`);
  tf.dispose([value, grads]);
  parameters.dispose();
  t.is(tf.memory().numTensors, before);
});

test('frozen, a norm of fixed statistics computes the same and learns nothing', t => {
  const scope = scopeOf();
  const layer = convolutionLayer(scope, 'layer', {...options, norm: fixed, trainable: false});
  setFilter(scope.parameters, 1);
  setNorm(scope.parameters);
  t.deepEqual(scope.parameters.trainable, []);
  const before = tf.memory().numTensors;
  const found = tf.tidy(() => [...layer(image(), tf.fill([2, 1, 2, 1], -1)).dataSync()]);
  // The above less 1, through the leaky ReLU.
  t.true(relativeDifference(found, [-0.15, 0, 1.5, 6]) < 1e-6);
  t.is(tf.memory().numTensors, before);
  scope.parameters.dispose();
});
