/** The losses of stages: what divides and scales each kind, and detectors that are trained with them. */
import * as tf from '@tensorflow/tfjs';
import type {BoxLoss, ClassificationLoss, StageConfig} from '../../src/config/stage.js';
import {cascadeRcnn} from '../../src/detectors/cascade-rcnn.js';
import type {Detector, StageLosses} from '../../src/detectors/detector.js';
import {anchorCoder, type Examples} from '../../src/detectors/examples.js';
import {fasterRcnn} from '../../src/detectors/faster-rcnn.js';
import {denseStage} from '../../src/detectors/stage.js';
import {Parameters} from '../../src/layers/parameters.js';
import {Sgd} from '../../src/train/sgd.js';
import {trainStep} from '../../src/train/step.js';
import {FAST_ENGINES, testsOn} from '../engines.js';
import {runConfig} from '../train/run-config.js';
import {detectorOptions, type SmallObject, smallBatch, smallCascade, smallFaster} from './small-rcnn.js';

const test = testsOn(FAST_ENGINES);

const GHM_C = {kind: 'ghm-c', bins: 30, momentum: 0.75} as const;
const GHM_R = {kind: 'ghm-r', mu: 0.02, bins: 10, momentum: 0.7, weight: 10} as const;

const plain: StageConfig = {
  sampler: {kind: 'all'},
  classificationLoss: {kind: 'cross-entropy'},
  boxLoss: {kind: 'l1'},
  lossScaling: {kind: 'none'},
  biasInit: {kind: 'zero'},
  scoreThreshold: {kind: 'fixed', theta: 0},
};

// Four anchors on two levels of one image; the first and the last are foreground.
const ANCHORS = Float32Array.of(0, 0, 10, 10, 10, 0, 20, 10, 0, 10, 10, 20, 0, 0, 20, 20);
const coder = anchorCoder(ANCHORS, [1, 1, 1, 1]);
const positions = Int32Array.of(0, 3);
const boxes = Float32Array.of(0, 0, 10, 20, 0, 0, 20, 10);
const examples: Examples = {
  labels: Int32Array.of(1, 0, 0, 1),
  weights: Float32Array.of(1, 1, 1, 1),
  levelCounts: [3, 1],
  foreground: positions,
  boxes,
  boxTargets: coder.encode(boxes, positions),
  decode: deltas => coder.decode(deltas, positions),
  images: 1,
  examples: 4,
};

/** Losses of the first step, for logits of 0 and the given deltas. */
function lossesOf(
  fields: Partial<StageConfig>,
  deltas = new Float32Array(16),
  given: {normaliser?: 'foreground' | 'coordinates' | 'examples'; boxLossWeight?: number; of?: Examples} = {},
) {
  const {normaliser = 'foreground', boxLossWeight = 1, of = examples} = given;
  const parameters = new Parameters();
  const stage = denseStage(
    {parameters, seed: 0},
    {
      name: 'dense',
      stage: {...plain, ...fields},
      normaliser: {classification: normaliser === 'coordinates' ? 'foreground' : normaliser, box: normaliser},
      boxLossWeight,
    },
  );
  const predictions = {
    logits: tf.zeros<tf.Rank.R3>([1, 4, 1]),
    deltas: tf.tensor3d(deltas, [1, 4, 4]),
  };
  const losses = stage(predictions, of);
  const values = valuesOf(losses);
  tf.dispose([...Object.values(predictions), ...tensorsOf(losses)]);
  const names = parameters.all.map(({name, trainable}) => `${name}${trainable ? '' : ', not trained'}`);
  parameters.dispose();
  return {...values, names};
}

const tensorsOf = ({classification, box, w, total}: StageLosses) => [classification, box, w, total];
function valuesOf(losses: StageLosses) {
  const [classification, box, w, total] = tensorsOf(losses).map(scalar => scalar.dataSync()[0]!);
  return {classification: classification!, box: box!, w: w!, total: total!};
}

const near = (actual: number, expected: number): boolean =>
  Math.abs(actual - expected) <= 3e-6 * Math.max(1, Math.abs(expected));

test('IoU losses are of the decoded boxes, one term a box whatever the normaliser counts', t => {
  const before = tf.memory().numTensors;
  // Deltas of 0 leave the anchors: IoU 100 / 200 and 200 / 400.
  for (const normaliser of ['foreground', 'coordinates'] as const) {
    t.true(near(lossesOf({boxLoss: {kind: 'iou'}}, undefined, {normaliser}).box, Math.log(2)));
    t.true(near(lossesOf({boxLoss: {kind: 'giou'}}, undefined, {normaliser}).box, 0.5));
  }
  t.true(near(lossesOf({boxLoss: {kind: 'iou'}}, undefined, {normaliser: 'examples'}).box, Math.log(2) / 2));
  // The targets themselves.
  const exact = new Float32Array(16);
  exact.set(examples.boxTargets.subarray(0, 4), 0);
  exact.set(examples.boxTargets.subarray(4), 12);
  for (const kind of ['iou', 'giou'] as const) t.true(near(lossesOf({boxLoss: {kind}}, exact).box, 0));
  t.is(tf.memory().numTensors, before);
});

