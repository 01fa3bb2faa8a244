import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {dumpConfig} from '../../src/config/dump.js';
import {configHash, loadRunConfig} from '../../src/config/load.js';
import {UsageError} from '../../src/errors.js';
import {asRetinaNet} from '../retinanet-config.js';

/** A folder with these files, gone when the test ends. */
async function folder(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'sf-config-'));
  t.teardown(() => rm(root, {recursive: true}));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), {recursive: true});
    await writeFile(join(root, name), text);
  }
  return root;
}

const stage = `
model:
  stages:
    dense:
      classificationLoss: {kind: cross-entropy}
      lossScaling: {kind: guided, gain: 1}
`;

test('a shipped config loads by name, by path and with its suffix', async t => {
  const [byName, withSuffix, withFolder] = await Promise.all(
    ['mini/retinanet', 'mini/retinanet.yaml', 'configs/mini/retinanet.yaml'].map(source =>
      loadRunConfig(source, {overrides: []}),
    ),
  );
  t.deepEqual(byName, withSuffix);
  t.deepEqual(byName, withFolder);
});

test('a child holds only its differences, and each value knows its file and line', async t => {
  const parent = await loadRunConfig('retinanet_R_50_FPN_1x', {overrides: []});
  const {config, provenance} = await loadRunConfig('retinanet_R_50_FPN_1x_sampling-free', {overrides: []});
  t.deepEqual(asRetinaNet(config.model).stages.dense, {
    sampler: {kind: 'all'},
    classificationLoss: {kind: 'cross-entropy'},
    boxLoss: {kind: 'smooth-l1', beta: 0.11},
    lossScaling: {kind: 'guided', gain: 1},
    biasInit: {kind: 'optimal'},
    scoreThreshold: {kind: 'adaptive', classes: 'foreground'},
  });
  t.deepEqual({...config.model, stages: parent.config.model.stages}, parent.config.model);
  t.regex(provenance.get('schedule.baseLr') ?? '', /^configs\/retinanet_R_50_FPN_1x\.yaml:\d+$/);
  t.regex(
    provenance.get('model.stages.dense.lossScaling.gain') ?? '',
    /^configs\/retinanet_R_50_FPN_1x_sampling-free\.yaml:\d+$/,
  );
  t.is(provenance.get('model.stages.dense.scoreThreshold.classes'), 'default');
});

test('extends follows relative paths through folders, later files of a list win', async t => {
  const base = await loadRunConfig('mini/retinanet', {overrides: []});
  const root = await folder(t, {
    'base.yaml': dumpConfig(base.config, base.provenance),
    'a.yaml': 'schedule: {baseLr: 0.1, iterations: 7}',
    'b.yaml': 'schedule: {baseLr: 0.2}',
    'deep/child.yaml': 'extends: [../base.yaml, ../a.yaml, ../b.yaml]\nseed: 5\n',
  });
  const {config, provenance} = await loadRunConfig(join(root, 'deep/child.yaml'), {overrides: []});
  t.is(config.schedule.baseLr, 0.2);
  t.is(config.schedule.iterations, 7);
  t.is(config.seed, 5);
  t.is(provenance.get('schedule.baseLr'), `${join(root, 'b.yaml')}:1`);
  t.is(provenance.get('seed'), `${join(root, 'deep/child.yaml')}:2`);
});

test('a file that extends itself, or one that is missing, is named with the line that leads there', async t => {
  const root = await folder(t, {
    'a.yaml': 'extends: b.yaml\n',
    'b.yaml': 'seed: 1\nextends: a.yaml\n',
    'c.yaml': 'seed: 1\nextends: nowhere.yaml\n',
    'd.yaml': 'extends: {file: a.yaml}\n',
  });
  const load = (name: string) => loadRunConfig(join(root, name), {overrides: []});
  await t.throwsAsync(load('a.yaml'), {
    instanceOf: UsageError,
    message: `${root}/a.yaml extends itself (extends, ${root}/b.yaml:2)`,
  });
  await t.throwsAsync(load('c.yaml'), {
    instanceOf: UsageError,
    message: `there is no file ${root}/nowhere.yaml (extends, ${root}/c.yaml:2)`,
  });
  await t.throwsAsync(load('d.yaml'), {message: /extends takes the path of a file or a list of paths/});
});

