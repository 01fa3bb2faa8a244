/** `sf reproduce`: a table of the paper, measured, beside the paper's numbers. */
import {join, relative} from 'node:path';
import chalk, {chalkStderr} from 'chalk';
import {Command} from 'commander';
import {cellOf, type Figure, figureOf} from '../../experiments/cells.js';
import type {Experiment} from '../../experiments/experiment.js';
import {experiments} from '../../experiments/index.js';
import {lossCurvesSvg} from '../../experiments/loss-curves.js';
import {type PlannedRun, planRuns} from '../../experiments/plan.js';
import {setsKey} from '../config/load.js';
import {loadMachine} from '../config/machine.js';
import {suggestion} from '../config/suggest.js';
import {UsageError} from '../errors.js';
import {writeFileAtomic} from '../files/write-atomic.js';
import type {Cell} from '../report/cell.js';
import {type PaperTable, readPaperTable} from '../report/paper.js';
import {
  cellText,
  compareWithPaper,
  comparisonJson,
  formatMarkdown,
  formatText,
  type TableStyle,
} from '../report/table.js';
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
  requireTextOfPlan,
  runAll,
} from './experiment-runs.js';
import {parseList} from './flags.js';
import {writeJson, writeOut} from './output.js';
import {machineFlags, openSession} from './session.js';

type ReproduceFlags = ManyRunsFlags & {
  readonly rows?: readonly string[];
};

const STYLE: TableStyle = {
  title: chalk.bold,
  heading: chalk.underline,
  measured: chalk.cyan,
  faint: chalk.dim,
};

export function reproduceCommand(): Command {
  const names = experiments.map(({id}) => id).join(', ');
  const command = new Command('reproduce')
    .description('Measure a table of the paper and print it beside the paper’s numbers.')
    .argument('<table>', names)
    .option('--rows <list>', 'run only these rows, comma-separated', parseList);
  return addManyRunsOptions(command, 'results/<table>/<preset>').action(runReproduce);
}

async function runReproduce(name: string, flags: ReproduceFlags): Promise<void> {
  const experiment = findExperiment(name);
  const paper = await readPaperTable(experiment.id);
  requireTextOfPlan(flags);
  requireRows(experiment, flags.rows);
  requireRowsValues(experiment, flags.set ?? []);
  const preset = flags.preset ?? 'paper';
  const {machine} = await loadMachine(machineFlags(flags));
  const folder = flags.out ?? join(machine.resultsDir, experiment.id, preset);
  const runs = await planRuns({
    ...manyRunsOptions(flags),
    source: experiment.config,
    preset,
    rows: experiment.rows,
    rowValues: 'paper',
    seedsOf: ({id}) => firstSeeds(flags.seeds ?? experiment.seeds?.[id] ?? 1),
    wanted: flags.rows,
    folder,
  });
  const session = await openSession(flags);
  const concurrency = concurrencyOf(session.engine, flags.jobs);
  if (flags.dryRun === true) {
    await printPlan(runs, concurrency);
    return;
  }

  const outcomes = await runAll(experiment.id, runs, session, concurrency);
  const changed = describeChanges(flags);
  const scale = {preset, ...(changed !== undefined && {changed})};
  const measured = (row: string, figure: Figure) => cellOf(outcomes, row, figure, scale);
  const comparison = compareWithPaper(
    paper,
    (row, metric) => measured(row, figureOf(metric)),
    runs.map(({row}) => row.id),
  );
  const processor = paper.rows.map(({id}) => measured(id, 'processorTime'));
  const table = {
    ...comparisonJson(comparison),
    ...scale,
    engine: recorded(outcomes, 'engine'),
    learningRates: Object.fromEntries(runs.map(({row, config}) => [row.id, config.schedule.baseLr])),
    ...(timesSteps(paper) && {
      runsAtATime: concurrency,
      processorTime: Object.fromEntries(paper.rows.map(({id}, row) => [id, processor[row]!])),
    }),
  };
  await writeFileAtomic(join(folder, 'table.json'), `${JSON.stringify(table, null, 2)}\n`);
  await writeFileAtomic(join(folder, 'table.md'), formatMarkdown(comparison));
  if (experiment.comparableLosses) {
    const title = `Classification loss of the rows of ${experiment.id}, preset ${preset}`;
    await writeFileAtomic(join(folder, 'loss-curves.svg'), await lossCurvesSvg(title, outcomes));
  }
  if (flags.json !== undefined) await writeJson(flags.json, table);
  if (flags.json !== '-') {
    await writeOut(formatText(comparison, STYLE));
    await writeOut(timesText(paper, processor, concurrency));
    await writeOut(learningRatesText(runs));
    for (const {run, result} of outcomes) {
      if (result?.trainedBy === undefined) continue;
      const trainer = relative(folder, join(run.runDir, result.trainedBy));
      await writeOut(`${run.id}: weights of ${trainer}, whose training is the same\n`);
    }
    const written = ['table.json', 'table.md', ...(experiment.comparableLosses ? ['loss-curves.svg'] : [])];
    process.stderr.write(chalkStderr.dim(`runs, ${written.join(', ')}: ${folder}\n`));
  }
  requireSuccess(outcomes);
}

function findExperiment(name: string): Experiment {
  const found = experiments.find(({id}) => id === name);
  if (found !== undefined) return found;
  const names = experiments.map(({id}) => id);
  throw new UsageError(`there is no experiment ${name}${suggestion(name, names)}`);
}

/** @throws UsageError for a row that the table does not have, or none at all. */
function requireRows({id, rows}: Experiment, wanted: readonly string[] | undefined): void {
  const names = rows.map(row => row.id);
  if (wanted?.length === 0) throw new UsageError(`--rows names no row; ${id} has ${names.join(', ')}`);
  for (const name of wanted ?? []) {
    if (!names.includes(name)) throw new UsageError(`${id} has no row ${name}${suggestion(name, names)}`);
  }
}

/** @throws UsageError for an override of what the rows set themselves. */
function requireRowsValues({id, rows}: Experiment, set: readonly string[]): void {
  const normalisers = rows.flatMap(row => Object.keys(row.normalisers ?? {}));
  const own = ['model.stages', ...normalisers.map(stage => `model.${stage}.normaliser`)];
  for (const text of set) {
    const key = own.find(name => setsKey(text, name));
    if (key === undefined) continue;
    throw new UsageError(
      `--set ${text}: the rows of ${id} set ${key}; sf ablate varies stages, and --set sampleSizes.STAGE=N sizes their samples`,
    );
  }
}

/** How the times of a table were measured, and the same steps in processor time. */
function timesText(paper: PaperTable, processor: readonly Cell[], concurrency: number): string {
  if (!timesSteps(paper)) return '';
  const times = paper.rows.map(({group, label}, row) => {
    const name = group === undefined ? label : `${group}, ${label}`;
    return `${name} ${cellText(processor[row]!, 1)}`;
  });
  return (
    `training: the median step, without the wait for images, of runs that trained ${concurrency} at a time\n` +
    `processor time of a step (ms): ${times.join('; ')}\n`
  );
}

/** Empty where all rows have one. */
function learningRatesText(runs: readonly PlannedRun[]): string {
  const rates = new Map(runs.map(({row, config}) => [row.label, config.schedule.baseLr]));
  if (new Set(rates.values()).size < 2) return '';
  return `base learning rates: ${[...rates].map(([label, rate]) => `${label} ${rate}`).join('; ')}\n`;
}

const timesSteps = ({metrics}: PaperTable): boolean => metrics.some(({id}) => id === 'trainingTime');
