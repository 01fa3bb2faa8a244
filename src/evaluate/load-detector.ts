/** A trained detector from a run's folder or one of its checkpoints: all that evaluation and prediction need. */
import {stat} from 'node:fs/promises';
import {type LoadedRunConfig, reviseRunConfig} from '../config/load.js';
import {buildDetector, inputStd} from '../detectors/build.js';
import type {Detector} from '../detectors/detector.js';
import {UsageError} from '../errors.js';
import {loadLatest, loadParameters} from '../train/checkpoint.js';
import {type Checkpoint, readCheckpoint} from '../train/checkpoint-file.js';

export type LoadedDetector = {
  readonly detector: Detector;
  readonly loaded: LoadedRunConfig;
  readonly checkpoint: Pick<Checkpoint, 'path' | 'state'>;
};

/**
 * @param path a run's folder (its newest valid checkpoint is taken) or a .safetensors file
 * @param overrides `a.b=c`, over the config that the checkpoint was made with: thresholds, input size, data
 * @throws UsageError when there is nothing at `path` or the weights do not fit the overridden config
 */
export async function loadDetector(
  path: string,
  overrides: readonly string[],
  warn: (message: string) => void,
): Promise<LoadedDetector> {
  const {path: file, state} = await findCheckpoint(path, warn);
  const loaded = await reviseRunConfig(state.config, file, {overrides});
  const detector = buildDetector(loaded.config.model, {
    classes: state.classNames.length,
    seed: state.seed,
    imbalance: state.imbalance,
    inputStd: inputStd(loaded.config.input),
  });
  await loadParameters(file, detector.parameters);
  return {detector, loaded, checkpoint: {path: file, state}};
}

async function findCheckpoint(path: string, warn: (message: string) => void): Promise<Checkpoint> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    throw new UsageError(
      `there is no run or checkpoint at ${path}; expected a run's folder or a .safetensors file`,
    );
  }
  if (found.isFile()) return readCheckpoint(path);
  const latest = await loadLatest(path, warn);
  if (latest === undefined) throw new UsageError(`${path} has no checkpoints; is it the folder of a run?`);
  return latest;
}