test('--set takes scalars, flow maps and list positions, in order', async t => {
  const {config, provenance} = await loadRunConfig('mini/retinanet', {
    overrides: [
      'schedule.baseLr=0.5',
      'schedule.baseLr=1e-3',
      'model.stages.dense.lossScaling={kind: guided, gain: 1}',
      'schedule.steps=[10, 20]',
      'schedule.steps.1=30',
      'input.resize={shortSide: 96, maxLongSide: 128}',
    ],
  });
  t.is(config.schedule.baseLr, 0.001);
  t.deepEqual(asRetinaNet(config.model).stages.dense.lossScaling, {kind: 'guided', gain: 1});
  t.deepEqual(config.schedule.steps, [10, 30]);
  t.deepEqual(config.input.resize, {shortSide: 96, maxLongSide: 128});
  t.is(provenance.get('schedule.baseLr'), '--set schedule.baseLr=1e-3');
  t.is(provenance.get('schedule.steps'), '--set schedule.steps=[10, 20], --set schedule.steps.1=30');
});

test('values of flags replace what files and --set say, whole', async t => {
  const value = {kind: 'voc', root: 'mine', split: 'train', difficult: 'drop'};
  const {config, provenance} = await loadRunConfig('bccd/retinanet', {
    overrides: ['seed=1'],
    explicit: [
      {flag: '--seed', key: 'seed', value: 2},
      {flag: '--data voc:mine', key: 'data.train', value},
    ],
  });
  t.is(config.seed, 2);
  t.deepEqual(config.data.train, {kind: 'voc', root: 'mine', split: 'train', difficult: 'drop'}); // without bccd's classes
  t.is(provenance.get('seed'), '--seed');
  t.is(provenance.get('data.train.root'), '--data voc:mine');
});

test('a preset scales a config and leaves its stages alone; paper changes nothing', async t => {
  const source = 'retinanet_R_50_FPN_1x_sampling-free';
  const paper = await loadRunConfig(source, {overrides: []});
  const mini = await loadRunConfig(source, {overrides: [], preset: 'mini'});
  t.deepEqual(mini.config, (await loadRunConfig('mini/retinanet_sampling-free', {overrides: []})).config);
  t.deepEqual(mini.config.model.stages, paper.config.model.stages);
  t.is(mini.config.data.train.kind, 'shapes');
  t.deepEqual(await loadRunConfig(source, {overrides: [], preset: 'paper'}), paper);
  await t.throwsAsync(loadRunConfig(source, {overrides: [], preset: 'minni'}), {
    instanceOf: UsageError,
    message: 'there is no preset minni; did you mean mini?',
  });
});

