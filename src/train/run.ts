/** A whole run: data sets, imbalance, detector, training, evaluation. Everything it decides is in its config. */
import {resolve} from 'node:path';
import type {BackboneConfig} from '../config/network.js';
import {imagesAtOnce, type RunConfig} from '../config/run.js';
import {trainingBatches} from '../data/batches.js';
import type {Dataset} from '../data/dataset.js';
import {type DatasetContext, openDataset} from '../data/open.js';
import {buildDetector, hasMasks, inputStd} from '../detectors/build.js';
import type {Detector} from '../detectors/detector.js';
import {measureImbalance} from '../detectors/imbalance.js';
import type {Engine} from '../engine/engine.js';
import {UsageError} from '../errors.js';
import {type DetectorEvaluation, evaluateDetector} from '../evaluate/evaluate-detector.js';
import {writeEvaluation} from '../evaluate/evaluation-files.js';
import {evaluationOrigin} from '../evaluate/evaluation-origin.js';
import type {Imbalance} from '../sampling-free/imbalance.js';
import {loadLatest, requireSameConfig} from './checkpoint.js';
import type {Checkpoint} from './checkpoint-file.js';
import {loadInitialWeights, requireWeights} from './initial-weights.js';
import {type TrainOptions, type TrainResult, train} from './loop.js';
import {lockRunFolder} from './run-lock.js';
import {type RunResult, requireNoRun} from './run-log.js';

export type RunOptions = {
  readonly config: RunConfig;
  readonly runDir: string;
  readonly engine: Engine;
  /** Where data sets are found and generated ones kept. */
  readonly data: DatasetContext;
  readonly description: Omit<TrainOptions['description'], 'engine'>;
  /** Continue the run in `runDir` from its last checkpoint, if it has one. */
  readonly resume: boolean;
  readonly force: boolean;
  readonly signal: AbortSignal;
  readonly listener: RunListener;
};

/** What a run tells while it goes on; the command line decides how to show it. */
export type RunListener = {
  readonly onNotice: (text: string) => void;
  readonly onStart: (start: RunStart) => void;
  readonly onIteration: NonNullable<TrainOptions['onIteration']>;
  readonly onEvaluationProgress: (done: number, total: number) => void;
};

export type RunStart = {
  readonly train: Dataset;
  readonly val: Dataset;
  readonly imbalance: Readonly<Record<string, Imbalance>>;
  readonly parameters: number;
  readonly startIteration: number;
};

export type FinishedRun = TrainResult & {readonly final?: DetectorEvaluation};

/**
 * Trains as the config says and evaluates the result on data.val: eval.json and detections.json of the run's folder.
 * @throws UsageError or RunError with one line for the user
 */
export async function runTraining(options: RunOptions): Promise<FinishedRun> {
  const {runDir, listener, signal} = options;
  const lock = await lockRunFolder(runDir);
  let resume: Checkpoint | undefined;
  try {
    if (options.resume) resume = await lastCheckpoint(runDir, listener.onNotice);
    else noticeReplaced(runDir, await requireNoRun(runDir), listener.onNotice);
    return await runLocked(options, resume);
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    // Before the first step there is nothing to save; after the last one `--resume` evaluates again.
    const {iteration: iterations = 0, trainingSeconds = 0} = resume?.state ?? {};
    return {status: 'interrupted', iterations, trainingSeconds};
  } finally {
    await lock.release();
  }
}

