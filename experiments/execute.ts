/** Makes the runs of a plan that are not there yet, and says how each one ended. */
import {join, relative} from 'node:path';
import {configHash} from '../src/config/load.js';
import type {CocoStats} from '../src/evaluate/coco-stats.js';
import {readEvaluation} from '../src/evaluate/evaluation-files.js';
import {writeFileAtomic} from '../src/files/write-atomic.js';
import {type Job, type JobMessage, type JobResult, runJobs} from '../src/train/jobs.js';
import {type RunResult, readMetrics, readResult, writeResult} from '../src/train/run-log.js';
import {findRun, type PlannedRun} from './plan.js';
import {type StepTime, stepTime} from './step-time.js';

export type Outcome = {
  readonly run: PlannedRun;
  readonly status: 'finished' | 'diverged' | 'interrupted' | 'failed' | 'not-run';
  /** Of a finished run. */
  readonly stats?: CocoStats | undefined;
  readonly result?: RunResult | undefined;
  /** Of a finished run that trained itself. */
  readonly step?: StepTime | undefined;
  /** One line, of a failed run. */
  readonly error?: string | undefined;
};

export type ExecuteOptions = {
  /** The built command, dist/bin/sf.js. */
  readonly command: string;
  /** What computes, as flags of the command: `--engine wasm`. */
  readonly engineFlags: readonly string[];
  readonly concurrency: number;
  readonly signal: AbortSignal;
  readonly onProgress: (run: PlannedRun, message: JobMessage) => void;
  /** Called once for every run, at once for those that are there already. */
  readonly onOutcome: (outcome: Outcome) => void;
};

/**
 * Runs what is missing, each training in a process of its own. A run whose config differs from another's in score
 * thresholds only is evaluated with that one's weights.
 */
export async function executeRuns(
  runs: readonly PlannedRun[],
  options: ExecuteOptions,
): Promise<readonly Outcome[]> {
  const byId = new Map(runs.map(run => [run.id, run]));
  const outcomes = new Map<string, Outcome>();
  const settle = (outcome: Outcome): void => {
    outcomes.set(outcome.run.id, outcome);
    options.onOutcome(outcome);
  };

  /** Jobs for runs that wait for `trainer`, which has ended; a run of a diverged trainer has diverged with it. */
  const followers = async (trainer: PlannedRun): Promise<readonly Job[]> => {
    const jobs: Job[] = [];
    for (const run of runs) {
      if (run.trainedBy !== trainer || outcomes.has(run.id)) continue;
      const status = outcomes.get(trainer.id)?.status;
      if (status === 'finished') jobs.push(evaluationJob(run, trainer, options.engineFlags));
      else if (status === 'diverged') settle(await adopt(run, trainer));
    }
    return jobs;
  };

  const queue: Job[] = [];
  for (const run of runs) {
    const {state} = await findRun(run);
    if (state === 'done' || state === 'diverged') settle(await outcomeOf(run));
    else if (run.trainedBy === undefined)
      queue.push(await trainingJob(run, state === 'started', options.engineFlags));
  }
  for (const run of runs) if (outcomes.has(run.id)) queue.push(...(await followers(run)));

  await runJobs(queue, {
    ...options,
    onProgress: (id, message) => options.onProgress(byId.get(id)!, message),
    onFinished: async result => {
      const run = byId.get(result.id)!;
      settle(await endOf(run, result));
      return followers(run);
    },
  });
  return runs.map(run => outcomes.get(run.id) ?? {run, status: 'not-run'});
}

async function trainingJob(run: PlannedRun, resume: boolean, engineFlags: readonly string[]): Promise<Job> {
  const config = join(run.runDir, 'planned.yaml');
  await writeFileAtomic(config, run.configYaml);
  const args = ['train', config, '--out', run.runDir, ...engineFlags];
  return {id: run.id, args: resume ? [...args, '--resume'] : args};
}

function evaluationJob(run: PlannedRun, trainer: PlannedRun, engineFlags: readonly string[]): Job {
  const thresholds = Object.entries(run.row.stages).flatMap(([stage, {scoreThreshold}]) => [
    '--set',
    `model.stages.${stage}.scoreThreshold=${JSON.stringify(scoreThreshold)}`,
  ]);
  return {
    id: run.id,
    args: ['eval', trainer.runDir, '--out', run.runDir, ...engineFlags, ...thresholds],
  };
}

async function endOf(run: PlannedRun, {exitCode, lastError}: JobResult): Promise<Outcome> {
  if (exitCode === 130 || exitCode === 143) return {run, status: 'interrupted'};
  if (exitCode !== 0) return {run, status: 'failed', error: lastError};
  return run.trainedBy === undefined ? outcomeOf(run) : adopt(run, run.trainedBy);
}

/** Gives a run the record of the run that trained its weights. */
async function adopt(run: PlannedRun, trainer: PlannedRun): Promise<Outcome> {
  const result = await readResult(trainer.runDir);
  if (result === undefined) throw new Error(`${trainer.runDir} has lost its result`);
  await writeFileAtomic(join(run.runDir, 'config.yaml'), run.configYaml);
  await writeResult(run.runDir, {
    ...result,
    configHash: configHash(run.config),
    trainedBy: relative(run.runDir, trainer.runDir),
  });
  return outcomeOf(run);
}

async function outcomeOf(run: PlannedRun): Promise<Outcome> {
  const result = await readResult(run.runDir);
  if (result?.status === 'diverged') return {run, status: 'diverged', result};
  const stats = (await readEvaluation(run.runDir))?.stats;
  if (result?.status === 'finished' && stats !== undefined) {
    const step = result.trainedBy === undefined ? stepTime(await readMetrics(run.runDir)) : undefined;
    return {run, status: 'finished', stats, result, step};
  }
  return {run, status: 'failed', result, error: result?.error ?? `${run.runDir} has no evaluation`};
}
