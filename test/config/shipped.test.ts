import test from 'ava';
import {loadRunConfig} from '../../src/config/load.js';
import type {ModelConfig} from '../../src/config/run.js';
import {listShippedConfigs, presetNames} from '../../src/config/shipped.js';
import {PAPER_LEVELS} from '../fixtures/foveabox/golden.js';
import {asFoveaBox} from '../foveabox-config.js';
import {asRetinaNet} from '../retinanet-config.js';

const shipped = await listShippedConfigs();
const load = async (name: string) => (await loadRunConfig(name, {overrides: []})).config;

for (const {name, title} of shipped) {
  test(`configs/${name}.yaml is valid and says what it is`, async t => {
    const config = await load(name);
    t.regex(title, /^\S.{20,}\.$/);
    t.true(config.schedule.steps.every(step => step < config.schedule.iterations));
    t.true(config.schedule.warmup.iterations < config.schedule.iterations);
  });
}

const detectors = ['retinanet', 'foveabox', 'faster_rcnn', 'mask_rcnn', 'cascade_rcnn', 'yolov3'];
for (const detector of detectors) {
  const paper = detector === 'yolov3' ? 'yolov3_darknet53' : `${detector}_R_50_FPN_1x`;
  test(`every preset scales ${detector}, baseline and Sampling-Free, into a valid config`, async t => {
    for (const preset of await presetNames()) {
      for (const method of ['', '_sampling-free']) {
        const source = `${paper}${method}`;
        const {config} = await loadRunConfig(source, {overrides: [], preset});
        t.true(
          config.schedule.steps.every(step => step < config.schedule.iterations),
          preset,
        );
        if (preset !== 'mini') continue;
        t.deepEqual(
          await load(`mini/${detector}${method}`),
          config,
          `configs/mini has ${source} at that scale`,
        );
      }
    }
  });
}

test('the baseline is the published one: schedule, matcher, focal loss, threshold', async t => {
  const {schedule, input, ...run} = await load('retinanet_R_50_FPN_1x');
  const model = asRetinaNet(run.model);
  t.deepEqual([schedule.iterations, schedule.imagesPerBatch, schedule.baseLr], [90000, 16, 0.01]);
  t.deepEqual(schedule.steps, [60000, 80000]);
  t.is(schedule.warmup.factor, 1 / 3);
  t.deepEqual([model.matcher.foreground, model.matcher.background], [0.5, 0.4]);
  t.deepEqual(model.stages.dense.classificationLoss, {kind: 'focal', alpha: 0.25, gamma: 2});
  t.deepEqual(input.resize, {shortSide: 800, maxLongSide: 1333});
});

test('the baseline of FoveaBox is the published one: scales, sigma, focal loss, pyramid, schedule, clipping', async t => {
  const {schedule, ...run} = await load('foveabox_R_50_FPN_1x');
  const model = asFoveaBox(run.model);
  t.deepEqual(model.assignment, {levels: PAPER_LEVELS, sigma: 0.4});
  t.deepEqual(model.stages.dense.classificationLoss, {kind: 'focal', alpha: 0.4, gamma: 1.5});
  t.deepEqual(model.stages.dense.boxLoss, {kind: 'smooth-l1', beta: 0.11});
  t.deepEqual(model.normaliser, {classification: 'foreground+images', box: 'foreground'});
  t.like(model.fpn, {p6From: 'c5', p7From: 'p6', initial: 'xavier-uniform'});
  t.deepEqual([schedule.imagesPerBatch, schedule.baseLr, schedule.clipGradientNorm], [16, 0.01, 35]);
  // 12 epochs of 117,266 images with objects; the rate falls after the eighth and the eleventh.
  const epoch = Math.ceil(117_266 / 16);
  t.deepEqual([...schedule.steps, schedule.iterations], [8 * epoch, 11 * epoch, 12 * epoch]);
});

