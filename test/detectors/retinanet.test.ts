import * as tf from '@tensorflow/tfjs';
import {levelSizes} from '../../src/boxes/anchors.js';
import type {RetinaNetConfig} from '../../src/config/network.js';
import type {Batch} from '../../src/data/batch.js';
import type {Detector} from '../../src/detectors/detector.js';
import {retinanet} from '../../src/detectors/retinanet.js';

import {Random} from '../../src/random/random.js';
import {initialCrossEntropyLoss, initialFocalLoss} from '../../src/sampling-free/initial-loss.js';
import {FAST_ENGINES, testsOn} from '../engines.js';

const test = testsOn(FAST_ENGINES);

const CLASSES = 5;
const SIDE = 64;

const config: RetinaNetConfig = {
  kind: 'retinanet',
  backbone: {depth: 10, width: 0.125, norm: {kind: 'group-norm', groups: 2}, freezeAt: 0, strideIn: '3x3'},
  fpn: {channels: 8, norm: {kind: 'none'}, p6From: 'c5', p7From: 'relu-p6', initial: 'kaiming-uniform'},
  anchors: {baseSize: 2, scalesPerOctave: 3, aspectRatios: [0.5, 1, 2], legacyRounding: false},
  matcher: {foreground: 0.5, background: 0.4, lowQuality: true, ignoreBand: 'skip'},
  head: {layers: 1, channels: 8, norm: {kind: 'none'}},
  boxCoder: {weights: [10, 10, 5, 5]},
  normaliser: {classification: 'foreground', box: 'coordinates'},
  inference: {preNmsTopK: 1000, nmsThreshold: 0.5, maxDetections: 100},
  stages: {
    dense: {
      sampler: {kind: 'all'},
      classificationLoss: {kind: 'cross-entropy'},
      boxLoss: {kind: 'smooth-l1', beta: 0.11},
      lossScaling: {kind: 'guided', gain: 1},
      biasInit: {kind: 'prior', pi: 0.01},
      scoreThreshold: {kind: 'fixed', theta: 0.05},
    },
  },
};

const focal: RetinaNetConfig['stages']['dense'] = {
  ...config.stages.dense,
  classificationLoss: {kind: 'focal', alpha: 0.25, gamma: 2},
  lossScaling: {kind: 'none'},
};

function build(dense = config.stages.dense): Detector {
  return retinanet({...config, stages: {dense}}, {classes: CLASSES, seed: 3, imbalance: {}, inputStd: 57});
}

