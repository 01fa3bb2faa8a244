// Which run trains, and which one only evaluates another's weights: from the configs and from what is on the disk.
import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {findRun, iterationsDone, type PlannedRun, planRuns} from '../../experiments/plan.js';
import {table3} from '../../experiments/table-3.js';
import {configHash} from '../../src/config/load.js';
import {type RunResult, writeResult} from '../../src/train/run-log.js';
import {temporaryFolder} from '../temporary-folder.js';

const pair = ['without-adaptive-threshold', 'sampling-free'];

async function plan(folder: string, wanted: readonly string[] | undefined, rows = table3.rows) {
  return planRuns({
    source: table3.config,
    preset: 'smoke',
    rows,
    wanted,
    rowValues: 'paper',
    seedsOf: () => [0],
    overrides: [],
    folder,
  });
}

const trainers = (runs: readonly PlannedRun[]) =>
  Object.fromEntries(runs.map(({row, trainedBy}) => [row.id, trainedBy?.row.id]));

/** The folder of a run that trained itself, as far as `status` says. */
async function record({runDir, config}: PlannedRun, status: RunResult['status'], trainedBy?: string) {
  await mkdir(runDir, {recursive: true});
  const now = new Date().toISOString();
  const result: RunResult = {
    ...{status, iterations: 3, plannedIterations: 8, startedAt: now, updatedAt: now, trainingSeconds: 1},
    ...{seed: 0, commit: 'abc', engine: 'wasm', configHash: configHash(config)},
    ...(trainedBy !== undefined && {trainedBy}),
  };
  await writeResult(runDir, result);
  if (trainedBy === undefined) await writeFile(join(runDir, 'metrics.jsonl'), '');
  return result;
}

async function only(t: ExecutionContext, folder: string, row: string): Promise<PlannedRun> {
  const run = (await plan(folder, [row])).find(planned => planned.row.id === row);
  t.truthy(run);
  return run!;
}

test('the first of two rows with the same training gives its weights to the other', async t => {
  const runs = await plan(await temporaryFolder(t), pair);
  t.deepEqual(trainers(runs), {
    'without-adaptive-threshold': undefined,
    'sampling-free': 'without-adaptive-threshold',
  });
});

test('the row that measures the imbalance trains, wherever it stands', async t => {
  const [focal] = table3.rows;
  const {dense} = focal!.stages;
  const adaptive = {...dense!, scoreThreshold: {kind: 'adaptive', classes: 'foreground'} as const};
  const rows = [
    {id: 'fixed', label: 'fixed', stages: {dense: dense!}},
    {id: 'adaptive', label: 'adaptive', stages: {dense: adaptive}},
  ];
  t.deepEqual(trainers(await plan(await temporaryFolder(t), undefined, rows)), {
    fixed: 'adaptive',
    adaptive: undefined,
  });
  const folder = await temporaryFolder(t);
  const [fixed] = await plan(folder, ['fixed'], rows);
  await record(fixed!, 'diverged');
  t.deepEqual(
    trainers(await plan(folder, undefined, rows)),
    {fixed: undefined, adaptive: undefined},
    'weights without N and N_f are of no use to an adaptive threshold',
  );
});

test('a run that has begun to train itself stays its own trainer, and gives its weights on', async t => {
  const folder = await temporaryFolder(t);
  const own = await only(t, folder, 'sampling-free');
  await record(own, 'interrupted');
  const runs = await plan(folder, pair);
  t.deepEqual(trainers(runs), {
    'without-adaptive-threshold': 'sampling-free',
    'sampling-free': undefined,
  });
  const found = await findRun(own);
  t.is(found.state, 'started');
  t.is(iterationsDone(found), 3);
});

test('two interrupted trainings of the same weights each go on by themselves', async t => {
  const folder = await temporaryFolder(t);
  for (const row of pair) await record(await only(t, folder, row), 'interrupted');
  t.deepEqual(trainers(await plan(folder, pair)), {
    'without-adaptive-threshold': undefined,
    'sampling-free': undefined,
  });
});

test('a run that ended before its first step is new, whatever its config and whoever else trains its weights', async t => {
  const folder = await temporaryFolder(t);
  const own = await only(t, folder, 'sampling-free');
  const before = await record(own, 'failed');
  await writeResult(own.runDir, {...before, iterations: 0});
  t.deepEqual(await findRun(own), {state: 'new', result: undefined, trainedItself: false});
  await writeResult(own.runDir, {...before, iterations: 0, configHash: 'of another'});
  t.is((await findRun(own)).state, 'new');
  t.deepEqual(trainers(await plan(folder, pair)), {
    'without-adaptive-threshold': undefined,
    'sampling-free': 'without-adaptive-threshold',
  });
  await writeResult(own.runDir, {...before, iterations: 1, configHash: 'of another'});
  t.is((await findRun(own)).state, 'other-config');
});

test('a run that an earlier version recorded, without keys that came later, is of the same config', async t => {
  const folder = await temporaryFolder(t);
  const own = await only(t, folder, 'sampling-free');
  const result = await record(own, 'diverged');
  await writeResult(own.runDir, {...result, configHash: 'of an earlier version'});
  t.is((await findRun(own)).state, 'other-config');
  const written = (text: string) => writeFile(join(own.runDir, 'config.yaml'), text);
  const earlier = own.configYaml.replace(/^weights: .*\n/m, '').replace(/^ +subBatches: .*\n/m, '');
  t.is(own.configYaml.split('\n').length - earlier.split('\n').length, 2);
  await written(earlier);
  t.is((await findRun(own)).state, 'diverged');
  await written(own.configYaml.replace(/^seed: \d+/m, 'seed: 7'));
  t.is((await findRun(own)).state, 'other-config');
  await written('seed: [');
  t.is((await findRun(own)).state, 'other-config');
});

test('rows that were not asked for are shown where they have ended', async t => {
  const folder = await temporaryFolder(t);
  await record(await only(t, folder, 'focal-loss'), 'diverged');
  await record(await only(t, folder, 'without-guided-scaling'), 'interrupted');
  const runs = await plan(folder, ['sampling-free']);
  t.deepEqual(
    runs.map(({row}) => row.id),
    ['focal-loss', 'sampling-free'],
  );
});
