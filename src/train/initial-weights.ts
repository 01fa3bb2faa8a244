/** What a run starts from besides the values that its seed draws: the parameters of another run, or darknet's weights. */
import {stat} from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs';
import {recordedConfig} from '../config/load.js';
import type {ModelConfig} from '../config/run.js';
import {UsageError} from '../errors.js';
import type {Parameters} from '../layers/parameters.js';
import {type DarknetImport, loadDarknetWeights} from '../weights/darknet.js';
import {assignStored, loadLatest, some} from './checkpoint.js';
import {type Checkpoint, readCheckpoint} from './checkpoint-file.js';

/** Deltas of a box: of x, y, width and height. */
const BOX_DELTAS = 4;

export type WeightsTarget = {
  readonly model: ModelConfig;
  readonly parameters: Parameters;
  /** Class c (1..C) is classNames[c - 1]. */
  readonly classNames: readonly string[];
};

export type LoadedWeights = {
  /** One line: what was loaded, and what keeps its initial values. */
  readonly summary: string;
  /** Parameters that keep their initial values. */
  readonly kept: number;
};

/** Before data sets are opened. @throws UsageError when there is nothing at `path` */
export async function requireWeights(path: string): Promise<void> {
  await stat(path).catch(() => {
    throw new UsageError(`there are no weights at ${path}; check the path`);
  });
}

/**
 * Puts in place what is at `path`: the newest checkpoint of a run's folder, a checkpoint (.safetensors), or anything else as
 * a file of darknet's weights.
 * @throws UsageError when nothing of it fits the model; RunError when the file is damaged
 */
export async function loadInitialWeights(
  path: string,
  target: WeightsTarget,
  warn: (message: string) => void,
): Promise<LoadedWeights> {
  if ((await stat(path)).isDirectory()) {
    const checkpoint = await loadLatest(path, warn);
    if (checkpoint === undefined) {
      throw new UsageError(`${path} has no checkpoints to start from; is it the folder of a run?`);
    }
    return adopt(checkpoint, target);
  }
  if (path.endsWith('.safetensors')) return adopt(await readCheckpoint(path), target);
  const {model, parameters, classNames} = target;
  if (model.kind !== 'yolov3') {
    throw new UsageError(
      `${path} is taken for darknet's weights, which are for yolov3, and this model is ${model.kind}; ` +
        'for it, name the folder of a run or a .safetensors checkpoint',
    );
  }
  const imported = await loadDarknetWeights(path, {
    ...{config: model, parameters, classes: classNames.length},
  });
  return {summary: describeImport(path, imported, target), kept: imported.kept.length};
}

/** Takes every parameter that has the name and the shape of one of the model, and means the same there. */
function adopt(checkpoint: Checkpoint, target: WeightsTarget): LoadedWeights {
  const {path, state, parameters: stored} = checkpoint;
  const kept: string[] = [];
  const classes = otherClasses(checkpoint, target);
  for (const parameter of target.parameters.all) {
    const {name, variable} = parameter;
    const found = stored.get(name);
    const fits = found !== undefined && tf.util.arraysEqual([...found.shape], variable.shape);
    const other = fits && dependsOnClasses(name, variable.shape) ? classes : undefined;
    if (fits && other === undefined) assignStored(parameter, found);
    else kept.push(`${name} [${variable.shape.join(', ')}] (there ${other ?? placeOf(found?.shape)})`);
  }
  const all = target.parameters.all.length;
  const loaded = all - kept.length;
  if (loaded === 0) {
    throw new UsageError(
      `${path} has no parameter of this model: ${some(kept)}; start from one of the same kind`,
    );
  }
  const what = `weights of ${path} (iteration ${state.iteration}): ${loaded} of ${all} parameters`;
  const rest = kept.length === 0 ? '' : `; as initialised: ${some(kept)}`;
  return {summary: `${what}${rest}`, kept: kept.length};
}

/** What keeps outputs of a class from meaning the same in both models; undefined where they do. */
function otherClasses({state}: Checkpoint, {model, classNames}: WeightsTarget): string | undefined {
  const same =
    state.classNames.length === classNames.length &&
    state.classNames.every((name, i) => name === classNames[i]);
  if (!same) return `of the classes ${some(state.classNames, ', ')}`;
  if (model.kind !== 'yolov3') return undefined;
  const {model: recorded} = recordedConfig(state.config) ?? {};
  if (recorded?.kind !== 'yolov3' || (recorded.objectness === null) === (model.objectness === null)) {
    return undefined;
  }
  return recorded.objectness === null ? 'asked of every prediction' : 'asked of objects alone';
}

/** Whether a parameter has outputs for every class: logits, the boxes of a RoI-subnet that is not class-agnostic, masks. */
function dependsOnClasses(name: string, shape: readonly number[]): boolean {
  if (/^roi\b.*\.box_deltas\./.test(name)) return shape.at(-1) !== BOX_DELTAS;
  return /\.class_logits\.|^mask\.logits\./.test(name);
}

function placeOf(shape: readonly number[] | undefined): string {
  return shape === undefined ? 'absent' : `[${shape.join(', ')}]`;
}

function describeImport(path: string, imported: DarknetImport, {classNames}: WeightsTarget): string {
  const classes = classNames.length;
  const {version, imagesSeen, convolutions, content, kept} = imported;
  const what =
    `weights of ${path} (darknet ${version}, ${imagesSeen} images seen): ` +
    `${convolutions.read} of ${convolutions.all} convolutions`;
  switch (content.kind) {
    case 'backbone':
      return `${what}, the backbone; the head as initialised`;
    case 'classifier':
      return `${what}, the backbone; its classifier is left out, the head as initialised`;
    case 'detector': {
      if (kept.length === 0) return what;
      const reason =
        content.classes === classes
          ? 'its own are asked of objects alone'
          : `${content.classes} classes there, ${classes} here`;
      return `${what}; class logits as initialised: ${reason}`;
    }
  }
}
