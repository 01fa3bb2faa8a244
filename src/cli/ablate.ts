/** `sf ablate`: any product of values of the six stage fields, on any config and data set, as one table. */
import {basename, join} from 'node:path';
import {Command} from 'commander';
import {cellOf} from '../../experiments/cells.js';
import {planRuns, type TableRow} from '../../experiments/plan.js';
import {type ExplicitValue, loadRunConfig} from '../config/load.js';
import type {StageConfig} from '../config/stage.js';
import {parseVariation, type StageValue} from '../config/stage-values.js';
import {suggestion} from '../config/suggest.js';
import {parseDataFlag} from '../data/open.js';
import {stagesOf} from '../detectors/build.js';
import type {EngineChoice} from '../engine/engine.js';
import {UsageError} from '../errors.js';
import type {CocoStatName} from '../evaluate/coco-stats.js';
import {writeFileAtomic} from '../files/write-atomic.js';
import {alignColumns} from '../report/align-columns.js';
import {cellText} from '../report/table.js';
import {concurrencyOf, printPlan, requireSuccess, runAll} from './experiment-runs.js';
import {dataOption, engineOption, jsonOption, parseWhole, presetOption, setOption} from './flags.js';
import {writeJson, writeOut} from './output.js';
import {openSession} from './session.js';

type AblateFlags = {
  readonly vary: readonly string[];
  readonly stage?: string;
  readonly preset?: string;
  readonly seeds?: number;
  readonly dryRun?: boolean;
  readonly engine?: EngineChoice;
  readonly data?: string;
  readonly set?: readonly string[];
  readonly out?: string;
  readonly jobs?: number;
  readonly json?: string;
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
  return new Command('ablate')
    .description('Train every combination of the given values of stage fields and print one table.')
    .argument('<config>', 'YAML file or name of a shipped config')
    .requiredOption(
      '--vary <field=value,...>',
      'values that a stage field takes (repeatable: the product is run)',
      (text: string, previous: readonly string[] | undefined) => [...(previous ?? []), text],
    )
    .option('--stage <name>', 'which stage (default: the first)')
    .addOption(presetOption())
    .option('--seeds <n>', 'runs of every row, with seeds 0 to n - 1 (default 1)', text =>
      parseWhole('--seeds', 1, text),
    )
    .option('--dry-run', 'print the runs, their iterations and an estimate of the time')
    .addOption(engineOption())
    .addOption(dataOption())
    .addOption(setOption())
    .option('--out <dir>', 'folder of the runs and the table (default: results/ablations/<config>)')
    .option('--jobs <n>', 'runs at a time (default: one a core on CPU engines)', text =>
      parseWhole('--jobs', 1, text),
    )
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action(runAblate);
}

async function runAblate(source: string, flags: AblateFlags): Promise<void> {
  const explicit: readonly ExplicitValue[] =
    flags.data === undefined ? [] : [{flag: '--data', key: 'data', value: parseDataFlag(flags.data)}];
  const options = {preset: flags.preset, overrides: flags.set ?? [], explicit};
  const {config} = await loadRunConfig(source, options);
  const rows = productRows(chooseStage(stagesOf(config.model), flags.stage), flags.vary);
  const session = await openSession(flags);
  const name = basename(source).replace(/\.[^.]*$/, '');
  const folder = flags.out ?? join(session.machine.resultsDir, 'ablations', name);
  const seeds = Array.from({length: flags.seeds ?? 1}, (_, seed) => seed);
  const runs = await planRuns({...options, source, rows, seeds, folder});
  const concurrency = concurrencyOf(session.engine.name, flags.jobs);
  if (flags.dryRun === true) {
    await printPlan(runs, concurrency);
    return;
  }

  const outcomes = await runAll('ablate', runs, session, concurrency);
  const preset = flags.preset ?? 'none';
  const cells = rows.map(row => METRICS.map(metric => cellOf(outcomes, row.id, metric, preset)));
  const text = alignColumns([
    ['', ...METRICS],
    ...rows.map((row, index) => [row.label, ...cells[index]!.map(cell => cellText(cell, 1))]),
  ]);
  const table = {
    config: source,
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
    const commits = new Set(outcomes.map(({result}) => result?.commit ?? 'unknown'));
    const made = `config ${name}, preset ${preset}, seeds ${seeds.join(' ')}, commit ${[...commits].join(' ')}, engine ${session.engine.name}`;
    await writeOut(`${text}${made}; box AP in percent, mean ±sample deviation; n/a: diverged\n`);
  }
  requireSuccess(outcomes);
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

/** Every combination of the values, the last variation changing fastest. */
function productRows([stageName, base]: NamedStage, variations: readonly string[]): readonly TableRow[] {
  let combinations: readonly (readonly {readonly field: string; readonly value: StageValue}[])[] = [[]];
  for (const text of variations) {
    const {field, values} = parseVariation(text);
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
