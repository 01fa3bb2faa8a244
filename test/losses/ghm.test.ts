/** GHM-C and GHM-R against their statement in double precision, by hand, and at their edges. */
import * as tf from '@tensorflow/tfjs';
import ava from 'ava';
import {boxLoss} from '../../src/losses/box-loss.js';
import {classificationLoss} from '../../src/losses/classification-loss.js';
import type {Remember} from '../../src/losses/running-sums.js';
import {Random} from '../../src/random/random.js';
import {assertGradient, floats, integers, relativeDifference} from '../engine/ops/agreement.js';
import {ENGINES, openForTest, testsOn} from '../engines.js';
import {ghmC, ghmR, type State} from './ghm-reference.js';

const test = testsOn(ENGINES);

/** A memory that starts with these sums. */
const startingAt = (
  sums: readonly number[],
): {remember: Remember; sums: () => number[]; dispose: () => void} => {
  let held: tf.Variable | undefined;
  return {
    remember: () => {
      held = tf.tidy(() => tf.variable(tf.tensor1d([...sums]), false));
      return held;
    },
    sums: () => [...held!.dataSync()],
    dispose: () => held!.dispose(),
  };
};
const zeros = (bins: number): State => new Array<number>(bins).fill(0);

const LEVELS = [12, 5, 0, 3];
const CLASSES = 3;
const IMAGES = 2;
const BINS = 6;

type Step = {logits: Float32Array; labels: Int32Array; weights: Float32Array};

/** Logits of both signs and of a wide range, some examples ignored and some left out by the sampler. */
function classificationStep(random: Random, examples: number): Step {
  return {
    logits: Float32Array.from({length: examples * CLASSES}, () => 3 * random.normal() - 1),
    labels: Int32Array.from({length: examples}, () => random.int(CLASSES + 3) - 2).map(label =>
      Math.max(-1, label),
    ),
    weights: Float32Array.from({length: examples}, () => (random.int(4) === 0 ? 0 : 1)),
  };
}

/** Level by level, as the authors' code is called. */
function stated({logits, labels, weights}: Step, state: State, momentum: number) {
  const perImage = LEVELS.reduce((sum, count) => sum + count, 0);
  const gradient = new Float64Array(logits.length);
  let loss = 0;
  let first = 0;
  for (const count of LEVELS) {
    const examples = Array.from({length: IMAGES}, (_, image) =>
      Array.from({length: count}, (_, i) => image * perImage + first + i),
    ).flat();
    const pairs = examples.flatMap(example => Array.from({length: CLASSES}, (_, c) => [example, c] as const));
    const level = ghmC(
      pairs.map(([example, c]) => logits[example * CLASSES + c]!),
      pairs.map(([example, c]) => (labels[example] === c + 1 ? 1 : 0)),
      pairs.map(([example]) => labels[example]! >= 0 && weights[example] !== 0),
      state,
      momentum,
    );
    loss += level.loss;
    for (const [i, [example, c]] of pairs.entries()) gradient[example * CLASSES + c] = level.gradient[i]!;
    first += count;
  }
  return {loss, gradient};
}

test('GHM-C over steps and levels is what its authors state, sums and gradients', t => {
  const random = new Random(6, 'ghm-c');
  const perImage = LEVELS.reduce((sum, count) => sum + count, 0);
  const state = zeros(BINS);
  const before = tf.memory().numTensors;
  const memory = startingAt(state);
  const loss = classificationLoss({kind: 'ghm-c', bins: BINS, momentum: 0.75}, memory.remember);
  for (let step = 0; step < 4; step++) {
    const given = classificationStep(random, IMAGES * perImage);
    const expected = stated(given, state, 0.75);
    const {value, grad} = tf.tidy(() =>
      tf.valueAndGrad((logits: tf.Tensor) =>
        loss({
          logits: logits as tf.Tensor3D,
          labels: tf.tensor2d(given.labels, [IMAGES, perImage], 'int32'),
          weights: tf.tensor2d(given.weights, [IMAGES, perImage]),
          levelCounts: LEVELS,
        }),
      )(tf.tensor3d(given.logits, [IMAGES, perImage, CLASSES])),
    );
    t.true(Math.abs(value.dataSync()[0]! / expected.loss - 1) < 2e-6, `step ${step}: ${value.dataSync()}`);
    t.true(relativeDifference(grad.dataSync(), expected.gradient) < 2e-6, `gradient of step ${step}`);
    t.true(relativeDifference(memory.sums(), state) < 1e-6, `sums after step ${step}`);
    tf.dispose([value, grad]);
  }
  memory.dispose();
  t.is(tf.memory().numTensors, before);
});

