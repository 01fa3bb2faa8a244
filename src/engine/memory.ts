/**
 * Memory of an engine, and what happens when it runs out.
 *
 * The wasm engine has one address space of 4 GiB, less 64 KiB, that grows and never shrinks. When it cannot grow, the stock
 * backend goes on with a null pointer (`BackendWasm.move`), lets XNNPACK leave an output unwritten, or aborts without
 * saying why; a request of 4 GiB and more wraps around to a small one. `guardWasmMemory` turns each of these into one
 * RunError: requests of tensors are checked at malloc, those of kernels where the heap fails to grow.
 */
import {totalmem} from 'node:os';
import * as tf from '@tensorflow/tfjs';
import type {BackendWasm} from '@tensorflow/tfjs-backend-wasm';
import {RunError} from '../errors.js';

/** The parts of the stock module that tfjs's types leave out (they come from @types/emscripten and the DOM). */
type StockModule = {readonly HEAPU8: Uint8Array; _malloc: (bytes: number) => number};

function stockModule(backend: BackendWasm): StockModule {
  return backend.wasm as typeof backend.wasm & StockModule;
}

export type EngineMemory = {
  /** Tensors alive, and their bytes. */
  readonly tensors: number;
  readonly tensorBytes: number;
  /** The most that the engine has held so far: its heap on wasm, otherwise the peak resident size of the process. */
  readonly peakBytes: number;
  /** What it can hold at most: its address space on wasm, otherwise the memory that this process may use. */
  readonly limitBytes: number;
};

/** Emscripten's largest heap: 4 GiB less one page. */
export const WASM_HEAP_LIMIT = 2 ** 32 - 2 ** 16;

/** Memory of an engine that allocates from the process. */
export function processMemory(): EngineMemory {
  const {numTensors, numBytes} = tf.memory();
  const constrained = process.constrainedMemory();
  return {
    tensors: numTensors,
    tensorBytes: numBytes,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    limitBytes: constrained > 0 ? Math.min(constrained, totalmem()) : totalmem(),
  };
}

/** Memory of the wasm engine; its heap never shrinks, so its size is its peak. */
export function wasmMemory(backend: BackendWasm): EngineMemory {
  const {numTensors, numBytes} = tf.memory();
  return {
    tensors: numTensors,
    tensorBytes: numBytes,
    peakBytes: stockModule(backend).HEAPU8.byteLength,
    limitBytes: WASM_HEAP_LIMIT,
  };
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

function outOfMemory(bytes: number, heapBytes: number): RunError {
  return new RunError(
    `engine wasm is out of memory: ${mebibytes(bytes)} more were asked for with ${mebibytes(heapBytes)} of its ` +
      `${mebibytes(WASM_HEAP_LIMIT)} taken; use smaller images, a smaller batch or another engine`,
  );
}

type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
type Instantiated = {readonly instance: {readonly exports: Readonly<Record<string, unknown>>}};
type Instantiate = (bytes: Uint8Array, imports: Imports) => Promise<Instantiated>;

function wasmExport<F>({instance}: Instantiated, name: string): F {
  const value = instance.exports[name];
  if (typeof value !== 'function')
    throw new RunError(`engine wasm: tfjs-backend-wasm has no ${name}; run npm ci`);
  return value as F;
}

/**
 * Runs `create`, which instantiates the stock WebAssembly module, and guards the backend that comes out of it.
 *
 * The stock module offers no hook, so its import `emscripten_resize_heap` is replaced while it is instantiated. Where the
 * heap cannot grow, the replacement throws straight through the WebAssembly frames: the allocator has changed nothing
 * at that point, and the stack pointer, which the skipped frames would have restored, is set to its value between calls.
 */
export async function guardWasmMemory(create: () => Promise<BackendWasm>): Promise<BackendWasm> {
  const webAssembly: {instantiate: Instantiate} = Reflect.get(globalThis, 'WebAssembly');
  const stock = webAssembly.instantiate;
  let stockCode: Instantiated | undefined;
  let stackAtRest = 0;

  const growOrThrow =
    (grow: (heapBytes: number) => boolean) =>
    (heapBytes: number): boolean => {
      if (grow(heapBytes)) return true;
      if (stockCode !== undefined) wasmExport<(top: number) => void>(stockCode, 'stackRestore')(stackAtRest);
      const taken = heapSize();
      throw outOfMemory((heapBytes >>> 0) - taken, taken);
    };
  webAssembly.instantiate = async (bytes, imports) => {
    const grow = imports?.env?.emscripten_resize_heap;
    if (typeof grow !== 'function') return stock(bytes, imports);
    const env = {...imports.env, emscripten_resize_heap: growOrThrow(grow as (heapBytes: number) => boolean)};
    stockCode = await stock(bytes, {...imports, env});
    return stockCode;
  };
  const backend = await create().finally(() => {
    webAssembly.instantiate = stock;
  });
  const heapSize = (): number => stockModule(backend).HEAPU8.byteLength;

  if (stockCode === undefined)
    throw new RunError('engine wasm: tfjs-backend-wasm was not instantiated; run npm ci');
  stackAtRest = wasmExport<() => number>(stockCode, 'stackSave')();
  const malloc = wasmExport<(bytes: number) => number>(stockCode, 'malloc');
  stockModule(backend)._malloc = bytes => {
    const pointer = bytes > WASM_HEAP_LIMIT ? 0 : malloc(bytes);
    if (pointer === 0) throw outOfMemory(bytes, heapSize());
    return pointer;
  };
  return backend;
}
