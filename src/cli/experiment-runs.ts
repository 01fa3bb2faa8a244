/** What `sf reproduce` and `sf ablate` share: the plan, its estimate, and running it. */
import {availableParallelism} from 'node:os';
import {fileURLToPath} from 'node:url';
import type {Command} from 'commander';
import {executeRuns, type Outcome} from '../../experiments/execute.js';
import {findRun, iterationsDone, type PlannedRun} from '../../experiments/plan.js';
import {type ExplicitValue, parseOverride} from '../config/load.js';
import {openDataset, parseDataFlag} from '../data/open.js';
import {stagesOf} from '../detectors/build.js';
import type {Engine} from '../engine/engine.js';
import {RunError, UsageError} from '../errors.js';
import {estimateIterationSeconds} from '../train/estimate.js';
import {listenForInterrupt} from '../train/interrupt.js';
import {ExperimentDisplay} from './experiment-display.js';
import {
  addEngineOptions,
  dataOption,
  type EngineFlags,
  jsonOption,
  parseWhole,
  presetOption,
  setOption,
} from './flags.js';
import {formatDuration, writeOut} from './output.js';
import type {Session} from './session.js';

/** Flags that every command of many runs takes. */
export type ManyRunsFlags = EngineFlags & {
  readonly preset?: string;
  readonly seeds?: number;
  readonly dryRun?: boolean;
  readonly data?: string;
  readonly set?: readonly string[];
  readonly out?: string;
  readonly jobs?: number;
  readonly json?: string;
};

export function addManyRunsOptions(command: Command, defaultOut: string): Command {
  return addEngineOptions(command)
    .addOption(presetOption())
    .option(
      '--seeds <n>',
      'runs of every row, with seeds 0 to n - 1 (default: 1, or what the table has for a row)',
      text => parseWhole('--seeds', 1, text),
    )
    .option('--dry-run', 'print the runs, their iterations and an estimate of the time')
    .addOption(dataOption())
    .addOption(setOption())
    .option('--out <dir>', `folder of the runs and the table (default: ${defaultOut})`)
    .option('--jobs <n>', 'runs at a time (default: one a core on CPU engines)', text =>
      parseWhole('--jobs', 1, text),
    )
    .addOption(jsonOption());
}

/**
 * What the flags say of every run: the values that replace those of the config.
 * @throws UsageError for a value that the runs set themselves
 */
export function manyRunsOptions(flags: ManyRunsFlags): {
  readonly overrides: readonly string[];
  readonly explicit: readonly ExplicitValue[];
} {
  for (const override of flags.set ?? []) {
    if (parseOverride(override).path[0] === 'seed') {
      throw new UsageError(
        `--set ${override}: the runs of a table have the seeds 0 to n - 1; choose their number with --seeds`,
      );
    }
  }
  return {
    overrides: flags.set ?? [],
    explicit:
      flags.data === undefined ? [] : [{flag: '--data', key: 'data', value: parseDataFlag(flags.data)}],
  };
}

/** The seeds of `runs` runs: 0, 1, 2. */
export function firstSeeds(runs: number): readonly number[] {
  return Array.from({length: runs}, (_, seed) => seed);
}

/** What `--set` and `--data` changed, for the notes under a table; undefined when nothing. */
export function describeChanges({set, data}: ManyRunsFlags): string | undefined {
  const changes = [...(set ?? []), ...(data === undefined ? [] : [`data ${data}`])];
  return changes.length === 0 ? undefined : changes.join('; ');
}

/** The different values of a record over runs that ended, now or earlier: `wasm`, or `wasm, tensorflow`. */
export function recorded(outcomes: readonly Outcome[], key: 'commit' | 'engine'): string {
  return [...new Set(outcomes.flatMap(({result}) => result?.[key] ?? []))].join(', ') || 'none';
}

const COMMAND = fileURLToPath(new URL('../../bin/sf.js', import.meta.url));

/** Runs at a time: one a core where the CPU computes (small models use one core better than several), else one. */
export function concurrencyOf(engine: Engine, asked: number | undefined): number {
  if (asked !== undefined) return asked;
  return engine.onGpu ? 1 : availableParallelism();
}