test('GHM-R over steps and levels is what its authors state, sums and gradients', t => {
  const random = new Random(7, 'ghm-r');
  const state = zeros(10);
  const before = tf.memory().numTensors;
  const memory = startingAt(state);
  const config = {kind: 'ghm-r', mu: 0.02, bins: 10, momentum: 0.7, weight: 10} as const;
  const loss = boxLoss(config, memory.remember);
  // Foreground of three levels in no order, none at all, and none of the first level.
  for (const level of [[2, 0, 1, 0, 0, 2, 1], [], [2, 1, 1]]) {
    const target = Float32Array.from({length: 4 * level.length}, () => random.normal());
    const predicted = target.map(value => value + 0.05 * random.normal() ** 3);
    const gradient = new Float64Array(target.length);
    let expected = 0;
    for (const one of [0, 1, 2]) {
      const ofLevel = [...target.keys()].filter(i => level[i >> 2] === one);
      const values = (from: Float32Array) => ofLevel.map(i => from[i]!);
      const {loss: part, gradient: slopes} = ghmR(values(predicted), values(target), 0.02, state, 0.7);
      expected += 10 * part;
      for (const [k, i] of ofLevel.entries()) gradient[i] = 10 * slopes[k]!;
    }
    const {value, grad} = tf.tidy(() =>
      tf.valueAndGrad((x: tf.Tensor) =>
        loss({
          predicted: x as tf.Tensor2D,
          target,
          boxes: target,
          decode: boxes => boxes,
          level: Int32Array.from(level),
          levels: 3,
        }),
      )(tf.tensor2d(predicted, [level.length, 4])),
    );
    t.true(Math.abs(value.dataSync()[0]! - expected) <= 3e-6 * expected, `${value.dataSync()} ${expected}`);
    t.true(relativeDifference(grad.dataSync(), gradient) < 1e-5);
    t.true(relativeDifference(memory.sums(), state) < 1e-6);
    tf.dispose([value, grad]);
  }
  memory.dispose();
  t.is(tf.memory().numTensors, before);
});

test('GHM-C by hand: two bins, two examples of one and one of the other', t => {
  const memory = startingAt([0, 0]);
  const loss = classificationLoss({kind: 'ghm-c', bins: 2, momentum: 0.75}, memory.remember);
  const value = tf.tidy(
    () =>
      loss({
        // Background with p = 1/4, 1/4 and 3/4; an ignored one and one that is not sampled, with wild logits.
        logits: tf.tensor3d([[[-Math.log(3)], [-Math.log(3)], [Math.log(3)], [1e30], [Number.NaN]]]),
        labels: tf.tensor2d([[0, 0, 0, -1, 0]], undefined, 'int32'),
        weights: tf.tensor2d([[1, 1, 1, 1, 0]]),
        levelCounts: [5],
      }).dataSync()[0]!,
  );
  // S = (0.5, 0.25), n = 2: weights 1 / (0.5 * 2) and 1 / (0.25 * 2).
  t.true(Math.abs(value - (2 * Math.log(4 / 3) + 2 * Math.log(4))) < 1e-6);
  t.deepEqual(memory.sums(), [0.5, 0.25]);
  memory.dispose();
});

