/**
 * Checkpoints of a run: checkpoints/iteration-000400.safetensors, the newest few of them, and best.safetensors.
 * Which one is the last is seen from the folder, never from a pointer file that could be wrong; a file that a crash
 * or a full disk left behind is passed over.
 */
import {readdir, rm} from 'node:fs/promises';
import {basename, join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import {configHash, recordedConfig} from '../config/load.js';
import type {RunConfig} from '../config/run.js';
import {RunError, UsageError} from '../errors.js';
import {errorCode} from '../files/write-atomic.js';
import type {Parameter, Parameters} from '../layers/parameters.js';
import type {StoredTensor} from '../weights/safetensors.js';
import {type Checkpoint, type CheckpointState, readCheckpoint, writeCheckpoint} from './checkpoint-file.js';
import {differingKeys} from './differing-keys.js';
import {isRunning} from './run-lock.js';
import type {Sgd} from './sgd.js';

const FOLDER = 'checkpoints';
const NUMBERED = /^iteration-(\d{6,})\.safetensors$/;
/** What writeFileAtomic leaves when its process is killed. */
const TEMPORARY = /\.safetensors\.(\d+)\.[0-9a-f]{8}\.tmp$/;

export function checkpointPath(runDir: string, iteration: number): string {
  return join(runDir, FOLDER, `iteration-${String(iteration).padStart(6, '0')}.safetensors`);
}

export function bestCheckpointPath(runDir: string): string {
  return join(runDir, FOLDER, 'best.safetensors');
}

/** Whether anything lies among the run's checkpoints, whole or not. */
export async function hasCheckpoints(runDir: string): Promise<boolean> {
  return (await listFolder(join(runDir, FOLDER))).length > 0;
}

/**
 * Saves parameters, velocities and state at `path`, atomically.
 * @throws RunError when the disk is full; the file that was there is then untouched
 */
export async function saveCheckpoint(
  path: string,
  state: CheckpointState,
  parameters: Parameters,
  optimizer: Pick<Sgd, 'velocities'>,
): Promise<void> {
  const stored = new Map<string, StoredTensor>();
  const velocities = new Map<string, StoredTensor>();
  for (const {name, variable} of parameters.all) stored.set(name, await toStored(name, variable));
  for (const [name, tensor] of optimizer.velocities) velocities.set(name, await toStored(name, tensor));
  await writeCheckpoint({path, state, parameters: stored, velocities});
}

/** Removes all but the newest `keep` numbered checkpoints, and what killed processes left half-written. */
export async function pruneCheckpoints(runDir: string, keep: number): Promise<void> {
  const folder = join(runDir, FOLDER);
  const outdated = (await numberedCheckpoints(runDir)).slice(keep);
  const abandoned = (await listFolder(folder)).filter(name => {
    const process_ = TEMPORARY.exec(name)?.[1];
    return process_ !== undefined && !isRunning(Number(process_));
  });
  for (const name of [...outdated, ...abandoned]) await rm(join(folder, name), {force: true});
}

/**
 * The newest valid checkpoint of a run, or undefined when it has none yet.
 * @param warn told about each newer file that was passed over
 * @throws RunError when there are checkpoints and none is usable
 */
export async function loadLatest(
  runDir: string,
  warn: (message: string) => void,
): Promise<Checkpoint | undefined> {
  const names = await numberedCheckpoints(runDir);
  for (const name of names) {
    try {
      return await readCheckpoint(join(runDir, FOLDER, name));
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      warn(`skipping a checkpoint: ${error.message}`);
    }
  }
  if (names.length === 0) return undefined;
  throw new RunError(
    `none of the ${names.length} checkpoints in ${join(runDir, FOLDER)} is usable; train again`,
  );
}

/**
 * Puts a checkpoint's parameters in place, for evaluation.
 * @throws RunError naming the file when it is damaged; UsageError when it was made with another model
 */
export async function loadParameters(path: string, parameters: Parameters): Promise<CheckpointState> {
  const checkpoint = await readCheckpoint(path);
  requireSameModel(checkpoint, parameters);
  assignParameters(checkpoint, parameters);
  return checkpoint.state;
}

/**
 * Puts a checkpoint's parameters and velocities in place, to go on training.
 * @throws UsageError when it was made with another model
 */
export function restoreCheckpoint(checkpoint: Checkpoint, parameters: Parameters, optimizer: Sgd): void {
  requireSameModel(checkpoint, parameters);
  const velocities = new Map<string, Float32Array>();
  for (const {name, variable} of parameters.trainable) {
    const {shape, values} = checkpoint.velocities.get(name) ?? {shape: [], values: undefined};
    if (!(values instanceof Float32Array) || !tf.util.arraysEqual([...shape], variable.shape)) {
      throw new UsageError(
        `${checkpoint.path} has no optimizer state for ${name}; use the config it was made with`,
      );
    }
    velocities.set(name, values);
  }
  assignParameters(checkpoint, parameters);
  optimizer.restore(velocities);
}

/** @throws UsageError listing the differing keys when the checkpoint was made with another config */
export function requireSameConfig({path, state}: Checkpoint, config: RunConfig): void {
  if (state.configHash === configHash(config)) return;
  const keys = differingKeys(recordedConfig(state.config) ?? state.config, config);
  if (keys.length === 0) return;
  throw new UsageError(
    `${path} was made with another config: ${some(keys)} differ${keys.length === 1 ? 's' : ''}; ` +
      'restore that config, or pass --force to go on with this one',
  );
}

/** Checks every name and shape before the first value changes. */
function requireSameModel(checkpoint: Checkpoint, parameters: Parameters): void {
  const mismatches: string[] = [];
  const wanted = new Set<string>();
  for (const {name, variable} of parameters.all) {
    wanted.add(name);
    const stored = checkpoint.parameters.get(name);
    if (stored === undefined) {
      mismatches.push(`${name} [${variable.shape.join(', ')}] is missing`);
    } else if (!tf.util.arraysEqual([...stored.shape], variable.shape)) {
      mismatches.push(`${name} is [${stored.shape.join(', ')}] and should be [${variable.shape.join(', ')}]`);
    }
  }
  for (const {name, shape} of checkpoint.parameters.values()) {
    if (!wanted.has(name)) mismatches.push(`${name} [${shape.join(', ')}] is not in the model`);
  }
  if (mismatches.length > 0) {
    throw new UsageError(
      `${checkpoint.path} does not fit this model: ${some(mismatches)}; use the config it was made with`,
    );
  }
}

function assignParameters(checkpoint: Checkpoint, parameters: Parameters): void {
  for (const parameter of parameters.all) {
    assignStored(parameter, checkpoint.parameters.get(parameter.name) as StoredTensor);
  }
}

/** Puts stored values of the parameter's shape in place. */
export function assignStored({name, variable}: Parameter, {values}: StoredTensor): void {
  const tensor = tf.tensor(hostValues(name, values), variable.shape, variable.dtype);
  variable.assign(tensor);
  tensor.dispose();
}

function hostValues(name: string, values: StoredTensor['values']): Float32Array | Int32Array | Uint8Array {
  if (values instanceof Float64Array || values instanceof BigInt64Array) {
    throw new Error(`parameter ${name} is stored with 64 bits`);
  }
  return values;
}

async function toStored(name: string, tensor: tf.Tensor): Promise<StoredTensor> {
  return {name, shape: tensor.shape, values: await tensor.data()};
}

/** File names, newest first. */
async function numberedCheckpoints(runDir: string): Promise<readonly string[]> {
  const iterationOf = (name: string): number => Number(NUMBERED.exec(name)?.[1]);
  return (await listFolder(join(runDir, FOLDER)))
    .map(path => basename(path))
    .filter(name => NUMBERED.test(name))
    .sort((a, b) => iterationOf(b) - iterationOf(a));
}

async function listFolder(path: string): Promise<readonly string[]> {
  return await readdir(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
}

/** The first three, and how many there are besides. */
export function some(items: readonly string[], separator = '; '): string {
  const shown = items.slice(0, 3).join(separator);
  return items.length > 3 ? `${shown} (and ${items.length - 3} more)` : shown;
}