test('GHM divides by its own counts: no normaliser, but the weight of the box loss', t => {
  const before = tf.memory().numTensors;
  const of = (normaliser: 'foreground' | 'examples', boxLossWeight = 1) =>
    lossesOf({classificationLoss: GHM_C, boxLoss: GHM_R}, undefined, {normaliser, boxLossWeight});
  const first = of('foreground');
  t.deepEqual(of('examples'), first);
  t.true(near(of('examples', 3).box, 3 * first.box));
  // All p are 1/2, in one bin: S = 0.25 * 3 for the first level, then 0.75 * 0.75 + 0.25 for the second.
  t.true(near(first.classification, (3 / 0.75 + 1 / 0.8125) * Math.log(2)), `${first.classification}`);
  t.deepEqual(first.names, [
    'dense.classification_loss.bin_sums, not trained',
    'dense.box_loss.bin_sums, not trained',
  ]);
  t.deepEqual(lossesOf({}).names, []);
  t.is(tf.memory().numTensors, before);
});

test('guided scaling sees GHM-R with its weight: the classification loss takes its value', t => {
  const lossScaling = {kind: 'guided', gain: 1} as const;
  for (const classificationLoss of [plain.classificationLoss, GHM_C]) {
    const {classification, box, w, total} = lossesOf({classificationLoss, boxLoss: GHM_R, lossScaling});
    t.true(near(w * classification, box));
    t.true(near(total, 2 * box));
    const tenth = lossesOf({classificationLoss, boxLoss: {...GHM_R, weight: 1}, lossScaling});
    t.true(near(tenth.total, total / 10));
    t.is(tenth.classification, classification);
  }
});

test('without foreground GHM-R is 0 and its sums stay, and guided scaling teaches nothing', t => {
  const none = new Float32Array(0);
  const of: Examples = {
    ...examples,
    labels: new Int32Array(4),
    foreground: new Int32Array(0),
    boxes: none,
    boxTargets: none,
    decode: deltas => coder.decode(deltas, new Int32Array(0)),
  };
  for (const boxLoss of [GHM_R, {kind: 'giou'}, {kind: 'iou'}] as const) {
    const {box, w, total, classification} = lossesOf(
      {boxLoss, lossScaling: {kind: 'guided', gain: 1}},
      undefined,
      {of},
    );
    t.deepEqual({box, w, total}, {box: 0, w: 0, total: 0});
    t.true(classification > 0);
  }
});

const CLASSIFICATION: readonly ClassificationLoss[] = [plain.classificationLoss, GHM_C];
const BOX: readonly BoxLoss[] = [
  {kind: 'balanced-l1', alpha: 0.5, gamma: 1.5, beta: 1},
  {kind: 'iou'},
  {kind: 'giou'},
  GHM_R,
];
const OBJECTS: readonly (readonly SmallObject[])[] = [
  [
    [[4, 8, 40, 44], 1],
    [[30, 20, 62, 52], 2],
  ],
  [],
];

/** Two steps with objects and one without any; the running sums after them. */
async function steps(t: {true(value: boolean, message: string): unknown}, detector: Detector, what: string) {
  const optimizer = new Sgd(detector.parameters, runConfig().schedule);
  for (const [iteration, objects] of [OBJECTS, OBJECTS, [[], []]].entries()) {
    const batch = smallBatch(objects, iteration);
    const {applied, total} = await trainStep(detector, batch, optimizer, 0.001);
    t.true(applied && Number.isFinite(total), `${what}: ${total}`);
    batch.images.dispose();
  }
  optimizer.dispose();
  const sums = detector.parameters.all.filter(({kind}) => kind === 'state');
  const found = sums.map(({name, variable}) => [name, variable.dataSync().some(sum => sum > 0)]);
  detector.parameters.dispose();
  return Object.fromEntries(found) as Readonly<Record<string, boolean>>;
}

test('RPN and RoI-subnets train with every box loss, and the RPN with GHM-C', async t => {
  const before = tf.memory().numTensors;
  for (const classificationLoss of CLASSIFICATION) {
    for (const boxLoss of BOX) {
      const {rpn, roi} = smallFaster.stages;
      const stages = {rpn: {...rpn, classificationLoss, boxLoss}, roi: {...roi, boxLoss}};
      const what = `${classificationLoss.kind}, ${boxLoss.kind}`;
      const sums = await steps(t, fasterRcnn({...smallFaster, stages}, detectorOptions), what);
      t.deepEqual(sums, {
        ...(classificationLoss.kind === 'ghm-c' ? {'rpn.classification_loss.bin_sums': true} : {}),
        ...(boxLoss.kind === 'ghm-r' ? {'rpn.box_loss.bin_sums': true, 'roi.box_loss.bin_sums': true} : {}),
      });
    }
  }
  t.is(tf.memory().numTensors, before);
});

test('every subnet of a cascade has running sums of its own', async t => {
  const stages = {...smallCascade.stages, roi: {...smallCascade.stages.roi, boxLoss: GHM_R}};
  const sums = await steps(t, cascadeRcnn({...smallCascade, stages}, detectorOptions), 'cascade');
  t.deepEqual(
    Object.keys(sums),
    [0, 1, 2].map(index => `roi.${index}.box_loss.bin_sums`),
  );
});
