/** `sf ablate`: any product of values of the six stage fields, on any config and data set, as one table. */
import {existsSync} from 'node:fs';
import {basename, join} from 'node:path';
import {Command} from 'commander';
import {cellOf} from '../../experiments/cells.js';
import {planRuns, type TableRow} from '../../experiments/plan.js';
import {loadRunConfig} from '../config/load.js';
import type {StageConfig} from '../config/stage.js';
import {parseVariation, type StageValue} from '../config/stage-values.js';
import {suggestion} from '../config/suggest.js';
import {stagesOf} from '../detectors/build.js';
import {UsageError} from '../errors.js';
import type {CocoStatName} from '../evaluate/coco-stats.js';
import {writeFileAtomic} from '../files/write-atomic.js';
import {alignColumns} from '../report/align-columns.js';
import {cellText} from '../report/table.js';
import {
  addManyRunsOptions,
  concurrencyOf,
  describeChanges,
  firstSeeds,
  type ManyRunsFlags,
  manyRunsOptions,
  printPlan,
  recorded,
  requireSuccess,
  runAll,
} from './experiment-runs.js';
import {writeJson, writeOut} from './output.js';
import {openSession} from './session.js';

type AblateFlags = ManyRunsFlags & {
  readonly vary: readonly string[];
  readonly stage?: string;
};

const METRICS: readonly CocoStatName[] = ['AP', 'AP50', 'AP75', 'APs', 'APm', 'APl'];

const EXAMPLES = `
Fields: sampler, classificationLoss, boxLoss, lossScaling, biasInit, scoreThreshold.
Values: a kind (focal, guided, optimal), a kind with its number (constant:0.1, prior:0.001, fixed:0.05), or YAML
({kind: focal, alpha: 0.25, gamma: 1}).

Example: Table 1(a) of the paper, w by pi
  sf ablate mini/retinanet --set model.stages.dense.classificationLoss.kind=cross-entropy \\
    --vary biasInit=prior:0.01,prior:0.00001 --vary lossScaling=none,constant:0.1
`;

export function ablateCommand(): Command {
  const command = new Command('ablate')
    .description('Train every combination of the given values of stage fields and print one table.')
    .argument('<config>', 'YAML file or name of a shipped config')
    .requiredOption(
      '--vary <field=value,...>',
      'values that a stage field takes (repeatable: the product is run)',
      (text: string, previous: readonly string[] | undefined) => [...(previous ?? []), text],
    )
    .option('--stage <name>', 'which stage (default: the first)');
  return addManyRunsOptions(command, 'results/ablations/<config>[-<preset>]')
    .addHelpText('after', EXAMPLES)
    .action(runAblate);
}

async function runAblate(source: string, flags: AblateFlags): Promise<void> {
  const options = {...manyRunsOptions(flags), preset: flags.preset};
  const {config} = await loadRunConfig(source, options);
  const rows = productRows(chooseStage(stagesOf(config.model), flags.stage), flags.vary);
  const session = await openSession(flags);
  const name = configName(source);
  const folder =
    flags.out ?? join(session.machine.resultsDir, 'ablations', [name, flags.preset ?? []].flat().join('-'));
  const seeds = firstSeeds(flags.seeds ?? 1);
  const runs = await planRuns({
    ...{...options, source, rows, folder},
    rowValues: 'final',
    seedsOf: () => seeds,
  });
  const concurrency = concurrencyOf(session.engine, flags.jobs);
  if (flags.dryRun === true) {
    await printPlan(runs, concurrency);
    return;
  }

  const outcomes = await runAll('ablate', runs, session, concurrency);
  const preset = flags.preset ?? 'none';
  const changed = describeChanges(flags);
  const scale = {preset, ...(changed !== undefined && {changed})};
  const cells = rows.map(row => METRICS.map(metric => cellOf(outcomes, row.id, metric, scale)));
  const text = alignColumns([
    ['', ...METRICS],
    ...rows.map((row, index) => [row.label, ...cells[index]!.map(cell => cellText(cell, 1))]),
  ]);
  const table = {
    config: source,
    ...scale,
    seeds,
    commit: recorded(outcomes, 'commit'),
    engine: recorded(outcomes, 'engine'),
    rows: rows.map(({id, label, stages}, index) => ({
      id,
      label,
      stages,
      cells: Object.fromEntries(METRICS.map((metric, m) => [metric, cells[index]![m]])),
    })),
  };
  await writeFileAtomic(join(folder, 'table.json'), `${JSON.stringify(table, null, 2)}\n`);
  if (flags.json !== undefined) await writeJson(flags.json, table);
  if (flags.json !== '-') {
    const made = [
      ...[`config ${source}`, `preset ${preset}`],
      ...(changed === undefined ? [] : [`changed: ${changed}`]),
      ...[`seeds ${seeds.join(' ')}`, `commit ${table.commit}`, `engine ${table.engine}`],
    ].join(', ');
    await writeOut(`${text}${made}; box AP in percent, mean ±sample deviation; n/a: diverged\n`);
  }
  requireSuccess(outcomes);
}

/** A file's name, or the name of a shipped config with its folder: mini-retinanet. */
function configName(source: string): string {
  const name = existsSync(source) ? basename(source) : source.replace(/^configs\//, '');
  return name.replace(/\.[^./]*$/, '').replaceAll('/', '-');
}

type NamedStage = readonly [name: string, stage: StageConfig];

function chooseStage(stages: readonly NamedStage[], wanted: string | undefined): NamedStage {
  const found = wanted === undefined ? stages[0] : stages.find(([name]) => name === wanted);
  if (found !== undefined) return found;
  const names = stages.map(([name]) => name);
  throw new UsageError(
    `--stage ${wanted}: this detector has no such stage${suggestion(wanted ?? '', names)}`,
  );
}

/** Every combination of the values, the last variation changing fastest. @throws UsageError for a field given twice. */
function productRows([stageName, base]: NamedStage, variations: readonly string[]): readonly TableRow[] {
  let combinations: readonly (readonly {readonly field: string; readonly value: StageValue}[])[] = [[]];
  for (const text of variations) {
    const {field, values} = parseVariation(text);
    if (combinations[0]?.some(chosen => chosen.field === field)) {
      throw new UsageError(`--vary ${text}: ${field} is varied already; give all its values in one --vary`);
    }
    combinations = combinations.flatMap(chosen => values.map(value => [...chosen, {field, value}]));
  }
  return combinations.map(chosen => {
    const changes = Object.fromEntries(chosen.map(({field, value}) => [field, value.value]));
    const label = chosen.map(({field, value}) => `${field}=${value.text}`).join(' ');
    return {
      id: label.replaceAll(/[^A-Za-z0-9.=-]+/g, '_'),
      label,
      stages: {[stageName]: {...base, ...changes} as StageConfig},
    };
  });
}
