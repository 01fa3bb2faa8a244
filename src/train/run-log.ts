/**
 * The folder of a run: what was asked for, where it ran, every iteration, and how it ended.
 *
 *     config.yaml         the resolved config            environment.json   versions and machine
 *     metrics.jsonl       one line an iteration          evaluations.jsonl  one line an evaluation during training
 *     result.json         status, times, provenance      events.out.*       the metrics for TensorBoard
 *     checkpoints/        checkpoint.ts                  run.lock           run-lock.ts, while it is trained
 */
import {readFile, stat} from 'node:fs/promises';
import {join} from 'node:path';
import {z} from 'zod';
import {RunError, UsageError} from '../errors.js';
import {errorCode, makeFolder, writeError, writeFileAtomic} from '../files/write-atomic.js';
import {hasCheckpoints} from './checkpoint.js';
import {filterJsonLines, JsonLines, readJsonLines} from './json-lines.js';
import {loggedNumber, toLoggedJson} from './logged-number.js';
import {TensorBoardWriter} from './tensorboard.js';

const count = z.int().nonnegative();

const metricsSchema = z.object({
  /** Counted from 1: updates made after this one. */
  iteration: count,
  lr: loggedNumber,
  total: loggedNumber,
  gradNorm: loggedNumber,
  stages: z.record(
    z.string(),
    z.object({
      classification: loggedNumber,
      box: loggedNumber,
      total: loggedNumber,
      w: loggedNumber,
      /** Where the stage has masks. */
      mask: loggedNumber.optional(),
      examples: loggedNumber,
      foreground: loggedNumber,
    }),
  ),
  imagesPerSecond: loggedNumber,
  /** Wall-clock time of the iteration, and the part of it spent waiting for the batch. */
  seconds: loggedNumber,
  dataSeconds: loggedNumber,
  /** Processor time of the process in the iteration, over all its threads. */
  processorSeconds: loggedNumber.optional(),
});

const evaluationSchema = z.object({iteration: count, value: loggedNumber});

const resultSchema = z.object({
  status: z.enum(['running', 'finished', 'diverged', 'interrupted', 'failed']),
  /** Updates made, and updates planned. */
  iterations: count,
  plannedIterations: count,
  startedAt: z.iso.datetime(),
  /** When this file was written. */
  updatedAt: z.iso.datetime(),
  /** Seconds of training over all sessions, without evaluation and saving. */
  trainingSeconds: loggedNumber,
  seed: count,
  /** `git describe` of the code, or its version. */
  commit: z.string(),
  engine: z.string(),
  configHash: z.string(),
  divergence: z
    .object({
      iteration: count,
      quantity: z.string(),
      value: loggedNumber,
      imageIds: z.array(z.number()).readonly(),
    })
    .optional(),
  best: evaluationSchema.optional(),
  /** One line, of a failed run. */
  error: z.string().optional(),
  /** Folder (from this one) of the run that trained these weights; absent where the run trained itself. */
  trainedBy: z.string().optional(),
});

export type Metrics = Readonly<z.infer<typeof metricsSchema>>;
/** The value that `best` is chosen by (AP) after some iteration. */
export type Evaluation = Readonly<z.infer<typeof evaluationSchema>>;
export type RunResult = Readonly<z.infer<typeof resultSchema>>;

const METRICS = 'metrics.jsonl';
const EVALUATIONS = 'evaluations.jsonl';
const RESULT = 'result.json';

/** What a run's folder says about itself besides its numbers. */
export type RunDescription = {
  /** The resolved config as YAML. */
  readonly configYaml: string;
  readonly environment: object;
};

/** Every iteration of the run so far. @throws RunError for a damaged line. */
export function readMetrics(runDir: string): Promise<readonly Metrics[]> {
  return readJsonLines(join(runDir, METRICS), metricsSchema);
}

/** Evaluations made during training, by iteration. @throws RunError for a damaged line. */
export function readEvaluations(runDir: string): Promise<readonly Evaluation[]> {
  return readJsonLines(join(runDir, EVALUATIONS), evaluationSchema);
}

/** How the run stands; undefined when the folder holds none. @throws RunError for a damaged file. */
export async function readResult(runDir: string): Promise<RunResult | undefined> {
  const path = join(runDir, RESULT);
  try {
    return resultSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    if (error instanceof SyntaxError || error instanceof z.ZodError) {
      throw new RunError(`${path} is damaged; remove the run's folder or the file`);
    }
    throw error;
  }
}