const where = (override: string) => `--set ${override}`;
const wrong: readonly (readonly [override: string, message: (flag: string) => string])[] = [
  ['schedule.basLr=1', flag => `unknown key schedule.basLr in ${flag}; did you mean baseLr?`],
  ['baseLr=1', flag => `unknown key baseLr in ${flag}; did you mean schedule.baseLr?`],
  [
    'foo=1',
    flag => `unknown key foo in ${flag}; valid: sampleSizes, seed, weights, model, data, input, schedule`,
  ],
  ['model.stages.rpn=1', flag => `unknown key model.stages.rpn in ${flag}; valid: dense`],
  ['seed=x', flag => `seed is "x" in ${flag}; expected a number`],
  ['seed=1.5', flag => `seed is 1.5 in ${flag}; expected a whole number`],
  ['schedule.gamma=0', flag => `schedule.gamma is 0 in ${flag}; expected more than 0`],
  ['schedule.momentum=1', flag => `schedule.momentum is 1 in ${flag}; expected less than 1`],
  ['schedule.baseLr=.inf', flag => `schedule.baseLr is Infinity in ${flag}; expected a number`],
  ['input.mean=[1, 2]', flag => `input.mean is [1,2] in ${flag}; expected a list of at least 3`],
  [
    'model.backbone.depth=51',
    flag => `model.backbone.depth is 51 in ${flag}; expected one of 10, 18, 34, 50, 101`,
  ],
  [
    'model.stages.dense.sampler={kind: al}',
    flag =>
      `model.stages.dense.sampler.kind is "al" in ${flag}; expected one of all, minibatch-biased, ohem, iou-balanced; did you mean all?`,
  ],
  [
    'model.stages.dense.lossScaling={kind: guided, gian: 2}',
    flag => `unknown key model.stages.dense.lossScaling.gian in ${flag}; did you mean gain? (and 1 more)`,
  ],
  ['data.val={kind: coco, images: x}', flag => `missing key data.val.annotations in ${flag}: expected text`],
  [
    'input.resize={shortSide: wide, maxLongSide: 9}',
    flag => `input.resize.shortSide is "wide" in ${flag}; expected a number or a map`,
  ],
  [
    'input.resize={shortSide: [640, 800], maxLongSide: 9}',
    flag => `input.resize.shortSide is [640,800] in ${flag}; expected a number or a map`,
  ],
  [
    'input.resize={shortSide: {training: [640]}, maxLongSide: 9}',
    flag => `missing key input.resize.shortSide.evaluation in ${flag}: expected a number`,
  ],
  [
    'input.resize={shortSide: {training: [a], evaluation: 9}, maxLongSide: 9}',
    flag => `input.resize.shortSide.training.0 is "a" in ${flag}; expected a number`,
  ],
  [
    'input.resize={shortSide: {training: [], evaluation: 9}, maxLongSide: 9}',
    flag => `input.resize.shortSide.training is [] in ${flag}; expected a list of at least 1`,
  ],
  [
    'input.resize={shortSide: {training: [9], evaluaton: 9}, maxLongSide: 9}',
    flag => `unknown key input.resize.shortSide.evaluaton in ${flag}; did you mean evaluation? (and 1 more)`,
  ],
  [
    'input={resize: {shortSide: 9, maxLongSide: 9}, letterbox: {side: {training: [320], evaluation: 320}, redrawEvery: 1, largestForLast: 0, augmentation: null}}',
    flag =>
      `input.letterbox is {"side":{"training":[320],"evaluation":320},"redrawEvery"... in ${flag}; ` +
      'expected null where input.resize is not: images are resized in one way',
  ],
  [
    'input.letterbox={side: {training: [330], evaluation: 320}, redrawEvery: 1, largestForLast: 0, augmentation: null}',
    flag => `input.letterbox.side.training.0 is 330 in ${flag}; expected a multiple of 32`,
  ],
  [
    'schedule={imagesPerBatch: 8, subBatches: 3}',
    flag => `schedule.subBatches is 3 in ${flag}; expected a divisor of schedule.imagesPerBatch`,
  ],
  ['seed', flag => `${flag}: expected KEY=VALUE, such as schedule.baseLr=0.02`],
  ['.seed=1', flag => `${flag}: expected KEY=VALUE, such as schedule.baseLr=0.02`],
  ['seed=', flag => `${flag}: there is no value after the = (null switches a part off)`],
  ['__proto__.x=1', flag => `${flag}: __proto__ is no key of a config`],
];

test('a kind that a stage cannot have is named before the keys that come with it', async t => {
  const override = 'model.stages.roi.classificationLoss={kind: focal, alpha: 0.25, gamma: 2}';
  await t.throwsAsync(loadRunConfig('faster_rcnn_R_50_FPN_1x', {overrides: [override]}), {
    instanceOf: UsageError,
    message: `model.stages.roi.classificationLoss.kind is "focal" in --set ${override}; expected cross-entropy (and 1 more)`,
  });
});

for (const [override, message] of wrong) {
  test(`refused in one line: --set ${override}`, async t => {
    await t.throwsAsync(loadRunConfig('mini/retinanet', {overrides: [override]}), {
      instanceOf: UsageError,
      message: message(where(override)),
    });
  });
}

