/** The runs behind a table: one for every row and seed, each in a folder of its own below the results. */
import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {dumpConfig} from '../src/config/dump.js';
import {configHash, type LoadedRunConfig, loadRunConfig} from '../src/config/load.js';
import type {NormaliserConfig} from '../src/config/network.js';
import type {ModelConfig, RunConfig} from '../src/config/run.js';
import type {AnyStageConfig} from '../src/config/yolov3.js';
import {stagesOf} from '../src/detectors/build.js';
import {needsImbalance} from '../src/detectors/imbalance.js';
import {UsageError} from '../src/errors.js';
import {readEvaluation} from '../src/evaluate/evaluation-files.js';
import {hasTrained, madeProgress, type RunResult, readResult} from '../src/train/run-log.js';

export type TableRow = {
  readonly id: string;
  readonly label: string;
  /** The six fields of every stage that the row sets. */
  readonly stages: Readonly<Record<string, AnyStageConfig>>;
  /** What the losses of a two-stage detector's stages are divided by, where rows differ in that too. */
  readonly normalisers?: Readonly<Record<string, NormaliserConfig>>;
  /**
   * Base learning rates by preset, where the preset's own does not suit what is compared: rows whose losses have other sizes
   * share the rate of the paper's long schedule, and not that of a short one.
   */
  readonly baseLr?: Readonly<Record<string, number>>;
};

export type PlannedRun = {
  readonly id: string;
  readonly row: TableRow;
  readonly seed: number;
  readonly runDir: string;
  readonly config: RunConfig;
  readonly configYaml: string;
  /** The run whose weights this one evaluates: their configs differ in score thresholds only. */
  readonly trainedBy: PlannedRun | undefined;
};

export type PlanOptions = {
  /** Name or path of the config that all rows start from. */
  readonly source: string;
  readonly preset: string | undefined;
  readonly rows: readonly TableRow[];
  /**
   * `paper`: rows belong to the config, and preset and overrides act on them. `final`: they have been resolved, and replace
   * whatever config, preset and overrides say.
   */
  readonly rowValues: 'paper' | 'final';
  /** Ids of the rows to run (absent: all); the others are shown where they have ended. */
  readonly wanted?: readonly string[] | undefined;
  /** The seeds of a row. */
  readonly seedsOf: (row: TableRow) => readonly number[];
  /** Dotted overrides for all runs. */
  readonly overrides: readonly string[];
  readonly explicit?: Parameters<typeof loadRunConfig>[1]['explicit'];
  /** Folder of this table; runs lie in <folder>/<row>/seed-<n>. */
  readonly folder: string;
};

/** How far a planned run has come, from what lies in its folder. */
export type RunState = 'done' | 'diverged' | 'started' | 'new' | 'other-config';

/**
 * Every run of the wanted rows, and those of the other rows that have ended already: a table shows all there is.
 * @throws UsageError for a config that does not validate.
 */
export async function planRuns(options: PlanOptions): Promise<readonly PlannedRun[]> {
  const runs: PlannedRun[] = [];
  const seeds = new Set(options.rows.flatMap(options.seedsOf));
  for (const seed of [...seeds].sort((a, b) => a - b)) {
    const drafts: Draft[] = [];
    for (const row of options.rows) {
      if (!options.seedsOf(row).includes(seed)) continue;
      const draft = await draftRun(options, row, seed);
      const {state} = draft.found;
      const wanted = options.wanted?.includes(row.id) ?? true;
      if (wanted || state === 'done' || state === 'diverged') drafts.push(draft);
    }
    const trainers = new Map<Draft, PlannedRun>();
    for (const draft of drafts) {
      if (trainerOf(draft, drafts) === draft) trainers.set(draft, {...draft.run, trainedBy: undefined});
    }
    for (const draft of drafts) {
      const trainedBy = trainers.get(trainerOf(draft, drafts));
      runs.push(trainers.get(draft) ?? {...draft.run, trainedBy});
    }
  }
  return runs;
}

type Draft = {readonly run: Omit<PlannedRun, 'trainedBy'>; readonly found: FoundRun};

async function draftRun(options: PlanOptions, row: TableRow, seed: number): Promise<Draft> {
  const {config, provenance} = await loadRow(options, row, seed);
  const runDir = join(options.folder, row.id, `seed-${seed}`);
  const run = {
    ...{row, seed, runDir, config},
    id: `${row.id}/seed-${seed}`,
    configYaml: dumpConfig(config, provenance),
  };
  return {run, found: await findRun(run)};
}

/**
 * Whose weights a run evaluates. What is on the disk decides first: a run that has begun to train trains itself, and
 * weights that are there are used. Otherwise the first row with the same training gives the weights to the others; one
 * that measures N and N_f before one that does not, since a threshold may be computed from them.
 */
