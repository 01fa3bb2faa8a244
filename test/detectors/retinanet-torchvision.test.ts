/** The whole detector against torchvision's: ResNet-50-FPN with the same weights, one step and one inference. */
import * as tf from '@tensorflow/tfjs';
import type {ExecutionContext} from 'ava';
import type {EngineName} from '../../src/config/engine-choice.js';
import type {RetinaNetConfig} from '../../src/config/network.js';
import type {ImageInfo} from '../../src/data/batch.js';
import type {Detector} from '../../src/detectors/detector.js';
import {retinanet} from '../../src/detectors/retinanet.js';
import {FAST_ENGINES, testsOn} from '../engines.js';
import {filterToTfjs} from '../fixtures/torchvision/formula.js';
import {
  type GoldenTensor,
  largestDifference,
  type RetinaNetGolden,
  type RetinaNetScene,
  type RetinaNetStep,
  readGolden,
} from '../fixtures/torchvision/golden.js';
import {
  assignGoldenWeights,
  goldenImages,
  goldenTargets,
  ourName,
} from '../fixtures/torchvision/retinanet.js';

const test = testsOn(FAST_ENGINES);

const golden = readGolden<RetinaNetGolden>('retinanet.json');
const paperSize = readGolden<RetinaNetScene>('retinanet-paper-size.json');
const {inference} = golden;

function config(p6From: 'p5' | 'c5'): RetinaNetConfig {
  const none = {kind: 'none'} as const;
  return {
    kind: 'retinanet',
    backbone: {depth: 50, width: 1, norm: {kind: 'frozen-bn'}, freezeAt: 0, strideIn: '3x3'},
    fpn: {channels: 256, norm: none, p6From, p7From: 'relu-p6', initial: 'kaiming-uniform'},
    anchors: {baseSize: 4, scalesPerOctave: 3, aspectRatios: [0.5, 1, 2], legacyRounding: false},
    matcher: {foreground: 0.5, background: 0.4, lowQuality: true, ignoreBand: 'skip'},
    head: {layers: 4, channels: 256, norm: none},
    boxCoder: {weights: [1, 1, 1, 1]},
    normaliser: {classification: 'foreground', box: 'foreground'},
    inference: {
      preNmsTopK: inference.preNmsTopK,
      nmsThreshold: inference.nmsThreshold,
      maxDetections: inference.maxDetections,
    },
    stages: {
      dense: {
        sampler: {kind: 'all'},
        classificationLoss: {kind: 'focal', alpha: 0.25, gamma: 2},
        boxLoss: {kind: 'l1'},
        lossScaling: none,
        biasInit: {kind: 'prior', pi: 0.01},
        scoreThreshold: {kind: 'fixed', theta: inference.scoreThreshold},
      },
    },
  };
}

function build(p6From: 'p5' | 'c5', tensors: readonly GoldenTensor[]): Detector {
  const imbalance = {dense: {examples: 1000, foreground: 1}}; // unused by these six fields
  const detector = retinanet(config(p6From), {classes: golden.classes, seed: 1, imbalance, inputStd: 58});
  assignGoldenWeights(detector.parameters, tensors);
  return detector;
}

const infos = (scene: RetinaNetScene, indices: readonly number[]): ImageInfo[] =>
  indices.map(imageId => {
    const {height, width} = scene.images[imageId]!;
    return {imageId, height, width, originalHeight: height, originalWidth: width, scaleY: 1, scaleX: 1};
  });

const batch = (scene: RetinaNetScene, indices: readonly number[]) => ({
  images: goldenImages(scene, indices),
  infos: infos(scene, indices),
  targets: goldenTargets(scene, indices),
  iteration: 0,
});

/** L_CLS, L_REG and the counts of one step. */
function step(detector: Detector, scene: RetinaNetScene, indices: readonly number[]) {
  const input = batch(scene, indices);
  const {classification, box, total, w, foreground, examples} = detector.losses(input).dense!;
  const losses = [classification.dataSync()[0]!, box.dataSync()[0]!];
  tf.dispose([input.images, classification, box, total, w]);
  return {losses, foreground, examples};
}

const expectedLosses = ({classification, bbox_regression}: RetinaNetStep) => [
  classification,
  bbox_regression,
];

const detectors = new Map<EngineName, Detector>();

/** torchvision's detector with P6 from P5, on the engine that is open. */
function detectorOn(engine: EngineName): Detector {
  const detector = detectors.get(engine) ?? build('p5', golden.tensors);
  detectors.set(engine, detector);
  return detector;
}

