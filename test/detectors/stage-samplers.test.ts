/** Samplers in a detector: what they are given, what is trained on, and steps of a small RetinaNet with each. */
import * as tf from '@tensorflow/tfjs';
import type {RetinaNetConfig} from '../../src/config/network.js';
import type {Sampler} from '../../src/config/stage.js';
import type {Batch} from '../../src/data/batch.js';
import {type LabellingOptions, labelExamples} from '../../src/detectors/examples.js';
import {retinanet} from '../../src/detectors/retinanet.js';
import {Random} from '../../src/random/random.js';
import {Sgd} from '../../src/train/sgd.js';
import {trainStep} from '../../src/train/step.js';
import {FAST_ENGINES, testsOn} from '../engines.js';
import {asRetinaNet} from '../retinanet-config.js';
import {runConfig} from '../train/run-config.js';

const test = testsOn(FAST_ENGINES);

const IOU_BALANCED = {kind: 'iou-balanced', bins: 3, floor: null, quirks: 'none'} as const;

// IoU with the object 0, 0, 10, 10: 1, 0.9, 0.45 (ignored), 0.3, 0.2, 0.1, 0, 0.
const HEIGHTS = [10, 9, 4.5, 3, 2, 1];
const ladder = Float32Array.of(
  ...HEIGHTS.flatMap(height => [0, 0, 10, height]),
  ...[30, 30, 40, 40, 50, 50, 60, 60],
);
const square = {boxes: Float32Array.of(0, 0, 10, 10), classes: Int32Array.of(2)};
const nothing = {boxes: new Float32Array(0), classes: new Int32Array(0)};

const labelling = (sampler: Sampler, given: Partial<LabellingOptions> = {}): LabellingOptions => ({
  anchors: ladder,
  levelCounts: [6, 2],
  targets: [square, nothing],
  matcher: {foreground: 0.5, background: 0.4, lowQuality: false, ignoreBand: 'skip'},
  boxWeights: [1, 1, 1, 1],
  sampler,
  randomOf: image => new Random(1, 'sample', 0, image),
  lossesOf: () => {
    throw new Error('losses are not needed here');
  },
  ...given,
});

test('OHEM is given the losses of each image, read once from the labels of the whole mini-batch', t => {
  const asked: Int32Array[] = [];
  const losses = Float32Array.of(1, 2, 99, 5, 6, 7, 8, 4, 0, 0, 3, 0, 0, 0, 0, 2);
  const examples = labelExamples(
    labelling(
      {kind: 'ohem', n: 3, fraction: 0.4},
      {
        lossesOf: labels => {
          asked.push(labels.slice());
          return losses;
        },
      },
    ),
  );
  t.deepEqual(
    asked.map(labels => [...labels]),
    [[2, 2, -1, ...new Array<number>(5).fill(0), ...new Array<number>(8).fill(0)]],
  );
  // First image: the harder of two foreground, and losses 8 and 7 of the background; second: 3, 2 and the first of 0.
  t.deepEqual([...examples.weights], [0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 1, 0, 0, 0, 0, 1]);
  t.deepEqual([...examples.foreground], [1]);
  t.is(examples.examples, 6);
});

test('other samplers do not wait for losses', t => {
  const samplers: Sampler[] = [
    {kind: 'all'},
    {kind: 'minibatch-biased', n: 4, fraction: 0.5},
    {...IOU_BALANCED, n: 4, fraction: 0.5},
    {kind: 'ohem', n: 100, fraction: 0.5}, // takes all
  ];
  for (const sampler of samplers) t.notThrows(() => labelExamples(labelling(sampler)));
});

test('IoU-balanced sampling is given IoUs and the range that the matcher leaves to background', t => {
  // Halves of [0, 0.4): 0.3 and 0.2 | 0.1, 0 and 0. Two of either would be wanted of 4: three of five here, so one of
  // either and one at random; both foreground of the same object are taken.
  const sampler: Sampler = {...IOU_BALANCED, n: 4, fraction: 0.5, bins: 2};
  for (let seed = 0; seed < 20; seed++) {
    const {weights} = labelExamples(labelling(sampler, {randomOf: image => new Random(seed, 's', image)}));
    const [first, second] = [weights.subarray(0, 8), weights.subarray(8)];
    t.deepEqual([...first.subarray(0, 3)], [1, 1, 0]);
    t.is(first[3]! + first[4]!, 1);
    t.is(first[5]! + first[6]! + first[7]!, 1);
    // The image without objects: all IoUs are 0, two come from the first bin and two at random.
    t.is(
      second.reduce((sum, weight) => sum + weight, 0),
      4,
    );
  }
});

