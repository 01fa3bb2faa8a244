/** The runs behind a table: one for every row and seed, each in a folder of its own below the results. */
import {join} from 'node:path';
import {dumpConfig} from '../src/config/dump.js';
import {configHash, type LoadedRunConfig, loadRunConfig} from '../src/config/load.js';
import type {RunConfig} from '../src/config/run.js';
import type {StageConfig} from '../src/config/stage.js';
import {readResult} from '../src/train/run-log.js';

export type TableRow = {
  readonly id: string;
  readonly label: string;
  /** The six fields of every stage: all that differs between rows. */
  readonly stages: Readonly<Record<string, StageConfig>>;
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
  readonly seeds: readonly number[];
  /** Dotted overrides for all runs. */
  readonly overrides: readonly string[];
  readonly explicit?: Parameters<typeof loadRunConfig>[1]['explicit'];
  /** Folder of this table; runs lie in <folder>/<row>/seed-<n>. */
  readonly folder: string;
};

/** How far a planned run has come, from what lies in its folder. */
export type RunState = 'done' | 'diverged' | 'started' | 'new' | 'other-config';

/** @throws UsageError for a config that does not validate. */
export async function planRuns(options: PlanOptions): Promise<readonly PlannedRun[]> {
  const runs: PlannedRun[] = [];
  for (const seed of options.seeds) {
    for (const row of options.rows) {
      const loaded = await loadRow(options, row, seed);
      const id = `${row.id}/seed-${seed}`;
      runs.push({
        id,
        row,
        seed,
        runDir: join(options.folder, row.id, `seed-${seed}`),
        config: loaded.config,
        configYaml: dumpConfig(loaded.config, loaded.provenance),
        trainedBy: runs.find(run => run.trainedBy === undefined && sameTraining(run.config, loaded.config)),
      });
    }
  }
  return runs;
}

function loadRow(options: PlanOptions, row: TableRow, seed: number): Promise<LoadedRunConfig> {
  const stages = Object.entries(row.stages).map(([name, value]) => ({
    flag: `row ${row.id}`,
    key: `model.stages.${name}`,
    value,
  }));
  return loadRunConfig(options.source, {
    preset: options.preset,
    overrides: options.overrides,
    explicit: [...(options.explicit ?? []), ...stages, {flag: '--seed', key: 'seed', value: seed}],
  });
}

/** Whether both configs give the same weights: the score threshold acts after training. */
function sameTraining(a: RunConfig, b: RunConfig): boolean {
  return trainingHash(a) === trainingHash(b);
}

function trainingHash(config: RunConfig): string {
  const untouched = {kind: 'fixed', theta: 0} as const;
  const stages = {dense: {...config.model.stages.dense, scoreThreshold: untouched}};
  return configHash({...config, model: {...config.model, stages}});
}

export async function runState(run: PlannedRun): Promise<RunState> {
  const result = await readResult(run.runDir);
  if (result === undefined) return 'new';
  if (result.configHash !== configHash(run.config)) return 'other-config';
  switch (result.status) {
    case 'finished':
      return 'done';
    case 'diverged':
      return 'diverged';
    case 'running':
    case 'interrupted':
    case 'failed':
      return 'started';
  }
}
