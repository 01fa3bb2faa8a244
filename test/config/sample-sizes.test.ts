// The n of sampled mini-batches is scale: files and presets set it for whatever sampler a stage has.
import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {configHash, type LoadOptions, loadRunConfig} from '../../src/config/load.js';
import type {AnyStageConfig} from '../../src/config/yolov3.js';
import {UsageError} from '../../src/errors.js';
import {temporaryFolder} from '../temporary-folder.js';

const FASTER = 'faster_rcnn_R_50_FPN_1x';

async function load(source: string, options: Partial<LoadOptions> = {}) {
  const loaded = await loadRunConfig(source, {overrides: [], ...options});
  const stages: Readonly<Record<string, AnyStageConfig>> = loaded.config.model.stages;
  return {...loaded, rpn: stages.rpn!.sampler, roi: stages.roi!.sampler};
}

/** A config over `source` with the given text, as a file. */
async function child(t: ExecutionContext, source: readonly string[], text: string): Promise<string> {
  const folder = await temporaryFolder(t);
  const parents = source.map(name => join(process.cwd(), 'configs', `${name}.yaml`));
  const path = join(folder, 'child.yaml');
  await writeFile(path, `extends: ${JSON.stringify(parents)}\n${text}`);
  return path;
}

test('a preset sets the n of the samplers, keeps the rest of the stages, and is named beside it', async t => {
  const paper = await load(FASTER);
  const mini = await load(FASTER, {preset: 'mini'});
  t.deepEqual(paper.rpn, {kind: 'minibatch-biased', n: 256, fraction: 0.5});
  t.deepEqual(paper.roi, {kind: 'minibatch-biased', n: 512, fraction: 0.25});
  // A quarter of the paper's, as of its proposals.
  t.deepEqual(mini.rpn, {kind: 'minibatch-biased', n: 64, fraction: 0.5});
  t.deepEqual(mini.roi, {kind: 'minibatch-biased', n: 128, fraction: 0.25});
  t.deepEqual(mini.sampleSizes, {rpn: 64, roi: 128});
  t.regex(
    mini.provenance.get('model.stages.roi.sampler.n') ?? '',
    /^configs\/presets\/mini\/faster-rcnn\.yaml:\d+$/,
  );
  t.regex(
    mini.provenance.get('model.stages.roi.sampler.fraction') ?? '',
    /^configs\/faster_rcnn_R_50_FPN_1x\.yaml:\d+$/,
  );
  t.false([...mini.provenance.keys()].some(key => key.startsWith('sampleSizes')));
  t.deepEqual((await load('mini/faster_rcnn')).config, mini.config);
});

test('a sampler of any kind is scaled, and one without n is left alone', async t => {
  const other = await child(
    t,
    [FASTER],
    'model: {stages: {roi: {sampler: {kind: ohem, n: 512, fraction: 0.25}}}}',
  );
  t.deepEqual((await load(other, {preset: 'mini'})).roi, {kind: 'ohem', n: 128, fraction: 0.25});
  const free = await load(`${FASTER}_sampling-free`, {preset: 'mini'});
  t.deepEqual([free.rpn, free.roi], [{kind: 'all'}, {kind: 'all'}]);
});

test('what a flag or a file above the preset says of a sampler stands', async t => {
  const flag = await load(FASTER, {preset: 'mini', overrides: ['model.stages.rpn.sampler.n=32']});
  t.deepEqual(flag.rpn, {kind: 'minibatch-biased', n: 32, fraction: 0.5});
  t.deepEqual(flag.roi, {kind: 'minibatch-biased', n: 128, fraction: 0.25});
  const file = await child(
    t,
    [FASTER, 'presets/mini/faster-rcnn'],
    'model: {stages: {roi: {sampler: {kind: ohem, n: 40, fraction: 0.25}}}}',
  );
  const {rpn, roi} = await load(file);
  t.deepEqual(roi, {kind: 'ohem', n: 40, fraction: 0.25});
  t.deepEqual(rpn, {kind: 'minibatch-biased', n: 64, fraction: 0.5});
});

test('--set sampleSizes is a size like that of a preset, in the order of the flags', async t => {
  const sized = await load(FASTER, {preset: 'mini', overrides: ['sampleSizes.rpn=48']});
  t.deepEqual(
    [sized.rpn, sized.roi],
    [
      {kind: 'minibatch-biased', n: 48, fraction: 0.5},
      {kind: 'minibatch-biased', n: 128, fraction: 0.25},
    ],
  );
  t.is(sized.provenance.get('model.stages.rpn.sampler.n'), '--set sampleSizes.rpn=48');
  const then = await load(FASTER, {
    overrides: ['model.stages.rpn.sampler.n=7', 'model.stages.roi.sampler.n=9', 'sampleSizes={rpn: 8}'],
  });
  t.deepEqual(
    [then.rpn, then.roi],
    [
      {kind: 'minibatch-biased', n: 8, fraction: 0.5},
      {kind: 'minibatch-biased', n: 9, fraction: 0.25},
    ],
  );
});

test('the stages of a row are scaled as those of a file, and --set comes after', async t => {
  const {config} = await load(FASTER);
  const stages: Readonly<Record<string, AnyStageConfig>> = config.model.stages;
  const value = {...stages.roi, sampler: {kind: 'iou-balanced', n: 512, fraction: 0.25}};
  const row = [{flag: 'row libra', key: 'model.stages.roi', value}];
  const scaled = await load(FASTER, {preset: 'mini', row});
  t.deepEqual(scaled.roi, {
    kind: 'iou-balanced',
    n: 128,
    fraction: 0.25,
    bins: 3,
    floor: null,
    quirks: 'none',
  });
  t.is(scaled.provenance.get('model.stages.roi.sampler.kind'), 'row libra');
  const own = await load(FASTER, {preset: 'mini', row, overrides: ['model.stages.roi.sampler.n=20']});
  t.is(own.roi.kind === 'iou-balanced' && own.roi.n, 20);
});

test('a run has its n and not the key: its hash is that of a config with n written out', async t => {
  const scaled = await load(FASTER, {overrides: ['sampleSizes={rpn: 64, roi: 128}']});
  const written = await load(FASTER, {
    overrides: ['model.stages.rpn.sampler.n=64', 'model.stages.roi.sampler.n=128'],
  });
  t.false('sampleSizes' in scaled.config);
  t.is(configHash(scaled.config), configHash(written.config));
});

const refused: readonly (readonly [override: string, message: string])[] = [
  [
    'sampleSizes.rpm=64',
    'unknown key sampleSizes.rpm in --set sampleSizes.rpm=64: faster-rcnn has no such stage; did you mean rpn?',
  ],
  [
    'sampleSizes.dense=64',
    'unknown key sampleSizes.dense in --set sampleSizes.dense=64: faster-rcnn has no such stage; valid: rpn, roi',
  ],
  ['sampleSizes.rpn=0', 'sampleSizes.rpn is 0 in --set sampleSizes.rpn=0; expected more than 0 (and 1 more)'],
  ['sampleSizes=64', 'sampleSizes is 64 in --set sampleSizes=64; expected a map'],
  ['samplesizes.rpn=64', 'unknown key samplesizes in --set samplesizes.rpn=64; did you mean sampleSizes?'],
];
for (const [override, message] of refused) {
  test(`--set ${override} is refused in one line`, async t => {
    await t.throwsAsync(load(FASTER, {overrides: [override]}), {instanceOf: UsageError, message});
  });
}