test('the reference floor begins with the second image', t => {
  // Both images hold the object. Of background at IoU 0.3, 0.2, 0.1, 0, 0 the second image takes those above 0.
  const sampler: Sampler = {...IOU_BALANCED, n: 5, fraction: 0.5, quirks: 'reference'};
  const drawn = [0, 1].map(() => new Set<number>());
  for (let seed = 0; seed < 50; seed++) {
    const {weights} = labelExamples(
      labelling(sampler, {targets: [square, square], randomOf: image => new Random(seed, 's', image)}),
    );
    for (const image of [0, 1]) {
      for (let i = 3; i < 8; i++) if (weights[8 * image + i] === 1) drawn[image]!.add(i);
    }
  }
  t.deepEqual([...drawn[0]!].sort(), [3, 4, 5, 6, 7]);
  t.deepEqual([...drawn[1]!].sort(), [3, 4, 5]);
});

const SIDE = 64;

function batchOf(targets: Batch['targets'], iteration = 0): Batch {
  const random = new Random(11, 'batch', iteration);
  const pixels = Float32Array.from({length: targets.length * SIDE * SIDE * 3}, () => random.normal());
  const size = {height: SIDE, width: SIDE, originalHeight: SIDE, originalWidth: SIDE, scaleX: 1, scaleY: 1};
  return {
    images: tf.tensor4d(pixels, [targets.length, SIDE, SIDE, 3]),
    infos: targets.map((_, imageId) => ({imageId, ...size})),
    targets,
    iteration,
  };
}

const OBJECTS: Batch['targets'] = [
  {boxes: Float32Array.of(4, 8, 40, 44, 30, 20, 62, 52), classes: Int32Array.of(1, 2)},
  nothing,
];

const build = (dense: Partial<RetinaNetConfig['stages']['dense']>) => {
  const model = asRetinaNet(runConfig().model);
  const config = {...model, stages: {dense: {...model.stages.dense, ...dense}}};
  return retinanet(config, {classes: 2, seed: 3, imbalance: {}, inputStd: 1});
};

const SAMPLERS: readonly Sampler[] = [
  {kind: 'all'},
  {kind: 'minibatch-biased', n: 16, fraction: 0.25},
  {kind: 'ohem', n: 16, fraction: 0.25},
  {...IOU_BALANCED, n: 16, fraction: 0.25},
  {...IOU_BALANCED, n: 16, fraction: 0.25, quirks: 'reference'},
];

test('steps of RetinaNet with every sampler are applied, count what was sampled and leave no tensor', async t => {
  const {schedule} = runConfig();
  for (const classificationLoss of [
    {kind: 'cross-entropy'},
    {kind: 'focal', alpha: 0.25, gamma: 2},
  ] as const) {
    for (const sampler of SAMPLERS) {
      const before = tf.memory().numTensors;
      const detector = build({sampler, classificationLoss, lossScaling: {kind: 'none'}});
      const optimizer = new Sgd(detector.parameters, schedule);
      for (const [iteration, targets] of [OBJECTS, OBJECTS, [nothing, nothing]].entries()) {
        const batch = batchOf(targets, iteration);
        const {applied, stages, total} = await trainStep(detector, batch, optimizer, 0.001);
        t.true(applied && Number.isFinite(total), `${sampler.kind} ${classificationLoss.kind}`);
        const {examples, foreground} = stages.dense!;
        if (sampler.kind !== 'all') t.is(examples, 32);
        t.is(foreground > 0, targets === OBJECTS);
        batch.images.dispose();
      }
      optimizer.dispose();
      detector.parameters.dispose();
      t.is(tf.memory().numTensors, before);
    }
  }
});

test('of equally many examples OHEM has the largest loss', t => {
  const batch = batchOf(OBJECTS);
  const lossOf = (sampler: Sampler) => {
    const detector = build({sampler});
    const loss = tf.tidy(() => {
      const {classification, foreground} = detector.losses(batch).dense!;
      return {value: classification.dataSync()[0]! * foreground, foreground};
    });
    detector.parameters.dispose();
    return loss;
  };
  const [, biased, hardest, balanced] = SAMPLERS.map(lossOf);
  t.is(hardest!.foreground, biased!.foreground);
  t.is(hardest!.foreground, balanced!.foreground);
  t.true(hardest!.value > biased!.value);
  t.true(hardest!.value > balanced!.value);
  batch.images.dispose();
});
