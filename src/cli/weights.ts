/** `sf weights`: a checkpoint of weights that no run of sf has made, such as darknet's, for `sf eval` and `sf predict`. */
import {resolve} from 'node:path';
import {Command} from 'commander';
import {configHash, type ExplicitValue, loadRunConfig} from '../config/load.js';
import {readClassNames} from '../data/class-names.js';
import {openDataset, parseDataFlag} from '../data/open.js';
import {buildDetector, inputStd, stagesOf} from '../detectors/build.js';
import {measureImbalance, needsImbalance} from '../detectors/imbalance.js';
import {UsageError} from '../errors.js';
import {saveCheckpoint} from '../train/checkpoint.js';
import {loadInitialWeights, requireWeights} from '../train/initial-weights.js';
import {addEngineOptions, dataOption, type EngineFlags, presetOption, setOption} from './flags.js';
import {writeOut} from './output.js';
import {openSession} from './session.js';

type WeightsFlags = EngineFlags & {
  readonly out: string;
  readonly data?: string;
  readonly names?: string;
  readonly preset?: string;
  readonly set?: readonly string[];
};

const EXAMPLES = `
Examples:
  sf weights yolov3_darknet53 yolov3.weights --names coco.names --out yolov3.safetensors
  sf predict yolov3.safetensors photo.jpg --out drawn
  sf weights yolov3_darknet53 yolov3.weights --data coco:DIR --out yolov3.safetensors
  sf eval yolov3.safetensors --data coco:DIR
`;

export function weightsCommand(): Command {
  const command = new Command('weights')
    .description(
      'Make a checkpoint of weights that fit a config in full, to evaluate, predict and train with.',
    )
    .argument('<config>', 'YAML file or name of a shipped config')
    .argument('<weights>', "a file of darknet's weights (for YOLOv3), a checkpoint or a run")
    .requiredOption('--out <file>', 'the checkpoint (.safetensors)')
    .addOption(dataOption())
    .option('--names <file>', 'class names, one a line, instead of those of the data')
    .addOption(presetOption())
    .addOption(setOption())
    .addHelpText('after', EXAMPLES)
    .action(makeCheckpoint);
  return addEngineOptions(command);
}

async function makeCheckpoint(source: string, given: string, flags: WeightsFlags): Promise<void> {
  const {out, names} = flags;
  const weights = resolve(given);
  if (!out.endsWith('.safetensors')) {
    throw new UsageError(`--out is ${out}; a checkpoint is a .safetensors file`);
  }
  if (resolve(out) === weights) throw new UsageError(`--out ${out} would replace the weights it is made of`);
  if (names !== undefined && flags.data !== undefined) {
    throw new UsageError('--names and --data both say what the classes are; give one of them');
  }
  const {config} = await loadRunConfig(source, {
    preset: flags.preset,
    overrides: flags.set ?? [],
    explicit: explicitValues(weights, flags),
  });
  if (names !== undefined && stagesOf(config.model).some(([, stage]) => needsImbalance(stage))) {
    throw new UsageError(
      'this config counts N and N_f of a training set, which --names has not; give --data',
    );
  }
  await requireWeights(weights);
  const named = names === undefined ? undefined : await readClassNames(names);
  const session = await openSession(flags);
  try {
    const dataset = named ?? (await openDataset(config.data.train, session.data));
    const {classNames, categoryIds} = dataset;
    const classes = classNames.length;
    const imbalance = measureImbalance(config, dataset);
    const {parameters} = buildDetector(config.model, {
      ...{classes, seed: config.seed, imbalance, inputStd: inputStd(config.input)},
    });
    const warn = (message: string) => process.stderr.write(`warning: ${message}\n`);
    const {summary, kept} = await loadInitialWeights(
      weights,
      {model: config.model, parameters, classNames},
      warn,
    );
    if (kept > 0) {
      throw new UsageError(
        `${summary}; a checkpoint needs all of them, start a training from these with sf train --weights`,
      );
    }
    const state = {
      ...{iteration: 0, seed: config.seed, config, configHash: configHash(config), imbalance},
      ...{classNames: [...classNames], categoryIds: [...categoryIds]},
      ...{trainingSeconds: 0, startedAt: new Date().toISOString()},
    };
    await saveCheckpoint(out, state, parameters, {velocities: new Map()});
    parameters.dispose();
    await writeOut(`${summary}, ${classes} ${classes === 1 ? 'class' : 'classes'} -> ${out}\n`);
  } finally {
    session.data.stop();
  }
}

function explicitValues(weights: string, {data}: WeightsFlags): readonly ExplicitValue[] {
  const values: ExplicitValue[] = [{flag: '<weights>', key: 'weights', value: weights}];
  if (data !== undefined) values.push({flag: '--data', key: 'data', value: parseDataFlag(data)});
  return values;
}
