/**
 * The training loop. It reads from top to bottom: batch, step, log, divergence, evaluation, checkpoint.
 *
 * A run continues exactly: everything random is a function of (seed, iteration, image), so parameters, velocities and
 * the iteration of a checkpoint are the whole state, and 2N steps equal N steps, kill -9, and N more.
 */
import {performance} from 'node:perf_hooks';
import {setImmediate} from 'node:timers/promises';
import {configHash} from '../config/load.js';
import type {RunConfig} from '../config/run.js';
import type {Batch} from '../data/batch.js';
import type {Detector} from '../detectors/detector.js';
import {RunError} from '../errors.js';
import {
  bestCheckpointPath,
  checkpointPath,
  pruneCheckpoints,
  requireSameConfig,
  restoreCheckpoint,
  saveCheckpoint,
} from './checkpoint.js';
import type {Checkpoint, CheckpointState} from './checkpoint-file.js';
import {codeVersion} from './code-version.js';
import {type Divergence, findDivergence} from './divergence.js';
import {
  type Evaluation,
  type Metrics,
  type RunDescription,
  RunLog,
  type RunResult,
  readEvaluations,
} from './run-log.js';
import {learningRateAt} from './schedule.js';
import {Sgd} from './sgd.js';
import {TrainingStep} from './step.js';

export type TrainOptions = {
  readonly config: RunConfig;
  /** Built for `config`; its parameters are trained in place. */
  readonly detector: Detector;
  /**
   * Batches number `startIteration` (from 0) and following, each in `schedule.subBatches` parts, without end; the loop
   * disposes their images.
   */
  readonly batches: (startIteration: number) => AsyncIterable<Batch>;
  readonly runDir: string;
  /** Written beside the numbers: resolved config and machine. */
  readonly description: RunDescription & {readonly engine: string};
  /** What evaluation needs to know of the training set; kept in every checkpoint. */
  readonly trainingSet: Pick<CheckpointState, 'classNames' | 'categoryIds' | 'imbalance'>;
  /**
   * Continues this run (`loadLatest`); `from-start`: a run that was killed before its first checkpoint; absent: a new
   * run, which finds no other one in its folder.
   */
  readonly resume?: Checkpoint | 'from-start' | undefined;
  /** Resumes although the config has changed. */
  readonly force?: boolean;
  /**
   * AP of the detector as it is; called every `schedule.evaluateEvery` iterations and after the last one.
   * The best one's parameters are kept in best.safetensors. It throws the reason of `signal` when that is aborted.
   */
  readonly evaluate?: (iteration: number) => Promise<number>;
  readonly onIteration?: (metrics: Metrics) => void;
  /** Ends the run after the step or within the evaluation in progress: saved, status `interrupted`. */
  readonly signal?: AbortSignal;
};

export type TrainResult = {
  readonly status: 'finished' | 'diverged' | 'interrupted';
  /** Updates made, over all sessions. */
  readonly iterations: number;
  /** Seconds of training, over all sessions, without evaluation and saving. */
  readonly trainingSeconds: number;
  readonly divergence?: Divergence | undefined;
  readonly best?: Evaluation | undefined;
};