/** The engine's flags for every one of `concurrency` runs, which share the cores. */
export function engineFlagsOf({engine, machine}: Session, concurrency: number): readonly string[] {
  const {device, precision, threads, deterministic} = machine;
  const share = threads ?? Math.max(1, Math.floor(availableParallelism() / concurrency));
  return [
    ...['--engine', engine.name, '--device', device, '--precision', precision],
    ...(engine.name === 'torch' && !engine.onGpu ? ['--threads', String(share)] : []),
    ...(deterministic ? ['--deterministic'] : []),
  ];
}

/** @throws UsageError when numbers are asked for of runs that are not to be made */
export function requireTextOfPlan({dryRun, json}: ManyRunsFlags): void {
  if (dryRun === true && json !== undefined) {
    throw new UsageError('--dry-run prints a plan, which has no numbers for --json; leave out one of them');
  }
}

/** Prints every run with its state and the time that what is missing will take. */
export async function printPlan(runs: readonly PlannedRun[], concurrency: number): Promise<void> {
  const seconds = new Map<string, number>();
  const lines: string[] = [];
  let iterations = 0;
  let total = 0;
  for (const run of runs) {
    const found = await findRun(run);
    const {state} = found;
    const {schedule, model} = run.config;
    const missing = run.trainedBy === undefined && state !== 'done' && state !== 'diverged';
    const key = JSON.stringify({...model, stages: stagesOf(model).map(([, {sampler}]) => sampler)});
    if (missing && !seconds.has(key)) seconds.set(key, await estimateIterationSeconds(run.config));
    const remaining = missing ? Math.max(0, schedule.iterations - iterationsDone(found)) : 0;
    const estimate = remaining * (seconds.get(key) ?? 0);
    const work =
      run.trainedBy === undefined
        ? `${schedule.iterations} iterations of ${schedule.imagesPerBatch} images`
        : `weights of ${run.trainedBy.id}`;
    const doing = {
      done: 'done',
      diverged: 'done (diverged)',
      started: missing
        ? `continues with ${remaining} iterations, about ${formatDuration(estimate)}`
        : 'to be evaluated',
      new: missing ? `about ${formatDuration(estimate)}` : 'to be evaluated',
      'other-config': 'holds a run of another config',
    }[state];
    lines.push(`${run.id}: ${work}, ${doing}`);
    iterations += remaining;
    total += estimate;
  }
  lines.push(
    `${runs.length} runs, ${iterations} iterations to do, about ${formatDuration(total / concurrency)} ` +
      `with ${concurrency} at a time (timed on a few steps; runs that diverge end earlier)`,
  );
  await writeOut(`${lines.join('\n')}\n`);
}

/**
 * Makes the missing runs, showing progress on stderr. Ctrl-C saves what is under way and sets the exit code.
 * @throws UsageError when a folder holds a run of another config.
 */
export async function runAll(
  label: string,
  runs: readonly PlannedRun[],
  session: Session,
  concurrency: number,
): Promise<readonly Outcome[]> {
  const startAt = new Map<string, number>();
  for (const run of runs) {
    const found = await findRun(run);
    if (run.trainedBy === undefined) startAt.set(run.id, iterationsDone(found));
    if (found.state === 'other-config') {
      throw new UsageError(
        `${run.runDir} holds a run of another config; remove that folder or choose another --out`,
      );
    }
  }
  // Before the first process: two at once would generate the same data twice.
  for (const {train, val} of runs.slice(0, 1).map(run => run.config.data)) {
    await openDataset(train, session.data);
    await openDataset(val, session.data);
  }
  const interrupt = listenForInterrupt(() => {
    process.stderr.write('\nsaving the runs under way; the same command continues them\n');
  });
  const display = new ExperimentDisplay(label, runs, startAt);
  try {
    const outcomes = await executeRuns(runs, {
      command: COMMAND,
      engineFlags: engineFlagsOf(session, Math.min(concurrency, runs.length)),
      concurrency,
      signal: interrupt.signal,
      onProgress: display.onProgress,
      onOutcome: display.onOutcome,
    });
    const code = interrupt.exitCode();
    if (code !== undefined) process.exitCode = code;
    return outcomes;
  } finally {
    display.stop();
    interrupt.stop();
  }
}

/** @throws RunError when runs failed, after everything else has been reported. */
export function requireSuccess(outcomes: readonly Outcome[]): void {
  const failed = outcomes.filter(({status}) => status === 'failed');
  const [first] = failed;
  if (first === undefined) return;
  throw new RunError(
    `${failed.length} of ${outcomes.length} runs failed, the first of them ${first.run.id}: ${first.error}`,
  );
}