test("YOLOv3 is darknet's: layers, anchors, thresholds, losses, solver, input", async t => {
  const {schedule, input, model} = await load('yolov3_darknet53');
  if (model.kind !== 'yolov3') return t.fail(`${model.kind} is no YOLOv3`);
  t.like(model.backbone, {blocks: [1, 2, 8, 8, 4], width: 1});
  // The line `anchors = ` of its [yolo] sections, whose masks begin with the coarsest level.
  t.deepEqual(
    model.anchors.flat(2),
    [10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119, 116, 90, 156, 198, 373, 326],
  );
  t.deepEqual(model.assignment, {ignoreThreshold: 0.7, truthThreshold: 1});
  t.deepEqual(model.objectness, {threshold: 0.005});
  t.deepEqual(model.normaliser, {classification: 'images', box: 'images'});
  t.like(model.inference, {nmsThreshold: 0.45, maxDetections: 100});
  t.like(model.stages.dense, {
    boxLoss: {kind: 'darknet', entropy: 'included'},
    scoreThreshold: {kind: 'fixed', theta: 0.005},
  });
  t.like(schedule, {
    ...{iterations: 500_200, imagesPerBatch: 64, subBatches: 16},
    ...{baseLr: 0.001, steps: [400_000, 450_000], gamma: 0.1},
    ...{warmup: {iterations: 1000, factor: 0, power: 4}, clipGradientNorm: null},
    ...{momentum: 0.9, weightDecay: 0.0005, biasLrFactor: 1, biasWeightDecay: 0, normWeightDecay: 0},
  });
  t.like(input, {resize: null, channelOrder: 'rgb', mean: [0, 0, 0], std: [255, 255, 255], flip: 0.5});
  t.deepEqual(input.letterbox, {
    side: {training: Array.from({length: 10}, (_, i) => 320 + 32 * i), evaluation: 608},
    ...{redrawEvery: 10, largestForLast: 200},
    augmentation: {jitter: 0.3, hue: 0.1, saturation: 1.5, exposure: 1.5, minSide: 0.001, maxObjects: 90},
  });
});

test('Cascade R-CNN is trained at six sizes, as detectron2 does, until a child gives it one', async t => {
  const evaluation = 800;
  const several = {training: [640, 672, 704, 736, 768, 800], evaluation};
  for (const name of ['cascade_rcnn_R_50_FPN_1x', 'cascade_rcnn_R_101_FPN_1x_sampling-free']) {
    t.deepEqual((await load(name)).input.resize, {shortSide: several, maxLongSide: 1333});
  }
  const one = await loadRunConfig('cascade_rcnn_R_50_FPN_1x', {overrides: ['input.resize.shortSide=600']});
  t.deepEqual(one.config.input.resize, {shortSide: 600, maxLongSide: 1333});
});

/**
 * What a Sampling-Free config may change: the stages; in two-stage detectors what their losses are divided by (a mean over
 * all proposals would leave next to nothing of the box loss); in YOLOv3 objectness, and what the classification loss is
 * divided by, which cancels.
 */
function withoutStages(model: ModelConfig): unknown {
  switch (model.kind) {
    case 'retinanet':
    case 'foveabox':
      return {...model, stages: null};
    case 'faster-rcnn':
    case 'mask-rcnn':
    case 'cascade-rcnn': {
      const {rpn, roi} = model;
      return {...model, rpn: {...rpn, normaliser: null}, roi: {...roi, normaliser: null}, stages: null};
    }
    case 'yolov3': {
      const normaliser = {...model.normaliser, classification: null};
      return {...model, normaliser, objectness: null, stages: null};
    }
  }
}

test('each Sampling-Free config differs from its baseline in the stages alone', async t => {
  const names = shipped.map(({name}) => name);
  const pairs = names.filter(name => name.endsWith('_sampling-free'));
  t.true(pairs.length >= 5);
  for (const name of pairs) {
    const baseline = await load(name.replace('_sampling-free', ''));
    const own = await load(name);
    t.notDeepEqual(own.model.stages, baseline.model.stages, name);
    t.deepEqual(
      {...own, model: withoutStages(own.model)},
      {...baseline, model: withoutStages(baseline.model)},
      name,
    );
  }
});