/**
 * Trains until the schedule ends, the run diverges or `signal` is aborted; result.json then says which.
 * @throws UsageError when the folder holds another run, or `resume` is of another config or model
 * @throws RunError when the data end or the disk is full: status `failed`; earlier checkpoints are intact
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const {config, detector, runDir, description} = options;
  const resume = options.resume === 'from-start' ? undefined : options.resume;
  if (resume !== undefined && options.force !== true) requireSameConfig(resume, config);
  const optimizer = new Sgd(detector.parameters, config.schedule);
  try {
    if (resume !== undefined) restoreCheckpoint(resume, detector.parameters, optimizer);
    const done = options.resume === undefined ? undefined : (resume?.state.iteration ?? 0);
    const log = await RunLog.open(runDir, description, done);
    try {
      return await runLoop(options, resume?.state, optimizer, log);
    } finally {
      log.close();
    }
  } finally {
    optimizer.dispose();
  }
}

async function runLoop(
  options: TrainOptions,
  reached: CheckpointState | undefined,
  optimizer: Sgd,
  log: RunLog,
): Promise<TrainResult> {
  const {config, detector, runDir} = options;
  const {seed, schedule} = config;
  const evaluations = await readEvaluations(runDir);
  const startedAt = reached?.startedAt ?? new Date().toISOString();
  const provenance = {
    ...{startedAt, seed, configHash: configHash(config)},
    plannedIterations: schedule.iterations,
    commit: await codeVersion(),
    engine: options.description.engine,
  };
  let iteration = reached?.iteration ?? 0;
  let trainingSeconds = reached?.trainingSeconds ?? 0;
  let lastEvaluated = evaluations.at(-1)?.iteration ?? 0;
  let best = evaluations.reduce<Evaluation | undefined>(better, undefined);

  const record = (status: RunResult['status'], more: Pick<RunResult, 'divergence' | 'error'> = {}) =>
    log.result({
      ...{status, iterations: iteration, trainingSeconds, ...provenance, best, ...more},
      updatedAt: new Date().toISOString(),
    });

  const end = async (status: TrainResult['status'], divergence?: Divergence): Promise<TrainResult> => {
    await record(status, divergence && {divergence});
    return {status, iterations: iteration, trainingSeconds, divergence, best};
  };

  const save = async (path: string): Promise<void> => {
    log.flush();
    const {configHash: hash} = provenance;
    const state = {iteration, seed, config, configHash: hash, trainingSeconds, startedAt};
    await saveCheckpoint(path, {...state, ...options.trainingSet}, detector.parameters, optimizer);
  };

  const saveNumbered = async (): Promise<void> => {
    await save(checkpointPath(runDir, iteration));
    await pruneCheckpoints(runDir, schedule.keepCheckpoints);
  };

  const isInterrupted = (): boolean => options.signal?.aborted === true;

  /** False when it was due and `signal` ended it: nothing is recorded then, and `--resume` makes it up. */
  const evaluateWhenDue = async (): Promise<boolean> => {
    const {evaluateEvery, iterations} = schedule;
    const due = iteration === iterations || (evaluateEvery !== null && iteration % evaluateEvery === 0);
    if (!due || iteration <= lastEvaluated || options.evaluate === undefined) return true;
    let value: number;
    try {
      value = await options.evaluate(iteration);
    } catch (error) {
      if (isInterrupted() && error === options.signal?.reason) return false;
      throw error;
    }
    const evaluation = {iteration, value};
    lastEvaluated = iteration;
    const leader = better(best, evaluation);
    if (leader === evaluation) await save(bestCheckpointPath(runDir));
    best = leader;
    log.evaluation(evaluation);
    return true;
  };

  const step = new TrainingStep(detector, schedule.subBatches);
  try {
    await record('running');
    if (isInterrupted()) return await end('interrupted');
    // The session before may have been stopped between saving and evaluating.
    if (!(await evaluateWhenDue())) return await end('interrupted');
    if (iteration >= schedule.iterations) return await end('finished');

    let startedStep = performance.now();
    let processorBefore = process.cpuUsage();
    let waitingSince = startedStep;
    let dataSeconds = 0;
    let imageIds: number[] = [];
    for await (const batch of options.batches(iteration)) {
      dataSeconds += (performance.now() - waitingSince) / 1000;
      if (batch.iteration !== iteration) throw new Error(`batch ${batch.iteration} came as ${iteration}`);
      imageIds.push(...batch.infos.map(info => info.imageId));
      computeOn(step, batch);
      // Signals and image decoding get their turn: the CPU engines never yield within a step.
      await setImmediate();
      if (!step.isComplete) {
        waitingSince = performance.now();
        continue;
      }
      const lr = learningRateAt(schedule, iteration);
      const {applied: _, ...losses} = await step.finish(optimizer, lr);
      iteration++;

      const seconds = (performance.now() - startedStep) / 1000;
      trainingSeconds += seconds;
      const metrics: Metrics = {
        ...{iteration, lr, ...losses, seconds, dataSeconds},
        imagesPerSecond: imageIds.length / seconds,
        processorSeconds: processorSecondsSince(processorBefore),
      };
      log.iteration(metrics);
      options.onIteration?.(metrics);

      const {divergedAbove} = schedule;
      const divergence = findDivergence(losses, {iteration, imageIds, divergedAbove});
      if (divergence !== undefined) return await end('diverged', divergence);

      const isLast = iteration === schedule.iterations;
      const stops = isInterrupted();
      if (isLast || stops || iteration % schedule.checkpointEvery === 0) await saveNumbered();
      if (stops) return await end('interrupted');
      if (!(await evaluateWhenDue())) {
        await saveNumbered();
        return await end('interrupted');
      }
      if (isLast) return await end('finished');
      startedStep = performance.now();
      processorBefore = process.cpuUsage();
      waitingSince = startedStep;
      dataSeconds = 0;
      imageIds = [];
    }
    throw new RunError(`the training data ended after ${iteration} of ${schedule.iterations} iterations`);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // On a full disk this fails too; the first error is the one to report.
    await record('failed', {error: message}).catch(() => {});
    throw error;
  } finally {
    step.dispose();
  }
}

function processorSecondsSince(before: NodeJS.CpuUsage): number {
  const {user, system} = process.cpuUsage(before);
  return (user + system) / 1e6;
}

function computeOn(step: TrainingStep, batch: Batch): void {
  try {
    step.add(batch);
  } finally {
    batch.images.dispose();
  }
}

/** The higher one; the earlier one of equals; never one that is not a number. */
function better(best: Evaluation | undefined, next: Evaluation): Evaluation | undefined {
  if (Number.isNaN(next.value)) return best;
  return best === undefined || next.value > best.value ? next : best;
}
