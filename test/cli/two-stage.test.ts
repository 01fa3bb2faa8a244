// Detectors of two and more stages through the built command, at the smoke scale: training, Table 4 (Faster R-CNN), an ablation.
import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import test from 'ava';
import {temporaryFolder} from '../temporary-folder.js';
import {runSf} from './run-sf.js';

const cache = join(process.cwd(), 'node_modules', '.cache', 'sf-test');
const env = {...process.env, SF_CACHE: cache, SF_ENGINE: 'wasm'};
const once = ['--preset', 'smoke', '--set', 'schedule.iterations=2', '--set', 'schedule.checkpointEvery=2'];

const readJson = async (path: string) => JSON.parse(await readFile(path, 'utf8'));

const trains = test.macro({
  title: (_given, config: string) => `sf train ${config} --preset smoke`,
  async exec(t, config: string, evaluated: readonly string[]) {
    const out = join(await temporaryFolder(t), 'run');
    const {code, stdout, stderr} = await runSf({env}, 'train', config, ...once, '--out', out);
    t.is(code, 0, stderr);
    t.deepEqual(stdout.match(/^(bbox|segm)(?=,)/gm), [...evaluated]);
    const lines = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
    t.is(lines.length, 2);
    for (const line of lines) {
      const {stages} = JSON.parse(line);
      t.deepEqual(Object.keys(stages), ['rpn', 'roi']);
      t.true(Number.isFinite(stages.rpn.total) && Number.isFinite(stages.roi.total));
      t.is(stages.roi.mask === undefined, evaluated.length === 1);
    }
  },
});

test.serial(trains, 'mask_rcnn_R_50_FPN_1x_sampling-free', ['bbox', 'segm']);
test.serial(trains, 'cascade_rcnn_R_50_FPN_1x_sampling-free', ['bbox']);

test.serial(
  'sf reproduce table-4 trains the columns that are asked for, with the seeds of the table',
  async t => {
    const out = await temporaryFolder(t);
    const {code, stdout, stderr} = await runSf(
      {env},
      ...['reproduce', 'table-4', ...once, '--rows', 'hybrid', '--out', out],
    );
    t.is(code, 0, stderr);
    t.regex(stdout, /^Both in RPN and RoI\n {2}paper +36\.4 \(-0\.4\)/m);
    t.regex(stdout, /^measured: preset smoke, changed: schedule\.iterations=2; .*seed 0, engine wasm/m);
    const {rows} = await readJson(join(out, 'table.json'));
    t.deepEqual(
      rows.map(({id, cells}: {id: string; cells: {AP: {measured: {kind: string}}}}) => [
        id,
        cells.AP.measured.kind,
      ]),
      [['hybrid', 'measured']],
    );
    const config = await readFile(join(out, 'hybrid', 'seed-0', 'planned.yaml'), 'utf8');
    t.regex(config, /n: 128 # configs\/presets\/mini\/faster-rcnn\.yaml:\d+\n/);
    const plan = await runSf(
      {env},
      ...['reproduce', 'table-4', ...once, '--rows', 'biased-sampling', '--dry-run', '--out', out],
    );
    t.is(plan.code, 0, plan.stderr);
    // Three seeds of the first column, and what has ended of the others.
    t.deepEqual(plan.stdout.match(/^\S+(?=: )/gm), [
      'biased-sampling/seed-0',
      'hybrid/seed-0',
      'biased-sampling/seed-1',
      'biased-sampling/seed-2',
    ]);
    t.regex(plan.stdout, /^hybrid\/seed-0: 2 iterations of 4 images, done$/m);
  },
);

test('sf reproduce refuses values that the rows set, however they are written', async t => {
  const value = 'model={rpn: {normaliser: {box: foreground}}}';
  const {code, stderr} = await runSf({env}, 'reproduce', 'table-4', '--set', value, '--dry-run');
  t.is(code, 2);
  t.regex(stderr, /^sf: --set model=.*: the rows of table-4 set model\.rpn\.normaliser; .*\n$/);
});

test.serial('sf ablate varies both stages, and samplers keep the sizes of the preset', async t => {
  const out = await temporaryFolder(t);
  const {code, stdout, stderr} = await runSf(
    {env},
    ...['ablate', 'faster_rcnn_R_50_FPN_1x', ...once, '--out', out, '--dry-run'],
    ...['--vary', 'rpn.biasInit=zero,optimal', '--vary', 'roi.sampler=all,iou-balanced:16'],
  );
  t.is(code, 0, stderr);
  t.regex(stdout, /^4 runs, 8 iterations to do/m);
  t.regex(stdout, /^rpn\.biasInit=optimal_roi\.sampler=iou-balanced_16\/seed-0: 2 iterations of 4 images/m);
});
