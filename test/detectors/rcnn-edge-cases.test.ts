/** Mini-batches at the edge of what a detector sees, through whole detectors of two and more stages. */
import * as tf from '@tensorflow/tfjs';
import type {ExecutionContext} from 'ava';
import type {ModelConfig} from '../../src/config/run.js';
import type {Sampler} from '../../src/config/stage.js';
import type {CascadeRcnnConfig, FasterRcnnConfig, MaskRcnnConfig} from '../../src/config/two-stage.js';
import type {Batch} from '../../src/data/batch.js';
import {buildDetector} from '../../src/detectors/build.js';
import type {Detector} from '../../src/detectors/detector.js';
import {Random} from '../../src/random/random.js';
import {Sgd} from '../../src/train/sgd.js';
import {type StepRecord, trainStep} from '../../src/train/step.js';
import {FAST_ENGINES, testsOn} from '../engines.js';
import {runConfig} from '../train/run-config.js';
import {
  CLASSES,
  detectorOptions,
  guided,
  SIDE,
  type SmallObject,
  smallBatch,
  smallCascade,
  smallCascadeWithMasks,
  smallFaster,
  smallMask,
} from './small-rcnn.js';

const test = testsOn(FAST_ENGINES);

type TwoStageConfig = FasterRcnnConfig | MaskRcnnConfig | CascadeRcnnConfig;

const MODELS: Readonly<Record<string, TwoStageConfig>> = {
  'Faster R-CNN': smallFaster,
  'Mask R-CNN': smallMask,
  'Cascade R-CNN': smallCascade,
  'Cascade R-CNN with masks': smallCascadeWithMasks,
};

/** What is trained on: mini-batches of budgets, or everything. */
const FIELDS = {
  baseline: <T extends TwoStageConfig>(config: T): T => config,
  'Sampling-Free': <T extends TwoStageConfig>(config: T): T => ({
    ...config,
    rpn: {...config.rpn, normaliser: {classification: 'foreground', box: 'coordinates'}},
    roi: {...config.roi, normaliser: {classification: 'foreground', box: 'coordinates'}},
    stages: {
      rpn: {...config.stages.rpn, ...guided, lossScaling: {kind: 'guided', gain: 1}},
      roi: {...config.stages.roi, ...guided},
    },
  }),
} as const;

/** Nothing passes the RPN's threshold, and objects do not stand in for proposals. */
const withoutProposals = <T extends TwoStageConfig>(config: T, appendGroundTruth = false): T => ({
  ...config,
  roi: {...config.roi, appendGroundTruth},
  stages: {...config.stages, rpn: {...config.stages.rpn, scoreThreshold: {kind: 'fixed', theta: 0.999999}}},
});

/** Proposals without objects among them, at an IoU that no proposal reaches. */
function allBackground(config: TwoStageConfig): ModelConfig {
  const matcher = {foreground: 1, background: 1, lowQuality: false, ignoreBand: 'skip'} as const;
  if (config.kind === 'cascade-rcnn') {
    const stages = config.roi.stages.map(stage => ({...stage, matcher}));
    return {...config, roi: {...config.roi, appendGroundTruth: false, stages}};
  }
  return {...config, roi: {...config.roi, appendGroundTruth: false, matcher}};
}

const ONE: readonly SmallObject[] = [[[8, 12, 40, 44], 2]];

/** Three hundred boxes of 2 to 20 pixels. */
function manyObjects(): readonly SmallObject[] {
  const random = new Random(7, 'many objects');
  return Array.from({length: 300}, () => {
    const [x, y] = [random.uniform() * (SIDE - 20), random.uniform() * (SIDE - 20)];
    const [width, height] = [2 + 18 * random.uniform(), 2 + 18 * random.uniform()];
    return [[x, y, x + width, y + height], 1 + random.int(CLASSES)];
  });
}

