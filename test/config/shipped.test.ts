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

const detectors = ['retinanet', 'foveabox', 'faster_rcnn', 'mask_rcnn', 'cascade_rcnn'];
for (const detector of detectors) {
  test(`every preset scales ${detector}, baseline and Sampling-Free, into a valid config`, async t => {
    for (const preset of await presetNames()) {
      for (const method of ['', '_sampling-free']) {
        const source = `${detector}_R_50_FPN_1x${method}`;
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
 * What a Sampling-Free config may change: the stages and, in two-stage detectors, what their losses are divided by (a mean
 * over all proposals would leave next to nothing of the box loss).
 */
function withoutStages(model: ModelConfig): unknown {
  if (model.kind === 'retinanet' || model.kind === 'foveabox') return {...model, stages: null};
  const {rpn, roi} = model;
  return {...model, rpn: {...rpn, normaliser: null}, roi: {...roi, normaliser: null}, stages: null};
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
