import {execFileSync} from 'node:child_process';
import {readdir} from 'node:fs/promises';
import {join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import type {ScheduleConfig} from '../../src/config/run.js';
import {RunError, UsageError} from '../../src/errors.js';
import {loadLatest} from '../../src/train/checkpoint.js';
import {type Checkpoint, readCheckpoint} from '../../src/train/checkpoint-file.js';
import {type TrainOptions, type TrainResult, train} from '../../src/train/loop.js';
import {readEvaluations, readMetrics, readResult} from '../../src/train/run-log.js';
import {temporaryFolder} from '../temporary-folder.js';
import {linearDetector, noiseBatches, noiseParts} from './linear-detector.js';
import {runConfig} from './run-config.js';
import {trainInChild} from './training-process.js';

test.before(async () => {
  await tf.setBackend('cpu');
});

/** Trains a fresh linear model; every tensor is gone afterwards. */
async function trainLinear(
  runDir: string,
  schedule: Partial<ScheduleConfig> = {},
  options: Partial<TrainOptions> = {},
): Promise<TrainResult> {
  const detector = linearDetector();
  try {
    return await train({
      config: runConfig(schedule),
      detector,
      batches: noiseBatches(),
      runDir,
      description: {configYaml: '', environment: {}, engine: 'cpu'},
      trainingSet: {classNames: ['cat', 'dog'], categoryIds: [3, 8], imbalance: {}},
      ...options,
    });
  } finally {
    detector.parameters.dispose();
  }
}

/** All numbers of a checkpoint, by name. */
function numbersOf({parameters, velocities}: Checkpoint): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    [parameters, velocities].flatMap((tensors, i) =>
      [...tensors].map(([name, {values}]) => [`${i} ${name}`, [...values]]),
    ),
  );
}

/** What a loss curve is drawn from. */
async function curveOf(runDir: string): Promise<readonly unknown[]> {
  return (await readMetrics(runDir)).map(({iteration, lr, total, gradNorm, stages}) => [
    ...[iteration, lr, total, gradNorm, stages],
  ]);
}

const latest = async (runDir: string): Promise<Checkpoint> =>
  (await loadLatest(runDir, message => {
    throw new Error(message);
  })) as Checkpoint;

test.serial('a run to its end: falling loss, checkpoints, log and result', async t => {
  const runDir = await temporaryFolder(t);
  const before = tf.memory().numTensors;
  const seen: number[] = [];
  const result = await trainLinear(runDir, {}, {onIteration: ({iteration}) => seen.push(iteration)});
  t.is(tf.memory().numTensors, before);
  t.is(result.status, 'finished');
  t.is(result.iterations, 20);
  t.deepEqual(
    seen,
    Array.from({length: 20}, (_, i) => i + 1),
  );

  const metrics = await readMetrics(runDir);
  t.is(metrics.length, 20);
  t.true(metrics.at(-1)!.total < metrics[0]!.total / 10);
  // Warm-up from a tenth of 0.005; a tenth of it after 15 updates.
  t.true(Math.abs(metrics[0]!.lr - 0.0005) < 1e-12 && Math.abs(metrics[15]!.lr - 0.0005) < 1e-12);
  t.true(metrics[0]!.imagesPerSecond > 0 && metrics[0]!.dataSeconds <= metrics[0]!.seconds);

  t.deepEqual((await readdir(join(runDir, 'checkpoints'))).sort(), [
    'iteration-000015.safetensors',
    'iteration-000020.safetensors',
  ]);
  const written = (await readResult(runDir))!;
  t.is(written.status, 'finished');
  t.is(written.iterations, 20);
  t.is(written.plannedIterations, 20);
  t.is(written.seed, 3);
  t.is(written.engine, 'cpu');
  t.regex(written.commit, /^(v\d|[0-9a-f]{7})/);
  t.is(written.configHash, (await latest(runDir)).state.configHash);
});

