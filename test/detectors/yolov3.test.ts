import * as tf from '@tensorflow/tfjs';
import type {YoloV3Config} from '../../src/config/yolov3.js';
import type {Batch} from '../../src/data/batch.js';
import {buildDetector} from '../../src/detectors/build.js';
import type {Detector} from '../../src/detectors/detector.js';
import {scoredPredictions} from '../../src/detectors/yolov3.js';
import {Random} from '../../src/random/random.js';
import {biasOfPrior} from '../../src/sampling-free/optimal-bias.js';
import {Sgd} from '../../src/train/sgd.js';
import {trainStep} from '../../src/train/step.js';
import {ENGINES, FAST_ENGINES, testsOn} from '../engines.js';
import {smallYolo as config} from '../yolov3-config.js';

const test = testsOn(FAST_ENGINES);

const CLASSES = 4;
const SIDE = 64;
/** 8 x 8 cells of two anchors, 4 x 4 and 2 x 2 of one. */
const PREDICTIONS = 128 + 16 + 4;

const samplingFree: YoloV3Config = {
  ...config,
  objectness: null,
  normaliser: {classification: 'foreground', box: 'images'},
  stages: {
    dense: {
      ...config.stages.dense,
      lossScaling: {kind: 'guided', gain: 1},
      biasInit: {kind: 'optimal'},
      scoreThreshold: {kind: 'adaptive', classes: 'foreground'},
    },
  },
};

const imbalance = {dense: {examples: 1000, foreground: 10}};

function build(model: YoloV3Config): Detector {
  return buildDetector(model, {classes: CLASSES, seed: 3, imbalance, inputStd: 57});
}

type Drawn = {readonly box: readonly [number, number, number, number]; readonly cls: number};

function batchOf(...objects: readonly (readonly Drawn[])[]): Batch {
  const random = new Random(5, 'pixels');
  const pixels = Float32Array.from({length: objects.length * SIDE * SIDE * 3}, () => random.normal());
  return {
    images: tf.tensor4d(pixels, [objects.length, SIDE, SIDE, 3]),
    infos: objects.map((_, index) => ({
      imageId: index,
      height: SIDE,
      width: SIDE,
      originalHeight: 2 * SIDE,
      originalWidth: 2 * SIDE,
      scaleX: 0.5,
      scaleY: 0.5,
    })),
    targets: objects.map(list => ({
      boxes: Float32Array.from(list.flatMap(({box}) => [...box])),
      classes: Int32Array.from(list.map(({cls}) => cls)),
    })),
    iteration: 0,
  };
}

/** One object at least on every level. */
const two = () =>
  batchOf(
    [
      {box: [8, 8, 40, 40], cls: 1},
      {box: [40, 40, 50, 56], cls: 3},
    ],
    [
      {box: [20, 4, 28, 13], cls: 4},
      {box: [30, 30, 54, 50], cls: 2},
    ],
  );

/** Sets every weight of the predicting layers to 0, so that their biases are the predictions. */
function predictBiases(detector: Detector): void {
  for (const {name, variable} of detector.parameters.all) {
    if (!/^head\.level_\d\.(boxes|objectness|class_logits)\.weight$/.test(name)) continue;
    const zeros = tf.zerosLike(variable);
    variable.assign(zeros);
    zeros.dispose();
  }
}

function setBias(detector: Detector, name: string, change: (values: Float32Array) => void): void {
  const {variable} = detector.parameters.get(name);
  const values = variable.dataSync<'float32'>().slice();
  change(values);
  const changed = tf.tensor(values, variable.shape);
  variable.assign(changed);
  changed.dispose();
}

const biasesOf = (detector: Detector, output: string): readonly number[] =>
  [0, 1, 2].flatMap(level => [
    ...detector.parameters.get(`head.level_${level}.${output}.bias`).variable.dataSync(),
  ]);

test('biases start at 0, or where the first loss is least: N_f / N of objectness, N_f / (N C) without', t => {
  const optimal = {
    ...config,
    stages: {dense: {...config.stages.dense, biasInit: {kind: 'optimal'} as const}},
  };
  const near = (values: readonly number[], expected: number) =>
    values.every(value => Math.abs(value - expected) < 1e-5);
  for (const [model, objectness, classes] of [
    [config, 0, 0],
    [optimal, biasOfPrior(10 / 1000), 0],
    [samplingFree, undefined, biasOfPrior(10 / 4000)],
  ] as const) {
    const detector = build(model);
    t.true(near(biasesOf(detector, 'class_logits'), classes));
    t.is(biasesOf(detector, 'class_logits').length, (2 + 1 + 1) * CLASSES);
    if (objectness !== undefined) t.true(near(biasesOf(detector, 'objectness'), objectness));
    else t.false(detector.parameters.all.some(({name}) => name.includes('objectness')));
    detector.parameters.dispose();
  }
});

