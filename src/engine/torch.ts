/** The `torch` engine: tfjs on libtorch through an addon of our own, on the CPU and on CUDA. */
import {availableParallelism} from 'node:os';
import * as tf from '@tensorflow/tfjs';
import type {EngineOptions} from '../config/engine-choice.js';
import {RunError, UsageError} from '../errors.js';
import type {EngineDriver, EngineReport, OpenedBackend} from './engine.js';
import {processLimit} from './memory.js';
import {buildRecord, loadAddon} from './torch/addon.js';
import {BACKEND_NAME, TorchBackend} from './torch/backend.js';
import {registerTorchKernels} from './torch/kernels/register.js';
import {limitTorchMemory, torchMemory} from './torch/memory.js';

const NAME = 'torch';
/** Above tfjs's own backends: two is wasm's. */
const PRIORITY = 4;

async function probe(): Promise<EngineReport> {
  const record = buildRecord();
  if (record === undefined)
    return {name: NAME, available: false, detail: 'its addon is not built (npm run build:torch)'};
  try {
    const {gpus} = loadAddon().describe();
    const where = gpus.length === 0 ? 'CPU' : `CPU, ${gpus.map(({name}) => name).join(', ')}`;
    return {
      name: NAME,
      available: true,
      detail: `libtorch ${record.torchVersion} (${record.library}), ${where}`,
    };
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    return {name: NAME, available: false, detail: error.message.replace(/^engine torch: /, '')};
  }
}

async function open(options: EngineOptions): Promise<OpenedBackend> {
  const native = loadAddon();
  const {gpus, compiledWith} = native.describe();
  const gpu = gpuIndex(options.device, gpus.length);
  const threads = options.threads ?? availableParallelism();
  if (gpu < 0 && options.precision === 'tf32')
    throw new UsageError(
      'engine torch: --precision tf32 cannot be followed on the CPU, which has no TensorFloat-32; fp32 and bf16 can',
    );
  native.configure(gpu, threads, options.precision, options.deterministic);
  if (gpu < 0) limitTorchMemory(processLimit() - process.memoryUsage.rss());
  registerTorchKernels();
  if (tf.findBackend(BACKEND_NAME) === null) {
    tf.registerBackend(BACKEND_NAME, () => new TorchBackend(), PRIORITY);
  }
  if (!(await tf.setBackend(BACKEND_NAME))) throw new RunError('engine torch: tfjs could not start it');
  const where =
    gpu < 0 ? `CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}` : `cuda:${gpu} ${gpus[gpu]!.name}`;
  const how = `${options.precision}${options.deterministic ? ', deterministic' : ''}`;
  return {
    version: compiledWith,
    detail: `libtorch ${compiledWith}, ${where}, ${how}`,
    onGpu: gpu >= 0,
    memory: torchMemory,
  };
}

/** -1 for the CPU. @throws RunError for a GPU that is not there. */
function gpuIndex(device: string, count: number): number {
  if (device === 'cpu' || (device === 'auto' && count === 0)) return -1;
  const index = device === 'auto' || device === 'cuda' ? 0 : Number(device.replace('cuda:', ''));
  if (index < count) return index;
  throw new RunError(
    count === 0
      ? `engine torch: no GPU for --device ${device}: ${loadAddon().describe().cuda ? 'none is visible' : 'the addon was built for a libtorch without CUDA'}`
      : `engine torch: there is no ${device}; the GPUs are cuda:0 to cuda:${count - 1}`,
  );
}

export const torchDriver: EngineDriver = {name: NAME, probe, open};
