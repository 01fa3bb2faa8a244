// sf eval on a run, through the built command: one smoke run of one iteration for all tests.
import {mkdtemp, readdir, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {readEvaluation} from '../../src/evaluate/evaluation-files.js';
import {type Ended, runSf} from './run-sf.js';

const folder = await mkdtemp(join(tmpdir(), 'sf-eval-run-'));
const run = join(folder, 'run');
const cache = join(process.cwd(), 'node_modules', '.cache', 'sf-test');
const sf = (...args: readonly string[]): Promise<Ended> =>
  runSf({cwd: folder, env: {...process.env, SF_CACHE: cache, SF_ENGINE: 'wasm'}}, ...args);

test.before(async t => {
  const once = ['--set', 'schedule.iterations=1', '--set', 'schedule.checkpointEvery=1'];
  const {code, stderr} = await sf('train', 'smoke/retinanet', ...once, '--out', run);
  t.is(code, 0, stderr);
});
test.after.always(() => rm(folder, {recursive: true}));

test.serial(
  'eval.json says which checkpoint, thresholds, engine, code and parameters made the figures',
  async t => {
    const out = join(folder, 'out');
    const {code, stdout, stderr} = await sf(
      ...[
        'eval',
        run,
        '--out',
        out,
        '--max-dets',
        '1,10,50',
        '--set',
        'model.stages.dense.scoreThreshold={kind: fixed, theta: 0.001}',
      ],
    );
    t.is(code, 0, stderr);
    t.regex(stdout, /^bbox, maxDets 1,10,50$/m);
    t.regex(stderr, /^warning: maxDets is 1, 10, 50/m);
    const figures = JSON.parse(await readFile(join(out, 'eval.json'), 'utf8'));
    t.like(figures, {
      checkpoint: {path: join(run, 'checkpoints', 'iteration-000001.safetensors'), iteration: 1},
      scoreThresholds: {dense: 0.001},
      engine: 'wasm',
    });
    t.regex(figures.commit, /^\S+$/);
    t.like(figures.parameters, {iouType: 'bbox', maxDetections: [1, 10, 50], images: null});
    t.is((await readEvaluation(out))?.images, figures.images);
    t.deepEqual((await readdir(out)).sort(), ['detections.json', 'eval.json']);
  },
);

test.serial('--analyze, --categories and --class-agnostic work on a run too', async t => {
  const analysis = join(folder, 'analysis');
  const {code, stdout, stderr} = await sf('eval', run, '--class-agnostic', '--analyze', analysis);
  t.is(code, 0, stderr);
  t.regex(stdout, /^any /m);
  t.true((await readdir(analysis)).includes('analysis.json'));
  const unknown = await sf('eval', run, '--categories', 'zeppelin');
  t.is(unknown.code, 2);
  t.regex(unknown.stderr, /there is no category zeppelin/);
});

test.serial('--metric voc gives the figures of PASCAL VOC', async t => {
  const {code, stdout, stderr} = await sf('eval', run, '--metric', 'voc', '--json', '-');
  t.is(code, 0, stderr);
  t.is(JSON.parse(stdout).metric, 'voc');
});

test.serial("--submit writes the zip of COCO's server with the run's detections", async t => {
  const unnamed = await sf('eval', run, '--submit', 'up');
  t.is(unnamed.code, 2);
  t.regex(unnamed.stderr, /^sf: --submit needs --submit-name/, 'before anything is loaded');
  const {code, stdout, stderr} = await sf('eval', run, '--submit', 'up', '--submit-name', 'smoke');
  t.is(code, 0, stderr);
  t.regex(stdout, /^up\/detections_test-dev2017_smoke_results\.zip: \d+ records on \d+ of \d+ images/);
  t.deepEqual(await readdir(join(folder, 'up')), ['detections_test-dev2017_smoke_results.zip']);
});