const CASES: Readonly<Record<string, readonly (readonly SmallObject[])[]>> = {
  'an image without objects beside one with': [[], ONE],
  'no objects at all': [[], []],
  'one object': [ONE],
  'three hundred objects': [manyObjects()],
};

/** One step that must be applied, with every gradient finite, and that leaves nothing behind. */
async function step(
  t: ExecutionContext,
  detector: Detector,
  batch: Batch,
  what: string,
): Promise<StepRecord> {
  const optimizer = new Sgd(detector.parameters, runConfig().schedule);
  // The first step makes the optimizer's velocities.
  await trainStep(detector, batch, optimizer, 1e-4);
  const before = tf.memory().numTensors;
  const record = await trainStep(detector, batch, optimizer, 1e-4);
  t.is(tf.memory().numTensors, before, `${what}: tensors left by a step`);
  t.true(record.applied, `${what}: ${JSON.stringify(record)}`);
  for (const [name, stage] of Object.entries(record.stages)) {
    t.true(Object.values(stage).every(Number.isFinite), `${what}: ${name} ${JSON.stringify(stage)}`);
  }
  t.true(Number.isFinite(record.gradNorm), what);
  for (const {name, variable} of detector.parameters.all) {
    t.true((await variable.data()).every(Number.isFinite), `${what}: ${name}`);
  }
  optimizer.dispose();
  return record;
}

async function withDetector(config: ModelConfig, use: (detector: Detector) => Promise<void>): Promise<void> {
  const detector = buildDetector(config, detectorOptions);
  try {
    await use(detector);
  } finally {
    detector.parameters.dispose();
  }
}

