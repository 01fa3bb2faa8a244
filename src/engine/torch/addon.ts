/**
 * The native addon (src/engine/torch/native), built by scripts/build-torch.mjs into dist/native, and what JavaScript
 * reads after a call.
 *
 * A native function returns handles: whole numbers that stand for tensors. The dtype and the shape of what a call made
 * lie in one shared Int32Array, so that no object is built on the way.
 */
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {fileURLToPath} from 'node:url';
import {RunError} from '../../errors.js';

/** Stands for a tensor of the addon. */
export type Handle = number;

/** What every family of kernels needs. Families state the functions of their own (`functionsOf`). */
export type CoreFunctions = {
  configure(gpu: number, threads: number, precision: string, deterministic: boolean): void;
  synchronize(): void;
  describe(): NativeDescription;
  fromNumber(value: number, dtype: number): Handle;
  fromValues(values: Float32Array | Int32Array | Uint8Array, shape: readonly number[]): Handle;
  read(handle: Handle, into: Float32Array | Int32Array | Uint8Array): void;
  /** [count, then of each tensor: handle, dtype, rank, sizes...]. */
  results(): Int32Array;
  release(handle: Handle): void;
  releaseAll(): void;
  tensorCount(): number;
  alias(x: Handle): Handle;
  reshape(x: Handle, shape: readonly number[]): Handle;
};

export type NativeDescription = {
  /** Version of libtorch at compile time. */
  readonly compiledWith: string;
  /** What libtorch says of itself, over several lines. */
  readonly configuration: string;
  readonly threads: number;
  readonly cuda: boolean;
  readonly gpus: readonly {readonly name: string; readonly memoryBytes: number}[];
};

/** What scripts/build-torch.mjs wrote beside the addon. */
export type BuildRecord = {readonly torchVersion: string; readonly library: string; readonly cuda: boolean};

const NATIVE = new URL('../../../native/', import.meta.url);
export const ADDON_PATH = fileURLToPath(new URL('sf-torch.node', NATIVE));
const RECORD_PATH = fileURLToPath(new URL('sf-torch.json', NATIVE));
/** Digest of the native sources that this file was built beside, by scripts/build.mjs. */
const EXPECTED = new URL('addon-sources.json', import.meta.url);

/** The record of the build, or undefined where the addon was not built. */
export function buildRecord(): BuildRecord | undefined {
  try {
    return JSON.parse(readFileSync(RECORD_PATH, 'utf8'));
  } catch {
    return undefined;
  }
}

function expectedSources(): string | undefined {
  try {
    const {sha256}: {readonly sha256?: string} = JSON.parse(readFileSync(EXPECTED, 'utf8'));
    return sha256;
  } catch {
    return undefined;
  }
}

let loaded: object | undefined;

/** Loads the addon once a process. @throws RunError saying in one line why it cannot be loaded. */
export function loadAddon(): CoreFunctions {
  if (loaded === undefined) {
    const record = buildRecord();
    if (record === undefined)
      throw new RunError('engine torch: its addon is not built (npm run build:torch)');
    let addon: {readonly sources?: string};
    try {
      addon = createRequire(import.meta.url)(ADDON_PATH);
    } catch (error) {
      throw new RunError(`engine torch: ${loadFailure(error, record)}`);
    }
    // Functions of other sources may take other arguments, or compute something else.
    const expected = expectedSources();
    if (expected === undefined || addon.sources !== expected)
      throw new RunError(
        `engine torch: its addon ${ADDON_PATH} was not built from the sources of this sf; run npm run build && npm run build:torch`,
      );
    loaded = addon;
  }
  return loaded as CoreFunctions;
}

/** The native functions of a family of kernels, by the types that it states. Call after `loadAddon`. */
export function functionsOf<Functions extends object>(): Functions {
  return loadAddon() as object as Functions;
}

/** What a failed load means, in one line. */
export function loadFailure(error: unknown, {torchVersion, library}: BuildRecord): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  const missing = /(lib[\w.+-]+): cannot open shared object file/.exec(line)?.[1];
  if (missing !== undefined)
    return `${missing} of libtorch ${torchVersion} (${library}) is missing; npm run build:torch builds for the one that is installed`;
  if (/undefined symbol/.test(line))
    return `its addon was built for libtorch ${torchVersion}, which ${library} no longer is; run npm run build:torch`;
  return `${line}; npm run build:torch builds it again`;
}
