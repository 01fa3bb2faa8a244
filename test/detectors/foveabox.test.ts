import * as tf from '@tensorflow/tfjs';
import {assignFoveae} from '../../src/boxes/fovea-assignment.js';
import {decodeDeltasFromPoints, decodeFromPoints, encodeFromPoints} from '../../src/boxes/point-coder.js';
import {pyramidPoints} from '../../src/boxes/points.js';
import type {FoveaBoxConfig} from '../../src/config/foveabox.js';
import type {Batch} from '../../src/data/batch.js';
import {denseDetections, pointCandidates} from '../../src/detectors/dense-detections.js';
import type {Detector, StageLosses} from '../../src/detectors/detector.js';
import {sampleExamples} from '../../src/detectors/examples.js';
import {foveabox} from '../../src/detectors/foveabox.js';
import {denseStage} from '../../src/detectors/stage.js';
import {Parameters} from '../../src/layers/parameters.js';
import {Random} from '../../src/random/random.js';
import {initialCrossEntropyLoss, initialFocalLoss} from '../../src/sampling-free/initial-loss.js';
import {ENGINES, FAST_ENGINES, testsOn} from '../engines.js';
import {readFoveaGolden} from '../fixtures/foveabox/golden.js';
import {uniform} from '../fixtures/torchvision/formula.js';
import {largestDifference} from '../fixtures/torchvision/golden.js';
import {focalStage, smallFoveaBox} from '../foveabox-config.js';

const everywhere = testsOn(ENGINES);
const test = testsOn(FAST_ENGINES);

const CLASSES = 5;
const SIDE = 64;
/** Of central differences: small enough for the kinks of ReLU and smooth L1, large enough for single precision. */
const STEP = 1 / 256;

type Dense = FoveaBoxConfig['stages']['dense'];

function build(dense: Dense = smallFoveaBox.stages.dense): Detector {
  const config = {...smallFoveaBox, stages: {dense}};
  return foveabox(config, {classes: CLASSES, seed: 3, imbalance: {}, inputStd: 57});
}

type SceneObject = {readonly box: readonly [number, number, number, number]; readonly cls: number};

function batchOf(...objects: readonly (readonly SceneObject[])[]): Batch {
  const random = new Random(5, 'pixels');
  const pixels = Float32Array.from({length: objects.length * SIDE * SIDE * 3}, () => random.normal());
  return {
    images: tf.tensor4d(pixels, [objects.length, SIDE, SIDE, 3]),
    infos: objects.map((_, index) => ({
      imageId: index,
      ...{height: SIDE, width: SIDE, originalHeight: 2 * SIDE, originalWidth: 2 * SIDE},
      ...{scaleX: 0.5, scaleY: 0.5},
    })),
    targets: objects.map(list => ({
      boxes: Float32Array.from(list.flatMap(({box}) => [...box])),
      classes: Int32Array.from(list.map(({cls}) => cls)),
    })),
    iteration: 0,
  };
}

function values({classification, box, w, total}: StageLosses): readonly number[] {
  const numbers = [classification, box, w, total].map(scalar => scalar.dataSync()[0]!);
  tf.dispose([classification, box, w, total]);
  return numbers;
}

const golden = readFoveaGolden();
const goldenTargets = golden.images.map(({boxes, classes}) => ({
  boxes: Float32Array.from(boxes),
  classes: Int32Array.from(classes),
}));
const goldenPoints = pyramidPoints(
  golden.canvas,
  smallFoveaBox.assignment.levels.map(level => level.baseEdge),
);
const GOLDEN_CLASSES = 3;

function goldenPredictions() {
  const points = goldenPoints.edges.length;
  const rows = 2 * points;
  return {
    logits: tf.tensor3d(uniform('logits', rows * GOLDEN_CLASSES, -4, 2), [2, points, GOLDEN_CLASSES]),
    deltas: tf.tensor3d(uniform('deltas', rows * 4, -1.5, 0.8), [2, points, 4]),
  };
}

