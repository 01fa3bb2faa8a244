import {appendFile, mkdir, readdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test from 'ava';
import {RunError, UsageError} from '../../src/errors.js';
import {
  type Metrics,
  RunLog,
  type RunResult,
  readEvaluations,
  readMetrics,
  readResult,
  requireNoRun,
  writeResult,
} from '../../src/train/run-log.js';
import {temporaryFolder} from '../temporary-folder.js';

const description = {configYaml: 'seed: 3\n', environment: {node: 'v20.20.2'}};
const dense = {classification: 1, box: 0.5, total: 1.5, w: 1, examples: 100, foreground: 3};

function metrics(iteration: number, total = 1.5): Metrics {
  return {
    ...{iteration, lr: 0.01, total, gradNorm: 2, stages: {dense: {...dense, total}}},
    ...{imagesPerSecond: 4, seconds: 0.5, dataSeconds: 0.1},
  };
}

const result: RunResult = {
  status: 'running',
  iterations: 2,
  plannedIterations: 20,
  startedAt: '2020-04-01T10:00:00.000Z',
  updatedAt: '2020-04-01T10:00:05.000Z',
  trainingSeconds: 5,
  seed: 3,
  commit: 'v0.1.0',
  engine: 'cpu',
  configHash: 'abc',
};

test('iterations, evaluations and the result are read back, numbers that JSON lacks too', async t => {
  const folder = await temporaryFolder(t);
  const log = await RunLog.open(folder, description, undefined);
  log.iteration(metrics(1));
  log.iteration(metrics(2, Number.NaN));
  log.iteration(metrics(3, Number.POSITIVE_INFINITY));
  log.evaluation({iteration: 2, value: 0.25});
  const divergence = {iteration: 3, quantity: 'total', value: Number.NEGATIVE_INFINITY, imageIds: [5]};
  await log.result({...result, status: 'diverged', divergence});
  log.flush();
  log.close();
  t.deepEqual(await readMetrics(folder), [
    metrics(1),
    metrics(2, Number.NaN),
    metrics(3, Number.POSITIVE_INFINITY),
  ]);
  t.deepEqual(await readEvaluations(folder), [{iteration: 2, value: 0.25}]);
  t.deepEqual(await readResult(folder), {...result, status: 'diverged', divergence});
  t.is(await readFile(join(folder, 'config.yaml'), 'utf8'), 'seed: 3\n');
  t.deepEqual(JSON.parse(await readFile(join(folder, 'environment.json'), 'utf8')), {node: 'v20.20.2'});
});

test('continuing drops what is made again, and a half-written last line', async t => {
  const folder = await temporaryFolder(t);
  const first = await RunLog.open(folder, description, undefined);
  for (let i = 1; i <= 5; i++) first.iteration(metrics(i));
  first.evaluation({iteration: 2, value: 0.1});
  first.evaluation({iteration: 4, value: 0.2});
  first.close();
  await appendFile(join(folder, 'metrics.jsonl'), '{"iteration":6,"lr":0.0');
  t.is((await readMetrics(folder)).length, 5);

  const second = await RunLog.open(folder, description, 3);
  second.iteration(metrics(4, 9));
  second.close();
  t.deepEqual(
    (await readMetrics(folder)).map(({iteration, total}) => [iteration, total]),
    [
      [1, 1.5],
      [2, 1.5],
      [3, 1.5],
      [4, 9],
    ],
  );
  t.deepEqual(await readEvaluations(folder), [{iteration: 2, value: 0.1}]);
  t.false((await readdir(folder)).some(name => name.endsWith('.tmp')));
});

test('a new run does not overwrite another one', async t => {
  const folder = await temporaryFolder(t);
  const log = await RunLog.open(folder, description, undefined);
  await log.result(result);
  log.close();
  await t.throwsAsync(RunLog.open(folder, description, undefined), {
    instanceOf: UsageError,
    message: /holds a run already; continue it with --resume/,
  });
});

test('a run that ended before its first step is replaced; one that made anything is not', async t => {
  for (const status of ['failed', 'interrupted', 'running'] as const) {
    const folder = await temporaryFolder(t);
    const before: RunResult = {...result, status, iterations: 0};
    const log = await RunLog.open(folder, description, undefined);
    await log.result(before);
    log.close();
    t.deepEqual(await requireNoRun(folder), before);

    const next = await RunLog.open(folder, {...description, configYaml: 'seed: 4\n'}, undefined);
    next.close();
    t.is(await readFile(join(folder, 'config.yaml'), 'utf8'), 'seed: 4\n');

    // A step that was logged, though the process was killed before it was saved.
    await appendFile(join(folder, 'metrics.jsonl'), `${JSON.stringify(metrics(1))}\n`);
    await t.throwsAsync(requireNoRun(folder), {instanceOf: UsageError}, status);
    await writeFile(join(folder, 'metrics.jsonl'), '');
    t.deepEqual(await requireNoRun(folder), before);
    await mkdir(join(folder, 'checkpoints'));
    await writeFile(join(folder, 'checkpoints', 'best.safetensors'), '');
    await t.throwsAsync(requireNoRun(folder), {instanceOf: UsageError}, status);
  }
  // The figures of another run's weights: no step of its own.
  for (const status of ['finished', 'diverged'] as const) {
    const folder = await temporaryFolder(t);
    await writeResult(folder, {...result, status, iterations: 0});
    await t.throwsAsync(requireNoRun(folder), {instanceOf: UsageError}, status);
  }
});

test('an empty folder has no run, no iterations and no result', async t => {
  const folder = await temporaryFolder(t);
  t.is(await readResult(folder), undefined);
  t.deepEqual(await readMetrics(folder), []);
  t.deepEqual(await readEvaluations(join(folder, 'none')), []);
});

test('a damaged line and a damaged result name their file', async t => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'metrics.jsonl'), `${JSON.stringify(metrics(1))}\n{"iteration":"two"}\n`);
  await t.throwsAsync(readMetrics(folder), {
    instanceOf: RunError,
    message: /metrics\.jsonl, line 2, is not a record/,
  });
  await writeFile(join(folder, 'result.json'), '{"status":"fini');
  await t.throwsAsync(readResult(folder), {instanceOf: RunError, message: /result\.json is damaged/});
});

test('a folder that cannot be made is one line', async t => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'file'), '');
  await t.throwsAsync(RunLog.open(join(folder, 'file'), description, undefined), {instanceOf: RunError});
});