test('losses count all predictions and the assigned ones', t => {
  for (const model of [config, samplingFree]) {
    const detector = build(model);
    predictBiases(detector);
    const batch = two();
    const before = tf.memory().numTensors;
    const {classification, box, w, total, examples, foreground} = detector.losses(batch).dense!;
    const [cls, reg, scale, sum] = [classification, box, w, total].map(scalar => scalar.dataSync()[0]!);
    t.deepEqual([examples, foreground], [2 * PREDICTIONS, 4]);
    if (model === config) {
      // Probabilities of 1/2, over two images.
      t.true(Math.abs(cls! - ((2 * PREDICTIONS + 4 * CLASSES) * Math.log(2)) / 2) < 1e-3);
      t.is(scale, 1);
    } else {
      // Eq. 4, with the N / N_f of this mini-batch, which is not quite that of the data set.
      const pi = 10 / 4000;
      const ratio = (2 * PREDICTIONS) / 4;
      const expected = -Math.log(pi) - (ratio * CLASSES - 1) * Math.log1p(-pi);
      t.true(Math.abs(cls! - expected) < 1e-4 * expected);
      t.true(Math.abs(sum! - 2 * reg!) < 1e-5 * reg!);
    }
    tf.dispose([classification, box, w, total]);
    t.is(tf.memory().numTensors, before);
    batch.images.dispose();
    detector.parameters.dispose();
  }
});

test('every trainable parameter receives a gradient, and nothing leaks', t => {
  for (const model of [config, samplingFree]) {
    const detector = build(model);
    const batch = two();
    const before = tf.memory().numTensors;
    const variables = detector.parameters.trainable.map(parameter => parameter.variable);
    const {value, grads} = tf.variableGrads(() => detector.losses(batch).dense!.total, variables);
    for (const {name, variable} of detector.parameters.trainable) {
      t.true(
        grads[variable.name]!.dataSync().some(element => element !== 0),
        `${name} has no gradient`,
      );
    }
    tf.dispose([value, grads]);
    t.is(tf.memory().numTensors, before);
    batch.images.dispose();
    detector.parameters.dispose();
  }
});

test('without objects a step is finite', async t => {
  for (const model of [config, samplingFree]) {
    const detector = build(model);
    const sgd = new Sgd(detector.parameters, SCHEDULE);
    const batch = batchOf([], []);
    const step = await trainStep(detector, batch, sgd, 1e-3);
    t.true(step.applied);
    t.is(step.stages.dense!.box, 0);
    t.is(step.stages.dense!.foreground, 0);
    batch.images.dispose();
    sgd.dispose();
    detector.parameters.dispose();
  }
});

const SCHEDULE = {
  momentum: 0.9,
  weightDecay: 5e-4,
  biasLrFactor: 1,
  biasWeightDecay: 0,
  normWeightDecay: null,
  clipGradientNorm: null,
};

test('twenty steps on two images lower the losses', async t => {
  for (const model of [config, samplingFree]) {
    const detector = build(model);
    const sgd = new Sgd(detector.parameters, SCHEDULE);
    const batch = two();
    const totals: number[] = [];
    for (let i = 0; i < 20; i++) {
      const {stages, applied} = await trainStep(detector, batch, sgd, 2e-3);
      t.true(applied);
      totals.push(stages.dense!.classification + stages.dense!.box);
    }
    t.true(totals.at(-1)! < 0.7 * totals[0]!, `${totals.map(x => x.toFixed(1))}`);
    batch.images.dispose();
    sgd.dispose();
    detector.parameters.dispose();
  }
});