async function runLocked(options: RunOptions, resume: Checkpoint | undefined): Promise<FinishedRun> {
  const {config, runDir, engine, listener, signal} = options;
  // Before anything is computed from a config that the checkpoint does not fit.
  if (resume !== undefined && !options.force) requireSameConfig(resume, config);
  const weights = config.weights === null ? null : resolve(options.data.dataRoot ?? '.', config.weights);
  if (weights === null) noticeFrozenLayers(config.model.backbone, listener.onNotice);
  else if (resume === undefined) await requireWeights(weights);
  const {trainSet, valSet} = await openDatasets(config, {
    ...options.data,
    onProgress: (done, total) => {
      options.data.onProgress?.(done, total);
      signal.throwIfAborted();
    },
  });
  if (resume !== undefined) requireSameClasses(resume, trainSet);
  for (const notice of [...trainSet.notices, ...valSet.notices]) {
    listener.onNotice(`${notice.count} x ${notice.kind}, such as ${notice.example}`);
  }

  // A config that --force brought may ask for counts that the checkpoint's did not.
  const imbalance = {
    ...measureImbalance(config, trainSet, resume?.state.imbalance),
    ...resume?.state.imbalance,
  };
  const detector = buildDetector(config.model, {
    classes: trainSet.classNames.length,
    seed: config.seed,
    imbalance,
    inputStd: inputStd(config.input),
  });
  const {imagesPerBatch, subBatches, iterations} = config.schedule;
  let last: DetectorEvaluation | undefined;
  const evaluate = (): Promise<DetectorEvaluation> =>
    evaluateDetector(detector, valSet, {
      input: config.input,
      imagesPerBatch: imagesAtOnce(config.schedule),
      onProgress: listener.onEvaluationProgress,
      signal,
    });
  try {
    if (weights !== null && resume === undefined) {
      const target = {
        model: config.model,
        parameters: detector.parameters,
        classNames: trainSet.classNames,
      };
      const {summary} = await loadInitialWeights(weights, target, listener.onNotice);
      listener.onNotice(summary);
    }
    listener.onStart({
      train: trainSet,
      val: valSet,
      imbalance,
      parameters: parameterCount(detector),
      startIteration: resume?.state.iteration ?? 0,
    });
    const result = await train({
      config,
      detector,
      runDir,
      resume: options.resume ? (resume ?? 'from-start') : undefined,
      signal,
      force: options.force,
      description: {...options.description, engine: engine.label},
      trainingSet: {classNames: [...trainSet.classNames], categoryIds: [...trainSet.categoryIds], imbalance},
      batches: startIteration =>
        trainingBatches(trainSet, {
          input: config.input,
          imagesPerBatch,
          subBatches,
          seed: config.seed,
          startIteration,
          iterations,
          masks: hasMasks(config.model),
        }),
      evaluate: async () => {
        last = await evaluate();
        return last.evaluation.stats.AP;
      },
      onIteration: listener.onIteration,
    });
    if (result.status !== 'finished') return result;
    // A run that was killed between its last evaluation and writing it is evaluated again.
    const final = last ?? (await evaluate());
    const classes = trainSet.classNames.length;
    const origin = await evaluationOrigin(
      {path: runDir, iteration: result.iterations, config, imbalance, classes},
      engine.label,
    );
    await writeEvaluation(runDir, final, valSet, origin);
    return {...result, final};
  } finally {
    detector.parameters.dispose();
  }
}

/** Says why a run may start in the folder of another one. */
function noticeReplaced(runDir: string, before: RunResult | undefined, notice: (text: string) => void): void {
  if (before === undefined) return;
  const why = before.error === undefined ? 'ended' : `failed (${before.error})`;
  notice(`the run in ${runDir} ${why} before its first step; this one takes its place`);
}

/** Without weights to start from, layers that never change are random features. */
function noticeFrozenLayers(
  {freezeAt, norm}: Pick<BackboneConfig, 'freezeAt' | 'norm'>,
  notice: (text: string) => void,
): void {
  const frozen = [
    ...(freezeAt > 0 ? [`model.backbone.freezeAt is ${freezeAt}`] : []),
    ...(norm.kind === 'frozen-bn' ? ['model.backbone.norm is frozen-bn'] : []),
  ];
  if (frozen.length === 0) return;
  notice(
    `${frozen.join(' and ')}: the frozen layers keep the random weights they start with; ` +
      'the paper starts from ImageNet weights',
  );
}

/** @throws UsageError when the checkpoint's outputs mean other classes than the data set's */
function requireSameClasses({path, state}: Checkpoint, dataset: Dataset): void {
  const named = (names: readonly string[], ids: readonly number[]): string =>
    names.map((name, i) => `${name} (id ${ids[i]})`).join(', ');
  const before = named(state.classNames, state.categoryIds);
  const now = named(dataset.classNames, dataset.categoryIds);
  if (before === now) return;
  throw new UsageError(
    `${path} was trained on the classes ${before}, and ${dataset.name} has ${now}; ` +
      'resume with the data it was trained on',
  );
}

async function lastCheckpoint(
  runDir: string,
  warn: (message: string) => void,
): Promise<Checkpoint | undefined> {
  const checkpoint = await loadLatest(runDir, warn);
  if (checkpoint === undefined) warn(`${runDir} has no checkpoint yet; starting from the beginning`);
  return checkpoint;
}

async function openDatasets(
  {data}: RunConfig,
  context: DatasetContext,
): Promise<{trainSet: Dataset; valSet: Dataset}> {
  const trainSet = await openDataset(data.train, context);
  const valSet = await openDataset(data.val, context);
  const [trained, evaluated] = [trainSet.classNames, valSet.classNames].map(names => names.join(', '));
  if (trained !== evaluated) {
    throw new UsageError(
      `the classes of ${trainSet.name} (${trained}) and ${valSet.name} (${evaluated}) differ; ` +
        'use annotation files with the same categories',
    );
  }
  return {trainSet, valSet};
}

function parameterCount(detector: Detector): number {
  return detector.parameters.all.reduce((sum, {variable}) => sum + variable.size, 0);
}