/** Whether a training was begun in this folder: it has a log of iterations. */
export async function hasTrained(runDir: string): Promise<boolean> {
  return (await stat(join(runDir, METRICS)).catch(() => undefined)) !== undefined;
}

/** Says how the run in this folder stands. @throws RunError when the folder is not writable. */
export async function writeResult(runDir: string, result: RunResult): Promise<void> {
  await writeFileAtomic(join(runDir, RESULT), `${toLoggedJson(result, 2)}\n`);
}

/**
 * Whether a run left anything that a new one in its folder must not replace: an end, an iteration or a checkpoint. One that
 * failed, was stopped or was killed before its first step left only what is written at every start.
 */
export async function madeProgress(runDir: string, {status, iterations}: RunResult): Promise<boolean> {
  if (status === 'finished' || status === 'diverged' || iterations > 0) return true;
  const logged = (await stat(join(runDir, METRICS)).catch(() => undefined))?.size ?? 0;
  return logged > 0 || (await hasCheckpoints(runDir));
}

/**
 * A new run takes the folder of one that made no progress, and no other.
 * @returns the record of that one, if there is one
 * @throws UsageError when the folder holds a run, which a new one would overwrite
 */
export async function requireNoRun(runDir: string): Promise<RunResult | undefined> {
  const result = await readResult(runDir);
  if (result === undefined || !(await madeProgress(runDir, result))) return result;
  throw new UsageError(
    `${runDir} holds a run already; continue it with --resume or choose another --out folder`,
  );
}

export class RunLog {
  private constructor(
    private readonly runDir: string,
    private readonly metrics: JsonLines,
    private readonly evaluations: JsonLines,
    private readonly board: TensorBoardWriter,
  ) {}

  /**
   * Starts a run's folder, or continues it after `done` iterations: later records belong to steps that are made again,
   * and are dropped.
   * @throws UsageError when a new run (`done` undefined) would overwrite another one
   * @throws RunError when the folder is not writable
   */
  static async open(runDir: string, description: RunDescription, done: number | undefined): Promise<RunLog> {
    await makeFolder(runDir).catch((error: unknown) => {
      throw writeError(runDir, error);
    });
    if (done === undefined) await requireNoRun(runDir);
    const isDone = (record: {readonly iteration: number}): boolean => record.iteration <= (done ?? 0);
    await writeFileAtomic(join(runDir, 'config.yaml'), description.configYaml);
    await writeFileAtomic(join(runDir, 'environment.json'), `${toLoggedJson(description.environment, 2)}\n`);
    await filterJsonLines(join(runDir, METRICS), metricsSchema, isDone);
    await filterJsonLines(join(runDir, EVALUATIONS), evaluationSchema, isDone);
    return new RunLog(
      runDir,
      new JsonLines(join(runDir, METRICS)),
      new JsonLines(join(runDir, EVALUATIONS)),
      new TensorBoardWriter(runDir, (done ?? 0) + 1),
    );
  }

  iteration(metrics: Metrics): void {
    this.metrics.append(metrics);
    this.board.scalars(metrics.iteration, boardScalars(metrics));
  }

  evaluation(evaluation: Evaluation): void {
    this.evaluations.append(evaluation);
    this.board.scalars(evaluation.iteration, {'evaluation/AP': evaluation.value});
  }

  async result(result: RunResult): Promise<void> {
    await writeResult(this.runDir, result);
  }

  /** Waits until all iterations are on the disk: before a checkpoint that counts on them. */
  flush(): void {
    this.metrics.flush();
    this.evaluations.flush();
  }

  close(): void {
    this.metrics.close();
    this.evaluations.close();
    this.board.close();
  }
}

function boardScalars({lr, total, gradNorm, imagesPerSecond, stages}: Metrics): Record<string, number> {
  const scalars: Record<string, number> = {
    'train/lr': lr,
    'train/total': total,
    'train/gradNorm': gradNorm,
    'train/imagesPerSecond': imagesPerSecond,
  };
  for (const [stage, losses] of Object.entries(stages)) {
    for (const [name, value] of Object.entries(losses)) {
      if (value !== undefined) scalars[`${stage}/${name}`] = value;
    }
  }
  return scalars;
}