const wrongForPoints: readonly (readonly [override: string, message: string])[] = [
  [
    'model.stages.dense.sampler={kind: iou-balanced, n: 64, fraction: 0.5}',
    'model.stages.dense.sampler.kind is "iou-balanced" in ORIGIN; expected one of all, minibatch-biased, ohem',
  ],
  [
    'model.assignment.levels.1.scales=[128, 32]',
    'model.assignment.levels.1.scales is [128,32] in ORIGIN; expected the smaller scale first',
  ],
  [
    'model.assignment.levels=[{baseEdge: 16, scales: [1, 64]}]',
    'model.assignment.levels is [{"baseEdge":16,"scales":[1,64]}] in ORIGIN; expected a list of 5',
  ],
  ['model.assignment.sigma=1.5', 'model.assignment.sigma is 1.5 in ORIGIN; expected at most 1'],
];

for (const [override, message] of wrongForPoints) {
  test(`refused in one line for FoveaBox: --set ${override}`, async t => {
    await t.throwsAsync(loadRunConfig('mini/foveabox', {overrides: [override]}), {
      instanceOf: UsageError,
      message: message.replace('ORIGIN', where(override)),
    });
  });
}

test('a mistake in a file is named with its line, a mistyped key before the one it leaves missing', async t => {
  const {config, provenance} = await loadRunConfig('mini/retinanet', {overrides: []});
  const text = dumpConfig(config, provenance).replace('baseLr:', 'basLr:');
  const line = text.split('\n').findIndex(each => each.includes('basLr')) + 1;
  const root = await folder(t, {'x.yaml': text, 'list.yaml': '[1, 2]', 'stage.yaml': stage});
  await t.throwsAsync(loadRunConfig(join(root, 'x.yaml'), {overrides: []}), {
    message: `unknown key schedule.basLr in ${root}/x.yaml:${line}; did you mean baseLr? (and 1 more)`,
  });
  await t.throwsAsync(loadRunConfig(join(root, 'list.yaml'), {overrides: []}), {
    message: /a config is a map of keys/,
  });
  await t.throwsAsync(loadRunConfig(join(root, 'stage.yaml'), {overrides: []}), {
    message: /^missing key seed in/,
  });
  await t.throwsAsync(loadRunConfig(root, {overrides: []}), {message: /^there is no config /});
  await t.throwsAsync(loadRunConfig('mini/retnanet', {overrides: []}), {
    message: /did you mean mini\/retinanet\?$/,
  });
});

test('a dumped config has an origin beside every leaf and loads again to the same values', async t => {
  const {config, provenance} = await loadRunConfig('retinanet_R_50_FPN_1x_sampling-free', {
    overrides: ['model.stages.dense.lossScaling={kind: guided, gain: 1}'],
    explicit: [{flag: '--seed', key: 'seed', value: 3}],
  });
  const text = dumpConfig(config, provenance);
  const values = text.split('\n').filter(line => /^\s*[\w]+: \S/.test(line));
  t.true(values.length > 30);
  for (const line of values) t.regex(line, / # (configs\/|--set|--seed|default)/);
  t.true(text.includes('seed: 3 # --seed\n'));
  t.true(text.includes('lossScaling: {kind: guided, gain: 1} # --set model.stages'));
  t.regex(text, /sampler: \{kind: all\} # configs\/retinanet_R_50_FPN_1x\.yaml:\d+\n/);
  const root = await folder(t, {'config.yaml': text, 'config.json': JSON.stringify(config)});
  for (const name of ['config.yaml', 'config.json']) {
    t.deepEqual((await loadRunConfig(join(root, name), {overrides: []})).config, config);
  }
});

test('the hash tells configs apart by their values, not by the order of their keys', async t => {
  const {config} = await loadRunConfig('mini/retinanet', {overrides: []});
  const reversed = Object.fromEntries(Object.entries(config).toReversed()) as typeof config;
  t.regex(configHash(config), /^[0-9a-f]{64}$/);
  t.is(configHash(reversed), configHash(config));
  t.not(configHash({...config, seed: config.seed + 1}), configHash(config));
});