test.serial('2N steps equal N steps, an interrupt, and N more, bit for bit', async t => {
  const [whole, halves] = [await temporaryFolder(t), await temporaryFolder(t)];
  await trainLinear(whole);
  const controller = new AbortController();
  const stopAtEight = ({iteration}: {iteration: number}): void => {
    if (iteration === 8) controller.abort();
  };
  const first = await trainLinear(halves, {}, {signal: controller.signal, onIteration: stopAtEight});
  t.is(first.status, 'interrupted');
  t.is(first.iterations, 8);
  t.is((await readResult(halves))?.status, 'interrupted');
  const resume = await latest(halves);
  t.is(resume.state.iteration, 8);
  const second = await trainLinear(halves, {}, {resume});
  t.is(second.status, 'finished');
  t.true(second.trainingSeconds > resume.state.trainingSeconds);
  t.deepEqual(numbersOf(await latest(halves)), numbersOf(await latest(whole)));
  t.deepEqual(await curveOf(halves), await curveOf(whole));
});

test.serial(
  '2N steps equal N steps, kill -9, and the rest, bit for bit, and the curve has no jump',
  async t => {
    const [whole, killed] = [await temporaryFolder(t), await temporaryFolder(t)];
    const schedule = {iterations: 20, checkpointEvery: 6};
    await trainLinear(whole, schedule);
    const child = {runDir: killed, ...schedule, pause: 20};
    const first = await trainInChild(child, (iteration, process) => {
      if (iteration === 10) process.kill('SIGKILL');
    });
    t.is(first.signal, 'SIGKILL');
    t.is((await latest(killed)).state.iteration, 6);
    t.is((await readResult(killed))?.status, 'running');
    const second = await trainInChild(child);
    t.is(second.code, 0);
    t.deepEqual(numbersOf(await latest(killed)), numbersOf(await latest(whole)));
    t.deepEqual(await curveOf(killed), await curveOf(whole));
  },
);

test.serial('a batch in parts is one iteration, and a run of such resumes bit for bit', async t => {
  const [whole, halves] = [await temporaryFolder(t), await temporaryFolder(t)];
  const schedule = {imagesPerBatch: 6, subBatches: 3};
  const before = tf.memory().numTensors;
  const result = await trainLinear(whole, schedule, {batches: noiseParts(3)});
  t.is(tf.memory().numTensors, before);
  t.deepEqual([result.status, result.iterations], ['finished', 20]);
  const metrics = await readMetrics(whole);
  t.is(metrics.length, 20);
  for (const {imagesPerSecond, seconds, dataSeconds, stages} of metrics) {
    t.true(Math.abs(imagesPerSecond * seconds - 6) < 1e-6);
    t.true(dataSeconds <= seconds);
    t.is(stages.dense!.foreground, 6);
  }

  const controller = new AbortController();
  await trainLinear(halves, schedule, {
    batches: noiseParts(3),
    signal: controller.signal,
    onIteration: ({iteration}) => iteration === 7 && controller.abort(),
  });
  const resume = await latest(halves);
  t.is(resume.state.iteration, 7);
  await trainLinear(halves, schedule, {batches: noiseParts(3), resume});
  t.deepEqual(numbersOf(await latest(halves)), numbersOf(await latest(whole)));
  t.deepEqual(await curveOf(halves), await curveOf(whole));
});

test.serial('an evaluation that Ctrl-C ends counts for nothing, and is made up for', async t => {
  const runDir = await temporaryFolder(t);
  // At iteration 8, after the checkpoint of iteration 5; and the one at the end.
  for (const [iteration, schedule] of [
    [8, {evaluateEvery: 8}],
    [20, {}],
  ] as const) {
    const controller = new AbortController();
    const evaluate = async (at: number): Promise<number> => {
      if (at === iteration) controller.abort();
      controller.signal.throwIfAborted();
      return 0.25;
    };
    const options = {signal: controller.signal, evaluate};
    const resume = iteration === 8 ? undefined : await latest(runDir);
    const stopped = await trainLinear(runDir, schedule, {...options, resume, force: true});
    t.deepEqual([stopped.status, stopped.iterations], ['interrupted', iteration]);
    t.is((await readResult(runDir))?.status, 'interrupted');
    t.is((await latest(runDir)).state.iteration, iteration);
    t.deepEqual(await readEvaluations(runDir), []);
  }
  const resume = await latest(runDir);
  const result = await trainLinear(runDir, {}, {resume, evaluate: async () => 0.5});
  t.deepEqual([result.status, result.best], ['finished', {iteration: 20, value: 0.5}]);
});

