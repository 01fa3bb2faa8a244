/** The `wasm` engine: tfjs's WebAssembly backend (XNNPACK), with the kernels that it lacks and the ones it gets wrong. */
import * as tf from '@tensorflow/tfjs';
import {BackendWasm, getThreadsCount, version_wasm} from '@tensorflow/tfjs-backend-wasm';
import {RunError} from '../errors.js';
import type {EngineDriver, OpenedBackend} from './engine.js';
import {wasmMemory} from './memory.js';
import {registerWasmCorrections} from './wasm/corrections/register.js';
import {guardStockBackend} from './wasm/guard.js';
import {registerWasmKernels} from './wasm/register.js';

const NAME = 'wasm';
/** The priority that tfjs-backend-wasm registers itself with. */
const PRIORITY = 2;

/** Set once the stock factory has been replaced by the guarded one. */
let replaced = false;

/**
 * Puts the guarded backend in place of the stock one. tfjs calls a factory again after `tf.engine().reset()`, so the
 * guard belongs to the factory; the first backend is made here, because tfjs prints the failure of a factory.
 */
async function replaceFactory(): Promise<void> {
  const stock = tf.findBackendFactory(NAME);
  const create = (): Promise<BackendWasm> =>
    guardStockBackend(async () => {
      const backend = await stock();
      if (backend instanceof BackendWasm) return backend;
      throw new RunError('engine wasm: two copies of tfjs-backend-wasm are installed; run npm ci');
    });
  let first: BackendWasm | undefined = await create();
  tf.removeBackend(NAME);
  tf.registerBackend(
    NAME,
    () => {
      const backend = first ?? create();
      first = undefined;
      return backend;
    },
    PRIORITY,
  );
  replaced = true;
}

async function open(): Promise<OpenedBackend> {
  if (!replaced) {
    await replaceFactory();
    await registerWasmKernels();
    registerWasmCorrections();
  }
  if (!(await tf.setBackend(NAME)))
    throw new RunError('engine wasm: tfjs could not start it; reinstall with npm ci');
  const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  const threads = getThreadsCount();
  return {
    version: version_wasm,
    detail: `WebAssembly${simd ? ' SIMD' : ' without SIMD'}, ${threads === 1 ? 'one thread' : `${threads} threads`}`,
    onGpu: false,
    memory: () => {
      const backend = tf.findBackend(NAME);
      if (!(backend instanceof BackendWasm)) throw new RunError('engine wasm is no longer open');
      return wasmMemory(backend);
    },
  };
}

export const wasmDriver: EngineDriver = {
  name: NAME,
  probe: async () => {
    const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
    return {
      name: NAME,
      available: true,
      detail: `tfjs-backend-wasm ${version_wasm}, WebAssembly${simd ? ' SIMD' : ' without SIMD'}, embedded`,
    };
  },
  open,
};
