/** What computes here: versions, engines, processor, memory and GPU, for `sf env`, run records and bug reports. */
import {execFile} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {availableParallelism, cpus, freemem, totalmem} from 'node:os';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import * as tf from '@tensorflow/tfjs';
import {version_wasm} from '@tensorflow/tfjs-backend-wasm';
import sharp from 'sharp';
import type {EngineName} from '../config/engine-choice.js';
import {errorCode} from '../files/write-atomic.js';
import type {EngineReport} from './engine.js';
import {automaticEngine, findEngines} from './open.js';

export type Environment = {
  readonly versions: {
    readonly sf: string;
    readonly node: string;
    readonly tfjs: string;
    readonly tfjsBackendWasm: string;
    readonly sharp: string;
    readonly libvips: string;
  };
  /** Operating system and processor architecture: 'linux x64'. */
  readonly platform: string;
  readonly engines: readonly EngineReport[];
  /** What `--engine auto` takes, null when nothing can be opened, and why. */
  readonly auto: {readonly name: EngineName | null; readonly reason: string};
  readonly cpu: {readonly model: string; readonly cores: number};
  readonly memory: {readonly totalBytes: number; readonly freeBytes: number};
  /** Name, driver and memory of each NVIDIA GPU, as nvidia-smi tells them. */
  readonly gpus: readonly string[];
  /** Why the list is empty, in one line; null when it is not. */
  readonly noGpu: string | null;
};

/** Looks at this machine; opens no engine. `nvidiaSmi` is the program that lists the GPUs. */
export async function describeEnvironment(nvidiaSmi = 'nvidia-smi'): Promise<Environment> {
  const [engines, {gpus, noGpu}] = await Promise.all([findEngines(), findGpus(nvidiaSmi)]);
  const {name, reason} = automaticEngine(engines);
  return {
    versions: {
      sf: ownVersion(),
      node: process.versions.node,
      tfjs: tf.version.tfjs,
      tfjsBackendWasm: version_wasm,
      sharp: sharp.versions.sharp ?? 'unknown',
      libvips: sharp.versions.vips,
    },
    platform: `${process.platform} ${process.arch}`,
    engines,
    auto: {name: name ?? null, reason},
    // availableParallelism respects the affinity and quota of a container; cpus() lists the host's.
    cpu: {model: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism()},
    memory: {totalBytes: totalmem(), freeBytes: freemem()},
    gpus,
    noGpu,
  };
}

/** Version of this package; the file lies three folders above dist/src/engine. */
function ownVersion(): string {
  const path = fileURLToPath(new URL('../../../package.json', import.meta.url));
  const {version}: {readonly version: string} = JSON.parse(readFileSync(path, 'utf8'));
  return version;
}

const GPU_QUERY = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
const GPU_QUERY_MS = 10_000;

async function findGpus(nvidiaSmi: string): Promise<Pick<Environment, 'gpus' | 'noGpu'>> {
  try {
    const {stdout} = await promisify(execFile)(nvidiaSmi, GPU_QUERY, {timeout: GPU_QUERY_MS});
    const gpus = stdout.split('\n').filter(line => line.trim() !== '');
    return {gpus, noGpu: gpus.length === 0 ? 'none: nvidia-smi lists no GPU' : null};
  } catch (error) {
    const missing = errorCode(error) === 'ENOENT';
    return {gpus: [], noGpu: missing ? 'none: nvidia-smi is not installed' : 'none: nvidia-smi failed'};
  }
}
