/** A detector whose losses are means over images, and whose samples are drawn: YOLOv3 without norms, by parts and whole. */
import * as tf from '@tensorflow/tfjs';
import type {YoloV3Config} from '../../src/config/yolov3.js';
import type {Batch} from '../../src/data/batch.js';
import {buildDetector} from '../../src/detectors/build.js';
import {Random} from '../../src/random/random.js';
import {Sgd} from '../../src/train/sgd.js';
import {TrainingStep} from '../../src/train/step.js';
import {FAST_ENGINES, testsOn} from '../engines.js';
import {near} from '../near.js';
import {smallYolo} from '../yolov3-config.js';
import {runConfig} from './run-config.js';

const test = testsOn(FAST_ENGINES);

const SIDE = 64;
const IMAGES = 4;

/** A batch norm sees the images of its sub-batch, so there is none. 16 of the 148 predictions of an image are drawn. */
const model: YoloV3Config = {
  ...smallYolo,
  backbone: {...smallYolo.backbone, norm: {kind: 'none'}},
  head: {norm: {kind: 'none'}},
  stages: {
    dense: {
      ...smallYolo.stages.dense,
      sampler: {kind: 'minibatch-biased', n: 16, fraction: 0.5},
    },
  },
};

/** Images `from` to `to` of the batch of iteration 3. Image i has an object of class i + 1. */
function part(from: number, to: number): Batch {
  const numbers = Array.from({length: to - from}, (_, i) => from + i);
  const pixels = numbers.flatMap(i => {
    const random = new Random(5, 'pixels', i);
    return Array.from({length: SIDE * SIDE * 3}, () => random.uniform());
  });
  const size = {height: SIDE, width: SIDE, originalHeight: SIDE, originalWidth: SIDE, scaleX: 1, scaleY: 1};
  return {
    images: tf.tensor4d(pixels, [numbers.length, SIDE, SIDE, 3]),
    infos: numbers.map(imageId => ({imageId, ...size})),
    targets: numbers.map(i => ({
      boxes: Float32Array.of(8 * i, 4, 8 * i + 20, 40),
      classes: Int32Array.of(i + 1),
    })),
    iteration: 3,
    firstImage: from,
  };
}

/** The update of a step whose sub-batches begin at these images, and its record. */
async function update(starts: readonly number[], changed: Partial<Batch> = {}) {
  const detector = buildDetector(model, {classes: IMAGES, seed: 3, imbalance: {}, inputStd: 57});
  const optimizer = new Sgd(detector.parameters, runConfig().schedule);
  const step = new TrainingStep(detector, starts.length);
  const held: number[] = [];
  for (const [i, start] of starts.entries()) {
    const batch = part(start, starts[i + 1] ?? IMAGES);
    step.add({...batch, ...changed});
    batch.images.dispose();
    held.push(tf.memory().numTensors);
  }
  const record = await step.finish(optimizer, 1e-3);
  const weights = detector.parameters.all.flatMap(({variable}) => [...variable.dataSync()]);
  optimizer.dispose();
  detector.parameters.dispose();
  return {record, weights, held};
}

test('two and four sub-batches give the update of the whole batch, and a step holds one set of gradients', async t => {
  const before = tf.memory().numTensors;
  const whole = await update([0]);
  for (const starts of [
    [0, 2],
    [0, 1, 2, 3],
  ]) {
    const {record, weights, held} = await update(starts);
    near(t, weights, whole.weights, 1e-6);
    const [{dense}, {dense: expected}] = [record.stages, whole.record.stages];
    t.deepEqual([dense!.examples, dense!.foreground], [expected!.examples, expected!.foreground]);
    t.true(Math.abs(record.total - whole.record.total) < 1e-5 * whole.record.total);
    t.true(Math.abs(record.gradNorm - whole.record.gradNorm) < 1e-5 * whole.record.gradNorm);
    // Every further sub-batch leaves its vector of losses and nothing else.
    for (const [i, count] of held.entries()) t.is(count, held[0]! + i);
  }
  t.is(tf.memory().numTensors, before);
  // An update of some size: 1e-3 of a gradient of some hundreds.
  t.true(whole.record.gradNorm > 10);
  t.is(whole.record.stages.dense!.examples, 4 * 16);
});

test('the samples of a sub-batch are those that its images have in the whole batch', async t => {
  const {record} = await update([0, 2]);
  // Drawn as if the second half were the first: other background, so another loss.
  const {record: other} = await update([0, 2], {firstImage: 0});
  t.true(Math.abs(record.total - other.total) > 1e-5 * record.total);
});