function trainerOf(draft: Draft, drafts: readonly Draft[]): Draft {
  if (draft.found.trainedItself) return draft;
  const recorded = draft.found.result?.trainedBy;
  const candidates = drafts.filter(
    ({run, found}) =>
      sameTraining(run.config, draft.run.config) &&
      (measuresImbalance(run.config) || !measuresImbalance(draft.run.config)) &&
      (found.result === undefined || found.trainedItself),
  );
  const preferences: readonly ((candidate: Draft) => boolean)[] = [
    ({run}) => recorded !== undefined && run.runDir === join(draft.run.runDir, recorded),
    ({found}) => found.state === 'done' || found.state === 'diverged',
    ({found}) => found.state === 'started',
    ({run}) => measuresImbalance(run.config),
    () => true,
  ];
  for (const preferred of preferences) {
    const trainer = candidates.find(preferred);
    if (trainer !== undefined) return trainer;
  }
  return draft;
}

function measuresImbalance({model}: RunConfig): boolean {
  return stagesOf(model).some(([, stage]) => needsImbalance(stage));
}

function loadRow(options: PlanOptions, row: TableRow, seed: number): Promise<LoadedRunConfig> {
  const flag = `row ${row.id}`;
  const values = [
    ...Object.entries(row.stages).map(([name, value]) => ({flag, key: `model.stages.${name}`, value})),
    ...Object.entries(row.normalisers ?? {}).map(([name, value]) => ({
      flag,
      key: `model.${name}.normaliser`,
      value,
    })),
  ];
  const baseLr = options.preset === undefined ? undefined : row.baseLr?.[options.preset];
  const final = options.rowValues === 'final';
  return loadRunConfig(options.source, {
    preset: options.preset,
    row: final ? [] : values,
    rowAtPreset: baseLr === undefined ? [] : [{flag, key: 'schedule.baseLr', value: baseLr}],
    overrides: options.overrides,
    explicit: [
      ...(options.explicit ?? []),
      ...(final ? values : []),
      {flag: '--seed', key: 'seed', value: seed},
    ],
  });
}

/** Whether both configs give the same weights: the score threshold acts after training. */
function sameTraining(a: RunConfig, b: RunConfig): boolean {
  return trainingHash(a) === trainingHash(b);
}

function trainingHash(config: RunConfig): string {
  return configHash({...config, model: withoutThreshold(config.model)});
}

/** The threshold of the last stage set to a constant. That of a RPN decides what the next stage is trained on, and stays. */
function withoutThreshold(model: ModelConfig): ModelConfig {
  const scoreThreshold = {kind: 'fixed', theta: 0} as const;
  switch (model.kind) {
    case 'retinanet':
      return {...model, stages: {dense: {...model.stages.dense, scoreThreshold}}};
    case 'foveabox':
      return {...model, stages: {dense: {...model.stages.dense, scoreThreshold}}};
    case 'faster-rcnn':
    case 'mask-rcnn':
    case 'cascade-rcnn':
      return {...model, stages: {...model.stages, roi: {...model.stages.roi, scoreThreshold}}};
    case 'yolov3':
      return {...model, stages: {dense: {...model.stages.dense, scoreThreshold}}};
  }
}

/** What a planned run's folder holds. */
export type FoundRun = {
  readonly state: RunState;
  readonly result: RunResult | undefined;
  /** Whether iterations of its own are there: not the figures of another run's weights. */
  readonly trainedItself: boolean;
};

/** @throws RunError for a damaged record. */
export async function findRun({runDir, config}: Pick<PlannedRun, 'runDir' | 'config'>): Promise<FoundRun> {
  const recorded = await readResult(runDir);
  // One that ended before its first step is made anew, whatever its config was.
  const result = recorded !== undefined && (await madeProgress(runDir, recorded)) ? recorded : undefined;
  const trainedItself = result !== undefined && result.trainedBy === undefined && (await hasTrained(runDir));
  return {state: await stateOf(runDir, result, config), result, trainedItself};
}

async function stateOf(runDir: string, result: RunResult | undefined, config: RunConfig): Promise<RunState> {
  if (result === undefined) return 'new';
  if (!(await isOf(runDir, result, config))) return 'other-config';
  switch (result.status) {
    case 'finished':
      // Killed after its last iteration: training it on only evaluates it.
      return (await readEvaluation(runDir)) === undefined ? 'started' : 'done';
    case 'diverged':
      return 'diverged';
    case 'running':
    case 'interrupted':
    case 'failed':
      return 'started';
  }
}

/** Whether a run was made with a config; its record may be of an earlier version, with keys fewer. */
async function isOf(runDir: string, result: RunResult, config: RunConfig): Promise<boolean> {
  if (result.configHash === configHash(config)) return true;
  const file = join(runDir, 'config.yaml');
  if (!existsSync(file)) return false;
  try {
    const recorded = await loadRunConfig(file, {overrides: []});
    return configHash(recorded.config) === configHash(config);
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}

/** Iterations that a run need not make again. */
export function iterationsDone({state, result}: FoundRun): number {
  switch (state) {
    case 'done':
    case 'diverged':
      return result?.plannedIterations ?? 0;
    case 'started':
      return result?.iterations ?? 0;
    case 'new':
    case 'other-config':
      return 0;
  }
}