test("losses of one image are torchvision's", (t, engine) => {
  const anchors = 9 * (16 * 32 + 8 * 16 + 4 * 8 + 2 * 4 + 1 * 2);
  for (const expected of golden.steps.filter(({images}) => images.length === 1)) {
    const {losses, foreground, examples} = step(detectorOn(engine), golden, expected.images);
    t.true(largestDifference(losses, expectedLosses(expected), 0) < 1e-4);
    const counts = golden.counts[expected.images[0]!]!;
    t.is(foreground, counts.foreground);
    t.is(examples, anchors - counts.ignored);
  }
});

test('losses of two images are divided by the foreground of both', (t, engine) => {
  const [first, second] = golden.counts.map(counts => counts.foreground) as [number, number];
  const [one, two] = golden.steps.map(expectedLosses) as [number[], number[]];
  const expected = one.map((loss, i) => (first * loss + second * two[i]!) / (first + second));
  t.true(largestDifference(step(detectorOn(engine), golden, [0, 1]).losses, expected, 0) < 1e-4);
});

/** Gradients of the step on image 0 against the scene's: every norm, and elements of some. */
function gradientsAgree(t: ExecutionContext, detector: Detector, scene: RetinaNetScene): void {
  const before = tf.memory().numTensors;
  const {trainable} = detector.parameters;
  const input = batch(scene, [0]);
  const {value, grads} = tf.variableGrads(
    () => tf.tidy(() => detector.losses(input).dense!.total),
    trainable.map(({variable}) => variable),
  );
  const gradientOf = new Map(trainable.map(({name, variable}) => [name, grads[variable.name]!]));
  const names = Object.keys(scene.gradientNorms);
  const norms = names.map(name => {
    const values = gradientOf.get(ourName(name))!.dataSync<'float32'>();
    return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
  });
  t.is(names.length, gradientOf.size);
  t.true(largestDifference(norms, Object.values(scene.gradientNorms), 0) < 1e-4);

  for (const [name, {at, value: expected}] of Object.entries(scene.gradientSamples)) {
    const gradient = gradientOf.get(ourName(name))!;
    const [, shape] = golden.tensors.find(([tensor]) => tensor === name)!;
    // Where the elements of PyTorch's order are in ours.
    const order = Float32Array.from({length: gradient.size}, (_, i) => i);
    const positions = shape.length === 4 ? filterToTfjs(order, shape) : order;
    const values = gradient.dataSync();
    const mine = at.map(i => values[positions.indexOf(i)]!);
    // Elements that are small beside the others are differences of large numbers.
    const scale = scene.gradientNorms[name]! / Math.sqrt(gradient.size);
    t.true(largestDifference(mine, expected, scale) < 1e-4, name);
  }
  tf.dispose([input.images, value, grads]);
  t.is(tf.memory().numTensors, before);
}

test("gradients of every filter and bias are torchvision's", (t, engine) => {
  gradientsAgree(t, detectorOn(engine), golden);
});

// A step of this size takes wasm a minute and nearly all of its memory.
testsOn(FAST_ENGINES.filter(engine => engine !== 'wasm'))(
  "at the paper's 800x1344 too losses and gradients are torchvision's, computed there in double precision",
  (t, engine) => {
    const detector = detectorOn(engine);
    const [expected] = paperSize.steps;
    const {losses, foreground} = step(detector, paperSize, expected!.images);
    t.true(largestDifference(losses, expectedLosses(expected!), 0) < 1e-4);
    t.is(foreground, paperSize.counts[0]!.foreground);
    gradientsAgree(t, detector, paperSize);
  },
);

test("detections are torchvision's, best first", async (t, engine) => {
  const detector = detectorOn(engine);
  const before = tf.memory().numTensors;
  const images = goldenImages(golden, [0, 1]);
  const detections = await detector.detect({images, infos: infos(golden, [0, 1])});
  images.dispose();
  t.is(tf.memory().numTensors, before);
  for (const [index, {boxes, scores, labels}] of inference.detections.entries()) {
    const mine = detections[index]!;
    t.is(mine.imageId, index);
    t.true(largestDifference(mine.scores, scores, 0) < 1e-4);
    t.true(largestDifference(mine.boxes, boxes, 10) < 1e-4);
    t.deepEqual(
      [...mine.classes],
      labels.map(label => label + 1),
    );
  }
});

test("with P6 from C5 the losses are torchvision's too", (t, engine) => {
  detectorOn(engine).parameters.dispose();
  const {changed, step: expected} = golden.p6FromC5;
  const tensors = golden.tensors.map(tensor => changed.find(([name]) => name === tensor[0]) ?? tensor);
  const fromC5 = build('c5', tensors);
  t.true(largestDifference(step(fromC5, golden, expected.images).losses, expectedLosses(expected), 0) < 1e-4);
  fromC5.parameters.dispose();
});
