/** `sf eval`: figures of a trained detector on a data set, or of a results file against an annotation file. */
import {Command} from 'commander';
import {openDataset, parseDataFlag} from '../data/open.js';
import {UsageError} from '../errors.js';
import {evaluateDetector} from '../evaluate/evaluate-detector.js';
import {writeEvaluation} from '../evaluate/evaluation-files.js';
import {loadDetector} from '../evaluate/load-detector.js';
import {formatCocoStats, statsJson} from '../evaluate/text.js';
import {evaluateFiles} from './eval-files.js';
import {addEngineOptions, dataOption, type EngineFlags, jsonOption, parseChoice, setOption} from './flags.js';
import {progressBar, writeJson, writeOut} from './output.js';
import {openSession} from './session.js';

type EvalFlags = EngineFlags & {
  readonly annotations?: string;
  readonly results?: string;
  readonly iouType?: string;
  readonly data?: string;
  readonly split?: string;
  readonly out?: string;
  readonly set?: readonly string[];
  readonly json?: string;
};

export function evalCommand(): Command {
  const command = new Command('eval')
    .description("COCO's figures of a run or checkpoint on a data set, or of a results file.")
    .argument('[run]', 'folder of a run, or a checkpoint (.safetensors)')
    .addOption(dataOption())
    .option('--split <name>', 'which part of --data: train or val (default val)')
    .addOption(setOption())
    .option('--out <dir>', 'also write eval.json and detections.json here')
    .option('--annotations <file>', 'COCO instances JSON; evaluates --results without a model')
    .option('--results <file>', 'COCO results JSON')
    .option('--iou-type <type>', 'what overlaps are measured on: bbox')
    .addOption(jsonOption())
    .action(runEval);
  return addEngineOptions(command);
}

async function runEval(run: string | undefined, flags: EvalFlags): Promise<void> {
  if (flags.annotations !== undefined || flags.results !== undefined) {
    await evaluateResultsFile(run, flags);
    return;
  }
  if (run === undefined) {
    throw new UsageError('sf eval needs the folder of a run or a checkpoint, or --annotations and --results');
  }
  await evaluateRun(run, flags);
}

async function evaluateResultsFile(run: string | undefined, flags: EvalFlags): Promise<void> {
  const {annotations, results, json} = flags;
  if (run !== undefined)
    throw new UsageError('sf eval takes a run, or --annotations and --results, not both');
  if (annotations === undefined || results === undefined) {
    throw new UsageError('--annotations and --results belong together: the objects and what was detected');
  }
  const meaningless = [
    ...(['data', 'split', 'set', 'out'] as const),
    ...(['engine', 'device', 'precision', 'threads', 'deterministic'] as const),
  ] as const;
  for (const flag of meaningless) {
    if (flags[flag] !== undefined)
      throw new UsageError(`--${flag} has no meaning with --annotations and --results`);
  }
  const iouType = parseChoice('--iou-type', ['bbox'], flags.iouType ?? 'bbox');
  process.exitCode = await evaluateFiles({
    annotations,
    results,
    iouType,
    ...(json === undefined ? {} : {json}),
  });
}

async function evaluateRun(run: string, flags: EvalFlags): Promise<void> {
  parseChoice('--iou-type', ['bbox'], flags.iouType ?? 'bbox');
  const split = parseChoice('--split', ['train', 'val'], flags.split ?? 'val');
  const session = await openSession(flags);
  const warn = (message: string) => process.stderr.write(`warning: ${message}\n`);
  const {detector, loaded, checkpoint} = await loadDetector(run, flags.set ?? [], warn);
  const {config} = loaded;
  const data = flags.data === undefined ? config.data : parseDataFlag(flags.data);
  const dataset = await openDataset(data[split], session.data);
  const [trained, present] = [checkpoint.state.classNames, dataset.classNames].map(names => names.join(', '));
  if (trained !== present) {
    throw new UsageError(`${run} was trained on the classes ${trained}; ${dataset.name} has ${present}`);
  }
  process.stderr.write(`${checkpoint.path} (iteration ${checkpoint.state.iteration}) on ${dataset.name}\n`);
  const bar = progressBar({label: 'evaluate', total: dataset.images.length, unit: 'images'});
  const evaluated = await evaluateDetector(detector, dataset, {
    input: config.input,
    imagesPerBatch: config.schedule.imagesPerBatch,
    onProgress: done => bar.update(done),
  }).finally(() => bar.stop());
  detector.parameters.dispose();
  if (flags.out !== undefined) await writeEvaluation(flags.out, evaluated, dataset);
  if (flags.json !== undefined) await writeJson(flags.json, statsJson(evaluated.evaluation));
  if (flags.json !== '-') await writeOut(formatCocoStats(evaluated.evaluation));
}