test.serial('a signal before the first step ends the run there; resumed, it begins', async t => {
  const runDir = await temporaryFolder(t);
  const result = await trainLinear(runDir, {}, {signal: AbortSignal.abort()});
  t.deepEqual([result.status, result.iterations], ['interrupted', 0]);
  t.is((await readResult(runDir))?.status, 'interrupted');
  t.is((await trainLinear(runDir, {}, {resume: 'from-start'})).status, 'finished');
});

test.serial('a run that was killed before its first checkpoint begins again', async t => {
  const runDir = await temporaryFolder(t);
  const early = trainLinear(runDir, {}, {batches: noiseBatches({end: 3})});
  await t.throwsAsync(early, {instanceOf: RunError});
  t.is((await readMetrics(runDir)).length, 3);
  t.is((await trainLinear(runDir, {}, {resume: 'from-start'})).status, 'finished');
  t.is((await readMetrics(runDir)).length, 20);
});

test.serial('Ctrl-C saves and ends with 130, SIGTERM with 143', async t => {
  const runDir = await temporaryFolder(t);
  const child = {runDir, iterations: 100_000, checkpointEvery: 100_000, pause: 5};
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    let asked = 0;
    const ending = await trainInChild(child, (iteration, process) => {
      if (asked === 0) process.kill(signal);
      asked ||= iteration;
    });
    t.is(ending.code, code);
    t.is((await latest(runDir)).state.iteration, ending.last);
    t.true(ending.last <= asked + 20);
    t.is((await readResult(runDir))?.status, 'interrupted');
  }
});

test.serial(
  'a batch that is not a number ends the run as diverged, with the images, before it does harm',
  async t => {
    const runDir = await temporaryFolder(t);
    const before = tf.memory().numTensors;
    const result = await trainLinear(runDir, {checkpointEvery: 1}, {batches: noiseBatches({spoilAt: 7})});
    t.is(tf.memory().numTensors, before);
    const divergence = {
      iteration: 8,
      quantity: 'dense.classification',
      value: Number.NaN,
      imageIds: [14, 15],
    };
    t.is(result.status, 'diverged');
    t.deepEqual(result.divergence, divergence);
    const written = (await readResult(runDir))!;
    t.is(written.status, 'diverged');
    t.deepEqual(written.divergence, divergence);
    t.true(Number.isNaN((await readMetrics(runDir)).at(-1)!.total));
    t.is((await latest(runDir)).state.iteration, 7);
  },
);

test.serial('a learning rate that is too high ends the run as diverged at a finite total', async t => {
  const runDir = await temporaryFolder(t);
  const result = await trainLinear(runDir, {baseLr: 5, divergedAbove: 100});
  t.is(result.status, 'diverged');
  t.is(result.divergence?.quantity, 'total');
  t.true(result.divergence!.value > 100 && Number.isFinite(result.divergence!.value));
});

test.serial('evaluation is called when due and at the end, and the best one is kept', async t => {
  const runDir = await temporaryFolder(t);
  const values: Record<number, number> = {8: 0.1, 16: 0.3, 20: 0.2};
  const result = await trainLinear(
    runDir,
    {evaluateEvery: 8},
    {evaluate: async iteration => values[iteration]!},
  );
  t.deepEqual(result.best, {iteration: 16, value: 0.3});
  t.deepEqual(
    await readEvaluations(runDir),
    [8, 16, 20].map(iteration => ({iteration, value: values[iteration]!})),
  );
  t.is((await readCheckpoint(join(runDir, 'checkpoints/best.safetensors'))).state.iteration, 16);
  t.deepEqual((await readResult(runDir))?.best, {iteration: 16, value: 0.3});
});