function batchOf(objects: readonly {box: readonly [number, number, number, number]; cls: number}[][]): Batch {
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

test('losses at initialisation are those of Eq. 3 and Eq. 4 with the batch own N and N_f', t => {
  const batch = batchOf([[{box: [8, 8, 40, 40], cls: 1}], [{box: [20, 4, 36, 36], cls: 4}]]);
  for (const dense of [config.stages.dense, focal]) {
    const detector = build(dense);
    const losses = detector.losses(batch).dense!;
    const state = {pi: 0.01, ratio: losses.examples / losses.foreground, classes: CLASSES};
    const expected =
      dense.classificationLoss.kind === 'focal'
        ? initialFocalLoss({...state, alpha: 0.25, gamma: 2})
        : initialCrossEntropyLoss({...state, w: 1});
    const measured = losses.classification.dataSync()[0]!;
    t.true(Math.abs(measured / expected - 1) < 0.01, `${measured} is not within 1% of ${expected}`);
    tf.dispose([losses.classification, losses.box, losses.w, losses.total]);
    detector.parameters.dispose();
  }
  batch.images.dispose();
});

test('guided scaling makes the scaled classification loss equal to the box loss', t => {
  const detector = build();
  const batch = batchOf([[{box: [8, 8, 40, 40], cls: 2}]]);
  const {classification, box, w, total} = detector.losses(batch).dense!;
  const [cls, reg, scale, sum] = [classification, box, w, total].map(scalar => scalar.dataSync()[0]!);
  t.true(reg! > 0);
  t.true(Math.abs(scale! * cls! - reg!) < 1e-6 * reg!);
  t.true(Math.abs(sum! - 2 * reg!) < 1e-6 * reg!);
  tf.dispose([classification, box, w, total, batch.images]);
  detector.parameters.dispose();
});

test('without objects the losses are finite, the box loss is 0, and guided scaling gives no gradient', t => {
  const detector = build();
  const batch = batchOf([[], []]);
  const variables = detector.parameters.trainable.map(parameter => parameter.variable);
  const {value, grads} = tf.variableGrads(() => detector.losses(batch).dense!.total, variables);
  t.is(value.dataSync()[0], 0);
  for (const gradient of Object.values(grads)) t.true(gradient.dataSync().every(element => element === 0));
  tf.dispose([value, grads, batch.images]);
  detector.parameters.dispose();
});

test('every trainable parameter receives a gradient, and nothing leaks', t => {
  const detector = build(focal);
  const batch = batchOf([[{box: [8, 8, 40, 40], cls: 1}]]);
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
});

test('detections lie inside the image file, above the threshold, by falling score, without leaks', async t => {
  const detector = build({...focal, biasInit: {kind: 'zero'}});
  const batch = batchOf([[], []]);
  const before = tf.memory().numTensors;
  const detections = await detector.detect(batch);
  t.is(tf.memory().numTensors, before);
  t.deepEqual(
    detections.map(image => image.imageId),
    [0, 1],
  );
  for (const {boxes, scores, classes} of detections) {
    t.is(scores.length, config.inference.maxDetections);
    t.is(boxes.length, 4 * scores.length);
    t.true(boxes.every(value => value >= 0 && value <= 2 * SIDE));
    t.true(scores.every((score, i) => score > 0.05 && (i === 0 || score <= scores[i - 1]!)));
    t.true(classes.every(cls => cls >= 1 && cls <= CLASSES));
  }
  batch.images.dispose();
  detector.parameters.dispose();
});

test('one anchor with a high logit is decoded, scaled to the file and labelled', async t => {
  const detector = build({...focal, biasInit: {kind: 'prior', pi: 0.001}});
  const batch = batchOf([[]]);
  // Class 3 of the anchor with ratio 1, scale 1 (the fourth of nine) gets a logit of 5, deltas are zero.
  for (const {name, variable} of detector.parameters.all) {
    if (name === 'head.class_logits.weight' || name === 'head.box_deltas.weight') {
      const zeros = tf.zerosLike(variable);
      variable.assign(zeros);
      zeros.dispose();
    }
  }
  const bias = detector.parameters.get('head.class_logits.bias').variable;
  const values = bias.dataSync().slice();
  values[3 * CLASSES + 2] = 5;
  const raised = tf.tensor1d(values);
  bias.assign(raised as tf.Tensor);
  const [detections] = await detector.detect(batch);
  t.true(detections!.classes.every(cls => cls === 3));
  t.true(Math.abs(detections!.scores[0]! - 1 / (1 + Math.exp(-5))) < 1e-6);
  const [level] = levelSizes({height: SIDE, width: SIDE});
  t.is(level!.height, SIDE / 8);
  // At stride 8 the anchor has side 16 and stands on multiples of 8: (0, 0) gives [-8, -8, 8, 8], clipped to
  // [0, 0, 8, 8], which is [0, 0, 16, 16] in the file of twice the size.
  const boxes = Array.from({length: detections!.scores.length}, (_, i) => [
    ...detections!.boxes.subarray(4 * i, 4 * i + 4),
  ]);
  t.true(boxes.some(box => box.every((value, k) => value === [0, 0, 16, 16][k])));
  tf.dispose([raised, batch.images]);
  detector.parameters.dispose();
});