for (const [name, model] of Object.entries(MODELS)) {
  for (const [kind, fieldsOf] of Object.entries(FIELDS)) {
    test(`${name}, ${kind}: a step is applied whatever an image holds`, async t => {
      const all = tf.memory().numTensors;
      await withDetector(fieldsOf(model), async detector => {
        for (const [what, objects] of Object.entries(CASES)) {
          const batch = smallBatch(objects);
          const {stages} = await step(t, detector, batch, what);
          const has = objects.flat().length > 0;
          for (const {foreground, box} of Object.values(stages)) {
            t.is(foreground > 0, has, what);
            t.is(box > 0, has, what);
          }
          if (stages.roi!.mask !== undefined) t.is(stages.roi!.mask > 0, has, what);
          batch.images.dispose();
        }
      });
      t.is(tf.memory().numTensors, all);
    });
  }

  test(`${name}: proposals that are all background teach classes, and no boxes or masks`, async t => {
    for (const fieldsOf of Object.values(FIELDS)) {
      await withDetector(allBackground(fieldsOf(model)), async detector => {
        const batch = smallBatch([ONE, manyObjects()]);
        const {rpn, roi} = (await step(t, detector, batch, 'all background')).stages;
        t.true(rpn!.foreground > 0);
        t.is(roi!.foreground, 0);
        t.true(roi!.examples > 0);
        t.true(roi!.classification > 0);
        t.is(roi!.box, 0);
        t.is(roi!.mask ?? 0, 0);
        // Guided: w = 0 / L_CLS.
        if (fieldsOf === FIELDS['Sampling-Free']) t.is(roi!.total, 0);
        batch.images.dispose();
      });
    }
  });

  test(`${name}: without a proposal the RoI-subnet costs nothing, and the RPN learns`, async t => {
    for (const fieldsOf of Object.values(FIELDS)) {
      await withDetector(withoutProposals(fieldsOf(model)), async detector => {
        const batch = smallBatch([ONE, []]);
        const {rpn, roi} = (await step(t, detector, batch, 'no proposals')).stages;
        t.true(rpn!.total > 0);
        t.deepEqual([roi!.examples, roi!.foreground], [0, 0]);
        t.deepEqual([roi!.classification, roi!.box, roi!.total, roi!.mask ?? 0], [0, 0, 0, 0]);
        batch.images.dispose();
      });
    }
  });

  test(`${name}: without a proposal objects that are appended are what is trained on`, async t => {
    await withDetector(withoutProposals(model, true), async detector => {
      const batch = smallBatch([ONE, []]);
      const {roi} = (await step(t, detector, batch, 'objects only')).stages;
      t.is(roi!.foreground > 0, true);
      t.true(roi!.classification > 0);
      batch.images.dispose();
    });
  });

  test(`${name}: detect() finds nothing where there is no proposal or no probability above the threshold`, async t => {
    const {stages} = model;
    const unsure = {
      ...model,
      stages: {...stages, roi: {...stages.roi, scoreThreshold: {kind: 'fixed', theta: 0.999999}}},
    } as const;
    for (const config of [withoutProposals(model), unsure]) {
      await withDetector(config, async detector => {
        const batch = smallBatch([ONE, []]);
        const before = tf.memory().numTensors;
        const found = await detector.detect(batch);
        t.is(tf.memory().numTensors, before);
        const nothing = {boxes: new Float32Array(0), scores: new Float32Array(0), classes: new Int32Array(0)};
        const masks = 'mask' in config && config.mask !== null ? {masks: []} : {};
        t.deepEqual(
          found,
          [0, 1].map(imageId => ({...nothing, ...masks, imageId})),
        );
        batch.images.dispose();
      });
    }
  });

  test(`${name}: detections lie in the file, by falling score above the threshold, with a mask each`, async t => {
    await withDetector(model, async detector => {
      const batch = smallBatch([ONE, []]);
      const before = tf.memory().numTensors;
      const found = await detector.detect(batch);
      t.is(tf.memory().numTensors, before);
      t.deepEqual(
        found.map(({imageId}) => imageId),
        [0, 1],
      );
      for (const {boxes, scores, classes, masks} of found) {
        t.is(scores.length, model.inference.maxDetections);
        t.is(boxes.length, 4 * scores.length);
        t.true(boxes.every(value => value >= 0 && value <= 2 * SIDE));
        t.true(scores.every((score, i) => score > 0.05 && (i === 0 || score <= scores[i - 1]!)));
        t.true(classes.every(cls => cls >= 1 && cls <= CLASSES));
        t.is(masks?.length, 'mask' in model && model.mask !== null ? scores.length : undefined);
        for (const {height, width} of masks ?? []) t.deepEqual([height, width], [2 * SIDE, 2 * SIDE]);
      }
      batch.images.dispose();
    });
  });
}

const SAMPLERS: readonly Sampler[] = [
  {kind: 'ohem', n: 16, fraction: 0.25},
  {kind: 'iou-balanced', n: 16, fraction: 0.25, bins: 3, floor: null, quirks: 'none'},
  {kind: 'iou-balanced', n: 16, fraction: 0.25, bins: 3, floor: null, quirks: 'reference'},
];

test('every sampler trains both stages, with objects, without and with no proposal, within its budget', async t => {
  for (const model of [smallMask, smallCascade]) {
    for (const sampler of SAMPLERS) {
      const {rpn, roi} = model.stages;
      const sampled = {...model, stages: {rpn: {...rpn, sampler}, roi: {...roi, sampler}}};
      for (const config of [sampled, withoutProposals(sampled)]) {
        await withDetector(config, async detector => {
          for (const objects of [
            [ONE, manyObjects()],
            [[], []],
          ]) {
            const batch = smallBatch(objects);
            const {stages} = await step(t, detector, batch, `${model.kind} ${sampler.kind}`);
            t.is(stages.rpn!.examples, 32);
            // Two images of at most 16; the subnets after the first take what it leaves.
            const subnets = model.kind === 'cascade-rcnn' ? 3 : 1;
            t.true(stages.roi!.examples <= 32 * subnets);
            t.is(stages.roi!.examples > 0, config === sampled);
            batch.images.dispose();
          }
        });
      }
    }
  }
});