test('sizes at the edges of bins belong to the upper one, and 1 to the last', t => {
  const memory = startingAt(zeros(4));
  const loss = classificationLoss({kind: 'ghm-c', bins: 4, momentum: 0}, memory.remember);
  tf.tidy(() => {
    loss({
      // p = 0, 1/2 and 1 exactly; labels 0.
      logits: tf.tensor3d([[[-200], [0], [200]]]),
      labels: tf.zeros([1, 3], 'int32'),
      weights: tf.ones([1, 3]),
      levelCounts: [3],
    });
  });
  t.deepEqual(memory.sums(), [1, 0, 1, 1]);
  memory.dispose();
});

test('a level without counting examples moves no sums; no examples at all give 0 and no gradient', t => {
  const memory = startingAt([3, 5]);
  const loss = classificationLoss({kind: 'ghm-c', bins: 2, momentum: 0.75}, memory.remember);
  const [value, gradient] = tf.tidy(() => {
    const {value, grad} = tf.valueAndGrad((logits: tf.Tensor) =>
      loss({
        logits: logits as tf.Tensor3D,
        labels: tf.tensor2d([[-1, 0]], undefined, 'int32'),
        weights: tf.tensor2d([[1, 0]]),
        levelCounts: [1, 1],
      }),
    )(tf.ones([1, 2, 3]));
    return [value.dataSync()[0], [...grad.dataSync()]];
  });
  t.is(value, 0);
  t.deepEqual(gradient, zeros(6));
  t.deepEqual(memory.sums(), [3, 5]);
  memory.dispose();
});

test('a logit that is not a number makes the loss not a number', t => {
  const memory = startingAt([0, 0]);
  const loss = classificationLoss({kind: 'ghm-c', bins: 2, momentum: 0.75}, memory.remember);
  const value = tf.tidy(
    () =>
      loss({
        logits: tf.tensor3d([[[Number.NaN], [1]]]),
        labels: tf.zeros([1, 2], 'int32'),
        weights: tf.ones([1, 2]),
        levelCounts: [2],
      }).dataSync()[0]!,
  );
  t.true(Number.isNaN(value));
  memory.dispose();
});

ava.serial('the gradients of both are finite differences where the weights stay what they are', async t => {
  await openForTest('cpu');
  const tensors = tf.memory().numTensors;
  // One bin: the weights do not depend on the predictions.
  const memory = startingAt([7]);
  const ghmc = classificationLoss({kind: 'ghm-c', bins: 1, momentum: 0}, memory.remember);
  const operation = (logits: tf.Tensor, labels: tf.Tensor): tf.Tensor =>
    ghmc({
      logits: logits as tf.Tensor3D,
      labels: labels as tf.Tensor2D,
      weights: tf.ones([2, 4]),
      levelCounts: [3, 1],
    });
  await assertGradient(t, operation, [floats([2, 4, 3], 3), integers([2, 4], -1, 3)], 1, 1e-3);
  memory.dispose();
  const boxMemory = startingAt([7]);
  const ghmr = boxLoss({kind: 'ghm-r', mu: 0.5, bins: 1, momentum: 0, weight: 10}, boxMemory.remember);
  const boxes = (predicted: tf.Tensor): tf.Tensor =>
    ghmr({
      predicted: predicted as tf.Tensor2D,
      target: new Float32Array(12),
      boxes: new Float32Array(12),
      decode: deltas => deltas,
      level: Int32Array.of(0, 1, 1),
      levels: 2,
    });
  await assertGradient(t, boxes, [floats([3, 4], 2)], 1, 1e-3);
  boxMemory.dispose();
  t.is(tf.memory().numTensors, tensors);
});

ava.serial('levels that do not add up to the examples are refused', async t => {
  await openForTest('cpu');
  const memory = startingAt([0]);
  const loss = classificationLoss({kind: 'ghm-c', bins: 1, momentum: 0}, memory.remember);
  tf.tidy(() => {
    const given = {logits: tf.zeros<tf.Rank.R3>([1, 3, 2]), weights: tf.ones<tf.Rank.R2>([1, 3])};
    t.throws(() => loss({...given, labels: tf.zeros([1, 3], 'int32'), levelCounts: [1, 1]}), {
      message: 'harmonizedCrossEntropySum: levels of 2 examples, logits of 3',
    });
  });
  memory.dispose();
});