test.serial(
  'an evaluation that is no number is never the best, and without evaluateEvery only the end counts',
  async t => {
    const runDir = await temporaryFolder(t);
    const result = await trainLinear(runDir, {}, {evaluate: async () => Number.NaN});
    t.is(result.best, undefined);
    t.deepEqual(await readEvaluations(runDir), [{iteration: 20, value: Number.NaN}]);
    t.false((await readdir(join(runDir, 'checkpoints'))).includes('best.safetensors'));
  },
);

test.serial(
  'an evaluation that failed is made up for when the run continues, without training again',
  async t => {
    const runDir = await temporaryFolder(t);
    const failing = trainLinear(runDir, {}, {evaluate: () => Promise.reject(new RunError('a lost image'))});
    await t.throwsAsync(failing, {message: 'a lost image'});
    const failed = (await readResult(runDir))!;
    t.is(failed.status, 'failed');
    t.is(failed.error, 'a lost image');
    const resume = await latest(runDir);
    const noBatches = (): never => t.fail('no batch is needed');
    const options = {resume, evaluate: async () => 0.5, batches: noBatches};
    const result = await trainLinear(runDir, {}, options);
    t.is(result.status, 'finished');
    t.deepEqual(result.best, {iteration: 20, value: 0.5});
  },
);

test.serial('a finished run that is resumed stays as it is', async t => {
  const runDir = await temporaryFolder(t);
  await trainLinear(runDir);
  const curve = await curveOf(runDir);
  const resume = await latest(runDir);
  t.is((await trainLinear(runDir, {}, {resume})).status, 'finished');
  t.deepEqual(await curveOf(runDir), curve);
  t.deepEqual(numbersOf(await latest(runDir)), numbersOf(resume));
});

test.serial('a run is neither overwritten nor continued with another config, unless forced', async t => {
  const runDir = await temporaryFolder(t);
  await trainLinear(runDir);
  await t.throwsAsync(trainLinear(runDir), {instanceOf: UsageError, message: /--resume/});
  const resume = await latest(runDir);
  const changed = {iterations: 22};
  await t.throwsAsync(trainLinear(runDir, changed, {resume}), {
    instanceOf: UsageError,
    message: /schedule\.iterations differs/,
  });
  t.is((await readMetrics(runDir)).length, 20);
  const result = await trainLinear(runDir, changed, {resume, force: true});
  t.is(result.iterations, 22);
});

test.serial('data that end too early are an error, and so are batches out of turn', async t => {
  const ended = trainLinear(await temporaryFolder(t), {}, {batches: noiseBatches({end: 4})});
  await t.throwsAsync(ended, {instanceOf: RunError, message: /data ended after 4 of 20 iterations/});
  const shifted = trainLinear(await temporaryFolder(t), {}, {batches: start => noiseBatches()(start + 1)});
  await t.throwsAsync(shifted, {message: 'batch 1 came as 0'});
});

test.serial(
  'a full disk ends the run with one line, and it continues from the checkpoint before',
  async t => {
    const runDir = await temporaryFolder(t);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', runDir], {stdio: 'ignore'});
    } catch {
      t.log('skipped: no right to mount a small file system');
      t.pass();
      return;
    }
    try {
      const detector = linearDetector(150_000);
      const full = trainLinear(runDir, {}, {detector});
      await t.throwsAsync(full, {instanceOf: RunError, message: /the disk is full/});
      const resume = await latest(runDir);
      t.is(resume.state.iteration, 5);
      t.deepEqual(
        (await readMetrics(runDir)).map(({iteration}) => iteration),
        Array.from({length: 10}, (_, i) => i + 1),
      );
      detector.parameters.dispose();
    } finally {
      execFileSync('umount', [runDir]);
    }
  },
);
