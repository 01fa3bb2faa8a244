/**
 * What a checkpoint holds and how it becomes one safetensors file: parameters under their own names, velocities under
 * `optimizer/`, the state of the run as JSON in the metadata, and a SHA-256 over all of it.
 */
import {createHash} from 'node:crypto';
import {z} from 'zod';
import {RunError} from '../errors.js';
import {readSafetensors, type StoredTensor, writeSafetensors} from '../weights/safetensors.js';

const FORMAT_VERSION = 1;
const OPTIMIZER = 'optimizer/';
const STATE = 'sf.state';
const DIGEST = 'sf.sha256';

const count = z.int().nonnegative();

const stateSchema = z.object({
  formatVersion: z.literal(FORMAT_VERSION),
  /** Updates made. */
  iteration: count,
  seed: count,
  /** The RunConfig, kept as it was: an older version of the schema is still readable. */
  config: z.record(z.string(), z.unknown()),
  configHash: z.string(),
  /** Class c (1..C) is classNames[c - 1], and categoryIds[c - 1] in the annotation file. */
  classNames: z.array(z.string()),
  categoryIds: z.array(z.number()),
  /** N and N_f of the training set by stage; empty where the config needs none. */
  imbalance: z.record(z.string(), z.object({examples: z.number(), foreground: z.number()})),
  /** Seconds of training up to here, over all sessions. */
  trainingSeconds: z.number().nonnegative(),
  startedAt: z.iso.datetime(),
});

export type CheckpointState = Readonly<Omit<z.infer<typeof stateSchema>, 'formatVersion'>>;

export type Checkpoint = {
  readonly path: string;
  readonly state: CheckpointState;
  /** By parameter name. */
  readonly parameters: ReadonlyMap<string, StoredTensor>;
  readonly velocities: ReadonlyMap<string, StoredTensor>;
};

/** Atomic: either the whole file or none. @throws RunError when the disk is full. */
export async function writeCheckpoint({path, state, parameters, velocities}: Checkpoint): Promise<void> {
  const json = JSON.stringify({formatVersion: FORMAT_VERSION, ...state});
  const tensors = [
    ...parameters.values(),
    ...[...velocities.values()].map(tensor => ({...tensor, name: OPTIMIZER + tensor.name})),
  ];
  const metadata = new Map([
    [STATE, json],
    [DIGEST, digest(json, tensors)],
  ]);
  await writeSafetensors(path, tensors, metadata);
}

/** @throws RunError naming the file when it is missing, damaged or not a checkpoint of sf */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const {metadata, tensors} = await readSafetensors(path);
  const json = metadata.get(STATE);
  if (json === undefined) {
    throw new RunError(`${path} is not a checkpoint of sf: it has no ${STATE} among its metadata`);
  }
  if (digest(json, [...tensors.values()]) !== metadata.get(DIGEST)) {
    throw new RunError(`${path} is damaged: its SHA-256 does not match; use another checkpoint`);
  }
  const parameters = new Map<string, StoredTensor>();
  const velocities = new Map<string, StoredTensor>();
  for (const tensor of tensors.values()) {
    if (tensor.name.startsWith(OPTIMIZER)) {
      const name = tensor.name.slice(OPTIMIZER.length);
      velocities.set(name, {...tensor, name});
    } else {
      parameters.set(tensor.name, tensor);
    }
  }
  return {path, state: parseState(json, path), parameters, velocities};
}

function parseState(json: string, path: string): CheckpointState {
  const parsed = stateSchema.safeParse(JSON.parse(json));
  if (!parsed.success) {
    throw new RunError(`${path} was written by another version of sf; train again or use that version`);
  }
  const {formatVersion: _, ...state} = parsed.data;
  return state;
}

/** Over the state and every tensor's name, shape and bytes, in the order of names: not of the file. */
function digest(state: string, tensors: readonly StoredTensor[]): string {
  const hash = createHash('sha256').update(JSON.stringify(state));
  for (const {name, shape, values} of tensors.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    hash.update(JSON.stringify([name, values.constructor.name, shape]));
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}