everywhere('targets and losses are those of the re-statement', t => {
  const before = tf.memory().numTensors;
  const predictions = goldenPredictions();
  const examples = sampleExamples({
    targets: goldenTargets,
    matches: goldenTargets.map(objects => assignFoveae(objects, golden.canvas, smallFoveaBox.assignment)),
    levelCounts: goldenPoints.levelCounts,
    coder: {
      encode: (boxes, positions) => encodeFromPoints(boxes, goldenPoints, positions),
      decode: (deltas, positions) => decodeDeltasFromPoints(deltas, goldenPoints, positions),
    },
    sampler: {kind: 'all'},
    randomOf: image => new Random(1, 'sample', image),
    lossesOf: () => t.fail() as never,
  });
  t.deepEqual([...examples.foreground], golden.foreground);
  t.is(examples.examples, examples.labels.length);
  t.true(largestDifference(examples.boxTargets, golden.targets, 1) < 1e-6);
  for (const [stage, expected] of [
    [focalStage, golden.losses.focal],
    [smallFoveaBox.stages.dense, golden.losses.crossEntropy],
  ] as const) {
    const parameters = new Parameters();
    const {normaliser} = smallFoveaBox;
    const lossesOf = denseStage({parameters, seed: 1}, {name: 'dense', stage, normaliser});
    const [classification, box] = values(lossesOf(predictions, examples));
    t.true(Math.abs(classification! / expected - 1) < 1e-5, `${classification} is not ${expected}`);
    t.true(Math.abs(box! / golden.losses.box - 1) < 1e-5, `${box} is not ${golden.losses.box}`);
    parameters.dispose();
  }
  tf.dispose(Object.values(predictions));
  t.is(tf.memory().numTensors, before);
});

everywhere('detections are those of the re-statement', async t => {
  const before = tf.memory().numTensors;
  const predictions = goldenPredictions();
  const candidates = await pointCandidates(predictions, {
    levelCounts: goldenPoints.levelCounts,
    preNmsTopK: 12,
    scoreThreshold: 0.3,
  });
  const {height, width} = golden.canvas;
  const size = {height, width, originalHeight: height, originalWidth: width, scaleX: 1, scaleY: 1};
  for (const [image, expected] of golden.detections.entries()) {
    const {boxes, scores, classes} = denseDetections(
      candidates[image]!,
      (deltas, positions) => decodeFromPoints(deltas, goldenPoints, positions),
      {imageId: image, ...size},
      {nmsThreshold: 0.5, maxDetections: 60},
    );
    t.deepEqual([...classes], expected.classes);
    t.true(largestDifference(scores, expected.scores, 1) < 1e-6);
    t.true(largestDifference(boxes, expected.boxes, 1) < 1e-5);
  }
  tf.dispose(Object.values(predictions));
  t.is(tf.memory().numTensors, before);
});

everywhere('a strong point brings all of its classes above the threshold, a weak one none', async t => {
  // Two levels of two points, one a level. Logits of 0 are a probability of 0.5.
  const logits = tf.tensor3d([0, 1, 2, -9, 9, -9, -1, -2, -3, Number.NaN, 5, 5], [1, 4, 3]);
  const deltas = tf.tensor3d(
    Float32Array.from({length: 16}, (_, i) => i),
    [1, 4, 4],
  );
  const options = {levelCounts: [2, 2], scoreThreshold: 0.4};
  const [one] = await pointCandidates({logits, deltas}, {...options, preNmsTopK: 1});
  t.deepEqual([...one!.positions], [1]);
  t.deepEqual([...one!.classes], [1]);
  const [both] = await pointCandidates({logits, deltas}, {...options, preNmsTopK: 2});
  t.deepEqual([...both!.positions].slice(0, 4), [0, 0, 0, 1]);
  t.deepEqual([...both!.classes].slice(0, 4), [0, 1, 2, 1]);
  t.deepEqual([...both!.logits].slice(0, 4), [0, 1, 2, 9]);
  t.deepEqual([...both!.deltas].slice(0, 16), [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7]);
  const [none] = await pointCandidates({logits, deltas}, {...options, preNmsTopK: 2, scoreThreshold: 0.9999});
  t.is(none!.positions.length, 0);
  tf.dispose([logits, deltas]);
});

