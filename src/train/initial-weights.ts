/** What a run starts from besides the values that its seed draws: the parameters of another run, or darknet's weights. */
import {stat} from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs';
import type {ModelConfig} from '../config/run.js';
import {UsageError} from '../errors.js';
import type {Parameters} from '../layers/parameters.js';
import {type DarknetImport, loadDarknetWeights} from '../weights/darknet.js';
import {assignStored, loadLatest, some} from './checkpoint.js';
import {type Checkpoint, readCheckpoint} from './checkpoint-file.js';

export type WeightsTarget = {
  readonly model: ModelConfig;
  readonly parameters: Parameters;
  /** C, foreground classes. */
  readonly classes: number;
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
    throw new UsageError(`there are no weights at ${path}; check --weights, or weights in the config`);
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
    return adopt(checkpoint, target.parameters);
  }
  if (path.endsWith('.safetensors')) return adopt(await readCheckpoint(path), target.parameters);
  const {model, parameters, classes} = target;
  if (model.kind !== 'yolov3') {
    throw new UsageError(
      `${path} is taken for darknet's weights, which are for yolov3, and this model is ${model.kind}; ` +
        'for it, name the folder of a run or a .safetensors checkpoint',
    );
  }
  const imported = await loadDarknetWeights(path, {config: model, parameters, classes});
  return {summary: describeImport(path, imported, target), kept: imported.kept.length};
}

/** Takes every parameter that has the name and the shape of one of the model. */
function adopt({path, state, parameters: stored}: Checkpoint, parameters: Parameters): LoadedWeights {
  const kept: string[] = [];
  for (const parameter of parameters.all) {
    const {name, variable} = parameter;
    const found = stored.get(name);
    const fits = found !== undefined && tf.util.arraysEqual([...found.shape], variable.shape);
    if (fits) assignStored(parameter, found);
    else kept.push(`${name} [${variable.shape.join(', ')}] (there ${placeOf(found?.shape)})`);
  }
  const all = parameters.all.length;
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

function placeOf(shape: readonly number[] | undefined): string {
  return shape === undefined ? 'absent' : `[${shape.join(', ')}]`;
}

function describeImport(path: string, imported: DarknetImport, {classes}: WeightsTarget): string {
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