test('one prediction a cell: decoded, scaled to the file, cut after suppression', async t => {
  const detector = build(config);
  predictBiases(detector);
  // Only the coarsest level sees anything: 48 x 40 around the middles (16, 16), (48, 16), (16, 48), (48, 48).
  for (const level of [0, 1])
    setBias(detector, `head.level_${level}.objectness.bias`, bias => bias.fill(-20));
  setBias(detector, 'head.level_2.objectness.bias', bias => bias.fill(3));
  setBias(detector, 'head.level_2.class_logits.bias', bias => bias.set([-20, -20, 2, -20]));
  const batch = batchOf([]);
  const before = tf.memory().numTensors;
  const [detections] = await detector.detect(batch);
  t.is(tf.memory().numTensors, before);
  const {boxes, scores, classes} = detections!;
  const score = 1 / (1 + Math.exp(-3)) / (1 + Math.exp(-2));
  t.is(scores.length, 4);
  t.true(scores.every(s => Math.abs(s - score) < 1e-6));
  t.true(classes.every(cls => cls === 3));
  // [-8, -4, 40, 36] in the batch; the file is twice as large, and boxes end at its border.
  t.deepEqual([...boxes.subarray(0, 4)], [0, 0, 80, 72]);
  batch.images.dispose();
  detector.parameters.dispose();
});

test('objectness and score must exceed their thresholds', async t => {
  const detections = async (model: YoloV3Config, objectness: number, cls: number) => {
    const detector = build(model);
    predictBiases(detector);
    for (const level of [0, 1, 2]) {
      setBias(detector, `head.level_${level}.objectness.bias`, bias =>
        bias.fill(level === 2 ? objectness : -20),
      );
      setBias(detector, `head.level_${level}.class_logits.bias`, bias => bias.fill(cls));
    }
    const batch = batchOf([]);
    const [found] = await detector.detect(batch);
    batch.images.dispose();
    detector.parameters.dispose();
    return found!.scores.length;
  };
  const strict = {...config, objectness: {threshold: 0.5}};
  t.is(await detections(strict, 0, 5), 0); // objectness 0.5 does not exceed 0.5
  t.is(await detections(strict, 0.01, 5), 4 * CLASSES);
  t.is(await detections(config, 0, -5), 0); // 0.5 * 0.0067 = 0.0033
  t.is(await detections(config, 0, -4), 4 * CLASSES); // 0.5 * 0.018 = 0.009
});

test('a box goes when its IoU exceeds 0.45, before boxes are cut', async t => {
  const count = async (nmsThreshold: number) => {
    const detector = build({...config, inference: {...config.inference, nmsThreshold}});
    predictBiases(detector);
    for (const level of [0, 1])
      setBias(detector, `head.level_${level}.objectness.bias`, bias => bias.fill(-20));
    setBias(detector, 'head.level_2.objectness.bias', bias => bias.fill(3));
    setBias(detector, 'head.level_2.class_logits.bias', bias => bias.set([2, -20, -20, -20]));
    // 96 x 40 and 32 px apart: 64 / 128 of a row's two boxes, 8 / 72 of a column's. Cut to 64 they would be 64 wide each.
    setBias(detector, 'head.level_2.boxes.bias', bias => bias.set([0, 0, Math.log(2), 0]));
    const batch = batchOf([]);
    const [found] = await detector.detect(batch);
    batch.images.dispose();
    detector.parameters.dispose();
    return found!.scores.length;
  };
  t.is(await count(0.45), 2);
  t.is(await count(0.5), 4);
});

testsOn(ENGINES)('a score is the product of two probabilities, as one logit, whatever their size', t => {
  const pairs = [
    [0, 0],
    [3, -2],
    [-30, -25],
    [40, 2],
    [60, 70],
    [-4, 9],
  ] as const;
  const logits = tf.tidy(() =>
    scoredPredictions(
      {
        boxes: tf.zeros([1, pairs.length, 4]),
        objectness: tf.tensor3d(
          pairs.map(([o]) => o),
          [1, pairs.length, 1],
        ),
        classes: tf.tensor3d(
          pairs.flatMap(([, c]) => [c, c]),
          [1, pairs.length, 2],
        ),
      },
      0,
    )
      .logits.dataSync()
      .slice(),
  );
  for (const [i, [o, c]] of pairs.entries()) {
    const expected = -Math.log(Math.exp(-o) + Math.exp(-c) + Math.exp(-o - c));
    t.true(Math.abs(logits[2 * i]! - expected) < 1e-5 * Math.max(1, Math.abs(expected)), `${o} ${c}`);
    t.is(logits[2 * i], logits[2 * i + 1]);
  }
});