test('losses at initialisation are those of Eq. 3 and Eq. 4 with the batch own N and N_f', t => {
  const batch = batchOf([{box: [8, 8, 40, 40], cls: 1}], [{box: [20, 4, 36, 36], cls: 4}]);
  for (const dense of [smallFoveaBox.stages.dense, focalStage]) {
    const detector = build(dense);
    const losses = detector.losses(batch).dense!;
    const {examples, foreground} = losses;
    t.is(examples, 2 * (64 + 16 + 4 + 1 + 1));
    const state = {pi: 0.01, ratio: examples / foreground, classes: CLASSES};
    const expected =
      dense.classificationLoss.kind === 'focal'
        ? initialFocalLoss({...state, alpha: 0.4, gamma: 1.5})
        : initialCrossEntropyLoss({...state, w: 1});
    const measured = (values(losses)[0]! * (foreground + 2)) / foreground;
    t.true(Math.abs(measured / expected - 1) < 0.01, `${measured} is not within 1% of ${expected}`);
    detector.parameters.dispose();
  }
  batch.images.dispose();
});

test('guided scaling makes the scaled classification loss equal to the box loss', t => {
  const detector = build();
  const batch = batchOf([{box: [8, 8, 40, 40], cls: 2}]);
  const [classification, box, w, total] = values(detector.losses(batch).dense!);
  t.true(box! > 0);
  t.true(Math.abs(w! * classification! - box!) < 1e-6 * box!);
  t.true(Math.abs(total! - 2 * box!) < 1e-6 * box!);
  batch.images.dispose();
  detector.parameters.dispose();
});

test('without objects, and with none that any level finds, losses are finite and guided ones teach nothing', t => {
  // 0.5 pixels is no level's scale.
  for (const objects of [[], [{box: [8, 8, 8.5, 8.5], cls: 1}]] as const) {
    const batch = batchOf(objects, objects);
    for (const dense of [smallFoveaBox.stages.dense, focalStage]) {
      const detector = build(dense);
      const variables = detector.parameters.trainable.map(parameter => parameter.variable);
      let counts: number[] = [];
      const {value, grads} = tf.variableGrads(() => {
        const {total, foreground, examples} = detector.losses(batch).dense!;
        counts = [foreground, examples];
        return total;
      }, variables);
      t.deepEqual(counts, [0, 172]);
      const loss = value.dataSync()[0]!;
      const steepest = Math.max(...Object.values(grads).flatMap(grad => [...grad.dataSync()].map(Math.abs)));
      if (dense.lossScaling.kind === 'guided') t.deepEqual([loss, steepest], [0, 0]);
      else t.true(loss > 0 && Number.isFinite(loss) && steepest > 0 && Number.isFinite(steepest));
      tf.dispose([value, grads]);
      detector.parameters.dispose();
    }
    batch.images.dispose();
  }
});

