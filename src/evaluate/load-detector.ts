/** A trained detector from a run's folder or one of its checkpoints: all that evaluation and prediction need. */
import type {Stats} from 'node:fs';
import {stat} from 'node:fs/promises';
import {join} from 'node:path';
import {type LoadedRunConfig, loadRunConfig, reviseRunConfig} from '../config/load.js';
import {buildDetector, inputStd} from '../detectors/build.js';
import type {Detector} from '../detectors/detector.js';
import {UsageError} from '../errors.js';
import {loadLatest, loadParameters} from '../train/checkpoint.js';
import {type Checkpoint, readCheckpoint} from '../train/checkpoint-file.js';
import {readResult} from '../train/run-log.js';

export type LoadedDetector = {
  readonly detector: Detector;
  readonly loaded: LoadedRunConfig;
  readonly checkpoint: Pick<Checkpoint, 'path' | 'state'>;
};

/**
 * @param path a run's folder (its newest valid checkpoint is taken) or a .safetensors file. The folder of a run whose
 *   weights another one trained has a config of its own and that one's checkpoint.
 * @param overrides `a.b=c`, over the config that the checkpoint was made with: thresholds, input size, data
 * @throws UsageError when there is nothing at `path` or the weights do not fit the overridden config
 */
export async function loadDetector(
  path: string,
  overrides: readonly string[],
  warn: (message: string) => void,
): Promise<LoadedDetector> {
  const {checkpoint, ownConfig} = await findCheckpoint(path, warn);
  const {path: file, state} = checkpoint;
  const loaded = await (ownConfig === undefined
    ? reviseRunConfig(state.config, file, {overrides})
    : loadRunConfig(ownConfig, {overrides}));
  const detector = buildDetector(loaded.config.model, {
    classes: state.classNames.length,
    seed: state.seed,
    imbalance: state.imbalance,
    inputStd: inputStd(loaded.config.input),
  });
  await loadParameters(file, detector.parameters);
  return {detector, loaded, checkpoint: {path: file, state}};
}

type Found = {
  readonly checkpoint: Checkpoint;
  /** File of the config to use instead of the checkpoint's. */
  readonly ownConfig?: string;
};

/**
 * Looks whether there is anything at `path`, before an engine is opened for it.
 * @throws UsageError when there is not
 */
export async function requireRun(path: string): Promise<Stats> {
  return await stat(path).catch(() => {
    throw new UsageError(
      `there is no run or checkpoint at ${path}; expected a run's folder or a .safetensors file`,
    );
  });
}

async function findCheckpoint(path: string, warn: (message: string) => void): Promise<Found> {
  const found = await requireRun(path);
  if (found.isFile()) return {checkpoint: await readCheckpoint(path)};
  const trainedBy = (await readResult(path))?.trainedBy;
  const folder = trainedBy === undefined ? path : join(path, trainedBy);
  const checkpoint = await loadLatest(folder, warn);
  if (checkpoint === undefined) {
    const missing = `${folder} has no checkpoints`;
    throw new UsageError(
      trainedBy === undefined
        ? `${missing}; is it the folder of a run?`
        : `${missing}, and ${path} has its weights from there`,
    );
  }
  return trainedBy === undefined ? {checkpoint} : {checkpoint, ownConfig: join(path, 'config.yaml')};
}
