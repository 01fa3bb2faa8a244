/** What dense stages are trained on, of anchors and of examples that are no anchors. */
import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {
  anchorCoder,
  type ExampleCoder,
  labelExamples,
  type SamplingOptions,
  sampleExamples,
} from '../../src/detectors/examples.js';
import {Random} from '../../src/random/random.js';
import {openForTest} from '../engines.js';

const noLosses = (): Float32Array => {
  throw new Error('losses are not needed here');
};
const randomOf = (image: number): Random => new Random(1, 'examples', image);

const ANCHORS = Float32Array.of(0, 0, 10, 10, 0, 0, 10, 4, 50, 50, 70, 70);
const TARGETS = [
  {boxes: Float32Array.of(50, 50, 60, 70, 0, 1, 10, 11), classes: Int32Array.of(2, 1)},
  {boxes: new Float32Array(0), classes: new Int32Array(0)},
  {boxes: Float32Array.of(0, 0, 10, 5), classes: Int32Array.of(3)},
];

test('the foreground of anchors comes with its boxes, and its own targets decode to them', async t => {
  await openForTest('cpu');
  const before = tf.memory().numTensors;
  const examples = labelExamples({
    anchors: ANCHORS,
    levelCounts: [2, 1],
    targets: TARGETS,
    matcher: {foreground: 0.5, background: 0.4, lowQuality: false, ignoreBand: 'skip'},
    boxWeights: [10, 10, 5, 5],
    sampler: {kind: 'all'},
    randomOf,
    lossesOf: noLosses,
  });
  // First image: IoU 90 / 110 with the second object, 30 / 110, and half of the first one. Last: IoU 1/2 and 4/5.
  t.deepEqual([...examples.labels], [1, 0, 2, 0, 0, 0, 3, 3, 0]);
  t.deepEqual([...examples.foreground], [0, 2, 6, 7]);
  t.deepEqual([...examples.boxes], [0, 1, 10, 11, 50, 50, 60, 70, 0, 0, 10, 5, 0, 0, 10, 5]);
  t.deepEqual(examples.levelCounts, [2, 1]);
  t.is(examples.images, 3);
  t.is(examples.examples, 9);
  const decoded = tf.tidy(() => examples.decode(tf.tensor2d(examples.boxTargets, [4, 4])).dataSync());
  t.true(decoded.every((value, i) => Math.abs(value - examples.boxes[i]!) < 1e-5));
  t.is(tf.memory().numTensors, before);
});

/** Points whose deltas are the distances to the four sides. */
const points = (xy: readonly (readonly [number, number])[]): ExampleCoder => ({
  encode: (boxes, positions) =>
    boxes.map((side, i) => {
      const point = xy[positions[i >> 2]!]!;
      return i % 4 < 2 ? point[i % 2]! - side : side - point[i % 2]!;
    }),
  decode: (deltas, positions) => {
    const centres = Float32Array.from([...positions].flatMap(i => [...xy[i]!, ...xy[i]!]));
    return tf.add(tf.tensor2d(centres, [positions.length, 4]), tf.mul(deltas, tf.tensor2d([[-1, -1, 1, 1]])));
  },
});

const matches = [{labels: Int32Array.of(2, 1, 0), matches: Int32Array.of(0, 1, -1)}];
const pointSampling = (sampler: SamplingOptions['sampler'], given = matches): SamplingOptions => ({
  matches: given,
  targets: TARGETS.slice(0, 1),
  levelCounts: [3],
  coder: points([
    [55, 60],
    [5, 5],
    [90, 90],
  ]),
  sampler,
  randomOf,
  lossesOf: () => Float32Array.of(1, 2, 3),
});
test('points are sampled and encoded by their own coder', async t => {
  await openForTest('cpu');
  const {foreground, boxes, boxTargets, decode} = sampleExamples(pointSampling({kind: 'all'}));
  t.deepEqual([...foreground], [0, 1]);
  t.deepEqual([...boxTargets], [5, 10, 5, 10, 5, 4, 5, 6]);
  t.deepEqual(
    tf.tidy(() => [...decode(tf.tensor2d(boxTargets, [2, 4])).dataSync()]),
    [...boxes],
  );
  const mined = sampleExamples(pointSampling({kind: 'ohem', n: 2, fraction: 0.5}));
  t.deepEqual([...mined.weights], [0, 1, 1]);
});

test('a sampler that goes by IoU says so where examples have none', t => {
  const sampler = {kind: 'iou-balanced', n: 2, fraction: 0.5, bins: 3, floor: null, quirks: 'none'} as const;
  const mostlyBackground = [{labels: Int32Array.of(0, 1, 0), matches: Int32Array.of(-1, 1, -1)}];
  t.throws(() => sampleExamples(pointSampling(sampler, mostlyBackground)), {
    message: 'sampler iou-balanced: these examples have no IoU',
  });
});

test('a mini-batch without foreground has empty boxes', async t => {
  await openForTest('cpu');
  const background = [{labels: Int32Array.of(0, -1, 0), matches: Int32Array.of(-1, -1, -1)}];
  const coder = anchorCoder(ANCHORS, [1, 1, 1, 1]);
  const examples = sampleExamples({...pointSampling({kind: 'all'}, background), coder});
  t.is(examples.boxes.length + examples.boxTargets.length + examples.foreground.length, 0);
  t.is(examples.examples, 2);
  t.deepEqual(
    tf.tidy(() => examples.decode(tf.zeros([0, 4])).shape),
    [0, 4],
  );
});