test('every trainable parameter receives a gradient, and nothing leaks', t => {
  const detector = build(focalStage);
  const batch = batchOf([{box: [8, 8, 40, 40], cls: 1}]);
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

testsOn(['cpu'])('gradients of the losses are finite differences', t => {
  const batch = batchOf([{box: [8, 8, 40, 40], cls: 1}], [{box: [20, 4, 36, 36], cls: 4}]);
  const detector = build({...focalStage, biasInit: {kind: 'zero'}});
  const loss = () => detector.losses(batch).dense!.total;
  // The head starts small, and what comes before it then hardly moves the loss.
  for (const {name, variable} of detector.parameters.all) {
    if (/^head.*weight$/.test(name)) tf.tidy(() => variable.assign(tf.mul<tf.Tensor>(variable, 20)));
  }
  for (const name of [
    'head.class_logits.bias',
    'head.box_deltas.bias',
    'head.box_tower.0.bias',
    'fpn.output3.bias',
  ]) {
    const {variable} = detector.parameters.get(name);
    const {value, grads} = tf.variableGrads(loss, [variable]);
    const gradient = grads[variable.name]!.dataSync();
    const at = (index: number, step: number): number => {
      const start = variable.dataSync().slice();
      const set = (numbers: Float32Array) => tf.tidy(() => variable.assign(tf.tensor1d(numbers)));
      set(start.map((element, i) => (i === index ? element + step : element)) as Float32Array);
      const moved = tf.tidy(() => loss().dataSync()[0]!);
      set(start as Float32Array);
      return moved;
    };
    const steepest = Math.max(...gradient.map(Math.abs));
    for (let i = 0; i < Math.min(4, gradient.length); i++) {
      const difference = (at(i, STEP) - at(i, -STEP)) / (2 * STEP);
      t.true(
        Math.abs(difference - gradient[i]!) < 0.01 * steepest,
        `${name}[${i}]: ${gradient[i]} is not ${difference}`,
      );
    }
    tf.dispose([value, grads]);
  }
  batch.images.dispose();
  detector.parameters.dispose();
});

test('samplers choose among points: so many an image, hard ones by their loss', t => {
  const batch = batchOf([{box: [8, 8, 40, 40], cls: 1}], []);
  for (const kind of ['minibatch-biased', 'ohem'] as const) {
    const detector = build({...focalStage, sampler: {kind, n: 10, fraction: 0.2}});
    const losses = detector.losses(batch).dense!;
    t.is(losses.examples, 20);
    t.is(losses.foreground, 2);
    t.true(values(losses).every(Number.isFinite));
    detector.parameters.dispose();
  }
  batch.images.dispose();
});

test('detections lie inside the image file, above the threshold, by falling score, without leaks', async t => {
  const detector = build({...focalStage, biasInit: {kind: 'zero'}});
  const batch = batchOf([], []);
  const before = tf.memory().numTensors;
  const detections = await detector.detect(batch);
  t.is(tf.memory().numTensors, before);
  t.deepEqual(
    detections.map(image => image.imageId),
    [0, 1],
  );
  for (const {boxes, scores, classes} of detections) {
    t.true(scores.length > 0 && scores.length <= smallFoveaBox.inference.maxDetections);
    t.is(boxes.length, 4 * scores.length);
    t.true(boxes.every(value => value >= 0 && value <= 2 * SIDE));
    t.true(scores.every((score, i) => score > 0.05 && (i === 0 || score <= scores[i - 1]!)));
    t.true(classes.every(cls => cls >= 1 && cls <= CLASSES));
  }
  batch.images.dispose();
  detector.parameters.dispose();
});

test('a point with a high logit is decoded, scaled to the file and labelled', async t => {
  const detector = build({...focalStage, biasInit: {kind: 'prior', pi: 0.001}});
  const batch = batchOf([]);
  for (const name of ['head.class_logits.weight', 'head.box_deltas.weight']) {
    const {variable} = detector.parameters.get(name);
    tf.tidy(() => variable.assign(tf.zerosLike(variable)));
  }
  const {variable} = detector.parameters.get('head.class_logits.bias');
  const bias = variable.dataSync().slice();
  bias[2] = 5;
  tf.tidy(() => variable.assign(tf.tensor1d(bias)));
  const [detections] = await detector.detect(batch);
  t.true(detections!.classes.every(cls => cls === 3));
  t.true(Math.abs(detections!.scores[0]! - 1 / (1 + Math.exp(-5))) < 1e-6);
  // Deltas of 0 are a base edge to every side. The first point of P3 is at 4, 4 with an edge of 16: -12 to 20, clipped to
  // 0 to 20, which is 0 to 40 in the file of twice the size. All scores are equal, so it comes first.
  t.deepEqual([...detections!.boxes.subarray(0, 4)], [0, 0, 40, 40]);
  batch.images.dispose();
  detector.parameters.dispose();
});
