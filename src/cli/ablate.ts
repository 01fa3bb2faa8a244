/** `sf ablate`: any product of values of the six stage fields, on any config and data set, as one table. */
import {existsSync} from 'node:fs';
import {basename, join} from 'node:path';
import {Command} from 'commander';
import {cellOf} from '../../experiments/cells.js';
import {planRuns, type TableRow} from '../../experiments/plan.js';

import {type LoadedRunConfig, loadRunConfig} from '../config/load.js';
import {parseVariation, type StageField, type StageValue, stageShape} from '../config/stage-values.js';

import {suggestion} from '../config/suggest.js';
import type {AnyStageConfig} from '../config/yolov3.js';
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
  requireTextOfPlan,
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
({kind: focal, alpha: 0.25, gamma: 1}). A sampler without numbers takes the n and fraction of the stage's own.

Example: Table 1(a) of the paper, w by pi
  sf ablate mini/retinanet --set model.stages.dense.classificationLoss.kind=cross-entropy \\
    --vary biasInit=prior:0.01,prior:0.00001 --vary lossScaling=none,constant:0.1

Example: samplers of both stages of Faster R-CNN
  sf ablate mini/faster_rcnn --vary rpn.sampler=minibatch-biased,ohem --vary roi.sampler=minibatch-biased,ohem,iou-balanced
`;

export function ablateCommand(): Command {
  const command = new Command('ablate')
    .description('Train every combination of the given values of stage fields and print one table.')
    .argument('<config>', 'YAML file or name of a shipped config')
    .requiredOption(
      '--vary <[stage.]field=value,...>',
      'values that a stage field takes (repeatable: the product is run)',
      (text: string, previous: readonly string[] | undefined) => [...(previous ?? []), text],
    )
    .option('--stage <name>', 'the stage of fields without one (default: the first)');
  return addManyRunsOptions(command, 'results/ablations/<config>[-<preset>]')
    .addHelpText('after', EXAMPLES)
    .action(runAblate);
}

async function runAblate(source: string, flags: AblateFlags): Promise<void> {
  requireTextOfPlan(flags);
  const options = {...manyRunsOptions(flags), preset: flags.preset};
  const rows = productRows(await loadRunConfig(source, options), flags);
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

/** One `--vary`: the values of one field of one stage. */
type Variation = {
  readonly stage: string;
  readonly field: StageField;
  /** How labels name the field. */
  readonly shown: string;
  readonly values: readonly StageValue[];
};

/** Reads FIELD=VALUE,... or STAGE.FIELD=VALUE,... */
function readVariation(text: string, {config, sampleSizes}: LoadedRunConfig, usual?: string): Variation {
  const [, prefix, bare] = /^\s*(\w+)\.(\w+\s*=.*)$/s.exec(text) ?? [];
  const flag = prefix === undefined ? `--stage ${usual}` : `--vary ${text}`;
  const [stage, {sampler}] = chooseStage(stagesOf(config.model), prefix ?? usual, flag);
  const size = sampleSizes[stage];
  const {field, values} = parseVariation(bare ?? text, {
    name: stage,
    shape: stageShape(config.model.kind, stage),
    sample: 'n' in sampler ? {n: sampler.n, fraction: sampler.fraction} : size === undefined ? {} : {n: size},
  });
  return {stage, field, shown: prefix === undefined ? field : `${stage}.${field}`, values};
}

type NamedStage = readonly [name: string, stage: AnyStageConfig];

function chooseStage(stages: readonly NamedStage[], wanted: string | undefined, flag: string): NamedStage {
  const found = wanted === undefined ? stages[0] : stages.find(([name]) => name === wanted);
  if (found !== undefined) return found;
  const names = stages.map(([name]) => name);
  throw new UsageError(`${flag}: this detector has no stage ${wanted}${suggestion(wanted ?? '', names)}`);
}

/** Every combination of the values, the last variation changing fastest. @throws UsageError for a field given twice. */
function productRows(loaded: LoadedRunConfig, {vary, stage: usual}: AblateFlags): readonly TableRow[] {
  type Choice = Omit<Variation, 'values'> & {readonly value: StageValue};
  let combinations: readonly (readonly Choice[])[] = [[]];
  for (const text of vary) {
    const {values, ...varied} = readVariation(text, loaded, usual);
    if (combinations[0]?.some(({stage, field}) => stage === varied.stage && field === varied.field)) {
      throw new UsageError(
        `--vary ${text}: ${varied.field} is varied already; give all its values in one --vary`,
      );
    }
    combinations = combinations.flatMap(chosen => values.map(value => [...chosen, {...varied, value}]));
  }
  return combinations.map(choices => {
    const label = choices.map(({shown, value}) => `${shown}=${value.text}`).join(' ');
    return {
      id: label.replaceAll(/[^A-Za-z0-9.=-]+/g, '_'),
      label,
      stages: Object.fromEntries(
        stagesOf(loaded.config.model)
          .filter(([name]) => choices.some(({stage}) => stage === name))
          .map(([name, base]) => [
            name,
            withChoices(
              base,
              choices.filter(({stage}) => stage === name),
            ),
          ]),
      ),
    };
  });
}

function withChoices(
  base: AnyStageConfig,
  choices: readonly {readonly field: StageField; readonly value: StageValue}[],
): AnyStageConfig {
  const changes = Object.fromEntries(choices.map(({field, value}) => [field, value.value]));
  return {...base, ...changes} as AnyStageConfig;
}
