import test from 'ava';
import fc from 'fast-check';
import {Random} from '../../src/random/random.js';
import {type SamplingContext, sample} from '../../src/samplers/sampler.js';
import {samplingContext} from './context.js';
import {iouBalancedRule, ohemRule, type Scene} from './reference-rules.js';
import {iouBalancedConfigs, ohemConfigs, samplers, scenes} from './scenes.js';

const RUNS = {numRuns: 1000};

function contextOf({matches, overlaps, losses, image, backgroundIou}: Scene, seed: number): SamplingContext {
  return samplingContext({
    ...{seed, image, backgroundIou, matches},
    overlaps: () => overlaps,
    losses: () => losses,
  });
}

const drawn = (weights: Float32Array): number[] => [...weights.keys()].filter(i => weights[i] !== 0);
const rising = (positions: readonly number[]): number[] => [...positions].sort((a, b) => a - b);

test('OHEM takes what the rule takes', t => {
  fc.assert(
    fc.property(scenes, ohemConfigs, (scene, config) => {
      const weights = sample(config, scene.labels, contextOf(scene, 1));
      t.deepEqual(drawn(weights), rising(ohemRule(scene, config.n, config.fraction)));
    }),
    RUNS,
  );
});

test('IoU-balanced sampling draws what the rule draws, with and without the quirks of the reference', t => {
  fc.assert(
    fc.property(scenes, iouBalancedConfigs, fc.nat(), (scene, config, seed) => {
      const weights = sample(config, scene.labels, contextOf(scene, seed));
      t.deepEqual(drawn(weights), rising(iouBalancedRule(scene, config, new Random(seed, 'test'))));
    }),
    RUNS,
  );
});

test('every sampler that chooses: weights 0 or 1, none ignored, n at most and n where there are enough', t => {
  fc.assert(
    fc.property(scenes, samplers, fc.nat(), (scene, config, seed) => {
      if (config.kind === 'all') return;
      const {labels} = scene;
      const before = labels.slice();
      const weights = sample(config, labels, contextOf(scene, seed));
      t.is(weights.length, labels.length);
      t.true(weights.every((weight, i) => weight === 0 || (weight === 1 && labels[i]! >= 0)));
      const foreground = drawn(weights).filter(i => labels[i]! > 0).length;
      const background = drawn(weights).filter(i => labels[i] === 0).length;
      const most = Math.floor(config.n * config.fraction);
      t.true(foreground <= most);
      t.is(background, Math.min(labels.filter(label => label === 0).length, config.n - foreground));
      // The reference may draw a foreground example twice and then has one less.
      const exact = config.kind !== 'iou-balanced' || config.quirks === 'none';
      if (exact) t.is(foreground, Math.min(labels.filter(label => label > 0).length, most));
      t.deepEqual(labels, before);
      t.deepEqual(sample(config, labels, contextOf(scene, seed)), weights);
    }),
    RUNS,
  );
});
