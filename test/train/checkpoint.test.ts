import {execFileSync, spawnSync} from 'node:child_process';
import {mkdir, readdir, readFile, truncate, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {configHash} from '../../src/config/load.js';
import type {RunConfig} from '../../src/config/run.js';
import {RunError, UsageError} from '../../src/errors.js';
import {Parameters} from '../../src/layers/parameters.js';
import {
  bestCheckpointPath,
  checkpointPath,
  loadLatest,
  loadParameters,
  pruneCheckpoints,
  requireSameConfig,
  restoreCheckpoint,
  saveCheckpoint,
} from '../../src/train/checkpoint.js';
import {type CheckpointState, readCheckpoint} from '../../src/train/checkpoint-file.js';
import {Sgd} from '../../src/train/sgd.js';
import {writeSafetensors} from '../../src/weights/safetensors.js';
import {temporaryFolder} from '../temporary-folder.js';
import {runConfig} from './run-config.js';
import {trainInChild} from './training-process.js';

test.before(async () => {
  await tf.setBackend('cpu');
});

function stateAt(iteration: number, config: RunConfig = runConfig()): CheckpointState {
  return {
    ...{iteration, seed: config.seed, config, configHash: configHash(config)},
    ...{classNames: ['cat', 'dog'], categoryIds: [3, 8], imbalance: {dense: {examples: 1000, foreground: 7}}},
    ...{trainingSeconds: 12.5, startedAt: '2020-04-01T10:00:00.000Z'},
  };
}

/** A weight of `rows` x 2 that holds `value`, and a frozen bias. */
function model(value: number, rows = 1): {parameters: Parameters; optimizer: Sgd} {
  const parameters = new Parameters();
  parameters.create('head.weight', 'weight', tf.fill([rows, 2], value));
  parameters.create('stem.bias', 'bias', tf.tensor1d([value + 0.5]), false);
  const optimizer = new Sgd(parameters, runConfig().schedule);
  optimizer.restore(new Map([['head.weight', new Float32Array(rows * 2).fill(value / 4)]]));
  return {parameters, optimizer};
}

const valuesOf = (tensor: tf.Tensor): number[] => [...tensor.dataSync()];

test.serial('a checkpoint restores parameters, velocities and state', async t => {
  const runDir = await temporaryFolder(t);
  const saved = model(3);
  await saveCheckpoint(checkpointPath(runDir, 400), stateAt(400), saved.parameters, saved.optimizer);
  t.deepEqual(await readdir(join(runDir, 'checkpoints')), ['iteration-000400.safetensors']);

  const {parameters, optimizer} = model(0);
  const before = tf.memory().numTensors;
  const checkpoint = (await loadLatest(runDir, t.fail))!;
  restoreCheckpoint(checkpoint, parameters, optimizer);
  t.is(tf.memory().numTensors, before);
  t.deepEqual(checkpoint.state, stateAt(400));
  t.deepEqual(valuesOf(parameters.get('head.weight').variable), [3, 3]);
  t.deepEqual(valuesOf(parameters.get('stem.bias').variable), [3.5]);
  t.deepEqual(valuesOf(optimizer.velocities.get('head.weight')!), [0.75, 0.75]);

  const other = model(0);
  t.deepEqual(await loadParameters(checkpoint.path, other.parameters), stateAt(400));
  t.deepEqual(valuesOf(other.parameters.get('head.weight').variable), [3, 3]);
});

test.serial('the newest ones are kept, best too, and what killed processes left is removed', async t => {
  const runDir = await temporaryFolder(t);
  const {parameters, optimizer} = model(1);
  const folder = join(runDir, 'checkpoints');
  for (const iteration of [999_990, 999_995, 1_000_000]) {
    await saveCheckpoint(checkpointPath(runDir, iteration), stateAt(iteration), parameters, optimizer);
  }
  await saveCheckpoint(bestCheckpointPath(runDir), stateAt(2), parameters, optimizer);
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  const writing = `iteration-000001.safetensors.${process.ppid}.0123abcd.tmp`;
  await writeFile(join(folder, `iteration-000001.safetensors.${gone}.0123abcd.tmp`), 'half');
  await writeFile(join(folder, writing), 'half');
  await writeFile(join(folder, 'notes.txt'), 'mine');
  await pruneCheckpoints(runDir, 2);
  t.deepEqual((await readdir(folder)).sort(), [
    'best.safetensors',
    writing,
    'iteration-1000000.safetensors',
    'iteration-999995.safetensors',
    'notes.txt',
  ]);
  t.is((await loadLatest(runDir, t.fail))?.state.iteration, 1_000_000);
});

test.serial('a damaged newest checkpoint is passed over with a warning, whatever the damage', async t => {
  const runDir = await temporaryFolder(t);
  const {parameters, optimizer} = model(1);
  await saveCheckpoint(checkpointPath(runDir, 1), stateAt(1), parameters, optimizer);
  const path = checkpointPath(runDir, 2);
  await saveCheckpoint(path, stateAt(2), parameters, optimizer);
  const whole = await readFile(path);

  const loadedWith = async (bytes: Uint8Array): Promise<readonly string[]> => {
    await writeFile(path, bytes);
    const warnings: string[] = [];
    t.is((await loadLatest(runDir, warning => warnings.push(warning)))?.state.iteration, 1);
    t.is(warnings.length, 1);
    t.true(warnings[0]!.includes('iteration-000002.safetensors'));
    return warnings;
  };
  await loadedWith(whole.subarray(0, whole.length - 1));
  await loadedWith(new Uint8Array());
  const flipped = Buffer.from(whole);
  flipped[whole.length - 3]! ^= 1;
  t.regex((await loadedWith(flipped))[0]!, /SHA-256 does not match/);
  // The state is under the checksum as well: an iteration of 2 that reads 3.
  const renumbered = Buffer.from(
    whole.toString('latin1').replace('\\"iteration\\":2', '\\"iteration\\":3'),
    'latin1',
  );
  t.notDeepEqual(renumbered, whole);
  t.regex((await loadedWith(renumbered))[0]!, /SHA-256 does not match/);

  await truncate(checkpointPath(runDir, 1), 100);
  const warnings: string[] = [];
  await t.throwsAsync(
    loadLatest(runDir, warning => warnings.push(warning)),
    {
      instanceOf: RunError,
      message: /none of the 2 checkpoints in .* is usable/,
    },
  );
  t.is(warnings.length, 2);
});

test.serial('a run without checkpoints has no latest one', async t => {
  const runDir = await temporaryFolder(t);
  t.is(await loadLatest(runDir, t.fail), undefined);
  await mkdir(join(runDir, 'checkpoints'));
  t.is(await loadLatest(runDir, t.fail), undefined);
});

test.serial('a safetensors file of other origin is not a checkpoint', async t => {
  const path = join(await temporaryFolder(t), 'weights.safetensors');
  await writeSafetensors(path, [{name: 'head.weight', shape: [1], values: Float32Array.of(1)}]);
  await t.throwsAsync(readCheckpoint(path), {instanceOf: RunError, message: /is not a checkpoint of sf/});
});

test.serial(
  'a checkpoint of another model is refused, naming both shapes, and nothing is changed',
  async t => {
    const runDir = await temporaryFolder(t);
    const saved = model(3, 4);
    const path = checkpointPath(runDir, 1);
    await saveCheckpoint(path, stateAt(1), saved.parameters, saved.optimizer);
    const {parameters, optimizer} = model(0);
    parameters.create('neck.bias', 'bias', tf.tensor1d([0]), false);
    const error = await t.throwsAsync(loadParameters(path, parameters), {instanceOf: UsageError});
    t.true(error.message.includes('head.weight is [4, 2] and should be [1, 2]; neck.bias [1] is missing;'));
    t.false(error.message.includes('\n'));
    t.deepEqual(valuesOf(parameters.get('stem.bias').variable), [0.5]);
    const checkpoint = await readCheckpoint(path);
    t.throws(() => restoreCheckpoint(checkpoint, parameters, optimizer), {message: error.message});

    const trainable = new Parameters();
    trainable.create('head.weight', 'weight', tf.zeros([4, 2]));
    trainable.create('stem.bias', 'bias', tf.tensor1d([0]));
    t.throws(() => restoreCheckpoint(checkpoint, trainable, new Sgd(trainable, runConfig().schedule)), {
      message: /no optimizer state for stem\.bias/,
    });

    const small = new Parameters();
    small.create('head.weight', 'weight', tf.zeros([4, 2]));
    await t.throwsAsync(loadParameters(path, small), {message: /stem\.bias \[1\] is not in the model/});
  },
);

test.serial('a checkpoint of another config is refused, listing the keys', async t => {
  const runDir = await temporaryFolder(t);
  const {parameters, optimizer} = model(1);
  await saveCheckpoint(checkpointPath(runDir, 1), stateAt(1), parameters, optimizer);
  const checkpoint = (await loadLatest(runDir, t.fail))!;
  t.notThrows(() => requireSameConfig(checkpoint, runConfig()));
  const changed = {...runConfig({baseLr: 0.1, steps: [3]}), seed: 4};
  const error = t.throws(() => requireSameConfig(checkpoint, changed), {instanceOf: UsageError});
  t.true(error.message.includes('another config: schedule.baseLr; schedule.steps; seed differ;'));
  t.true(error.message.includes('--force'));
});

test.serial(
  'a checkpoint of an earlier version, without keys that came later, is of the same config',
  async t => {
    const runDir = await temporaryFolder(t);
    const {parameters, optimizer} = model(1);
    const {subBatches: _, ...schedule} = runConfig().schedule;
    const {weights: __, ...config} = runConfig();
    const state = {...stateAt(1), config: {...config, schedule}, configHash: 'of the earlier version'};
    await saveCheckpoint(checkpointPath(runDir, 1), state, parameters, optimizer);
    const checkpoint = (await loadLatest(runDir, t.fail))!;
    t.notThrows(() => requireSameConfig(checkpoint, runConfig()));
    const {message} = t.throws(() => requireSameConfig(checkpoint, {...runConfig(), seed: 4}))!;
    t.true(message.includes('another config: seed differs;'));
  },
);

test.serial('a full disk is one line, and the checkpoints before are intact', async t => {
  const runDir = await temporaryFolder(t);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', runDir], {stdio: 'ignore'});
  } catch {
    t.log('skipped: no right to mount a small file system');
    t.pass();
    return;
  }
  try {
    // 50,000 x 2 float32 and as many velocities: 800 kB, so that one fits and two do not.
    const {parameters, optimizer} = model(1, 50_000);
    await saveCheckpoint(checkpointPath(runDir, 1), stateAt(1), parameters, optimizer);
    await t.throwsAsync(saveCheckpoint(checkpointPath(runDir, 2), stateAt(2), parameters, optimizer), {
      instanceOf: RunError,
      message: /cannot write .*iteration-000002\.safetensors: the disk is full/,
    });
    t.deepEqual(await readdir(dirname(checkpointPath(runDir, 1))), ['iteration-000001.safetensors']);
    t.is((await loadLatest(runDir, t.fail))?.state.iteration, 1);
  } finally {
    execFileSync('umount', [runDir]);
  }
});

test.serial('after kill -9 at any moment of saving the last checkpoint is whole', async t => {
  const runDir = await temporaryFolder(t);
  let reached = 0;
  for (let round = 0; round < 3; round++) {
    // A checkpoint of 2 MB after every iteration: most of the time is spent saving.
    const target = reached + 3;
    const {signal, last} = await trainInChild(
      {runDir, iterations: 100_000, checkpointEvery: 1, padding: 500_000},
      (iteration, child) => {
        if (iteration === target) setTimeout(() => child.kill('SIGKILL'), 6 * round);
      },
    );
    t.is(signal, 'SIGKILL');
    const checkpoint = await loadLatest(runDir, t.fail);
    reached = checkpoint!.state.iteration;
    // An iteration is printed before it is saved.
    t.true(reached >= last - 1 && reached <= last + 1, `${reached} after ${last}`);
  }
});
