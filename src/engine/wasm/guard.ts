/**
 * Makes the failures of the stock wasm backend visible.
 *
 * Its address space is 4 GiB less one page; it grows and never shrinks. When it is full, the stock backend goes on with a
 * null pointer (`BackendWasm.move`), prints a warning and returns memory that nobody wrote (XNNPACK), or aborts without
 * saying why; a request of 4 GiB and more wraps around to a small one. Kernels also return unwritten memory after a printed
 * warning where they do not know a dtype. Here each of these becomes an exception.
 */
import type {BackendWasm} from '@tensorflow/tfjs-backend-wasm';
import {RunError} from '../../errors.js';

/** Emscripten's largest heap: 4 GiB less one page of 64 KiB. */
export const WASM_HEAP_LIMIT = 2 ** 32 - 2 ** 16;

/** Above this an abort without a reason is taken for a full heap. */
const NEARLY_FULL = WASM_HEAP_LIMIT * 0.75;

/** `xnn_status_out_of_memory`, as the stock kernels print it. */
const XNN_OUT_OF_MEMORY = /^XNN status .* Got status 6\b/;

/** The parts of the stock module that tfjs's types leave out: they come from @types/emscripten, which needs the DOM's. */
type StockModule = {readonly HEAPU8: Uint8Array; _malloc: (bytes: number) => number};

function stockModule(backend: BackendWasm): StockModule {
  return backend.wasm as typeof backend.wasm & StockModule;
}

/** Size of the backend's heap in bytes, which is also the most that it has held. */
export function heapBytes(backend: BackendWasm): number {
  return stockModule(backend).HEAPU8.byteLength;
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** `bytes` is what was asked for, undefined where the stock code does not tell. */
function outOfMemory(bytes: number | undefined, taken: number): RunError {
  const asked = bytes === undefined ? 'a kernel asked for more' : `${mebibytes(bytes)} more were asked for`;
  return new RunError(
    `engine wasm is out of memory: ${asked} with ${mebibytes(taken)} of its ${mebibytes(WASM_HEAP_LIMIT)} taken; ` +
      'use smaller images, a smaller batch or another engine',
  );
}

type NativeFunction = (...values: number[]) => number;
type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
type Instance = {readonly exports: Readonly<Record<string, unknown>>};
type Instantiate = (bytes: Uint8Array, imports: Imports) => Promise<{readonly instance: Instance}>;

/** The stock code once it runs. Its imports are made before it and find it here. */
class StockCode {
  private instance: Instance | undefined;
  private stackAtRest = 0;

  start(instance: Instance): void {
    this.instance = instance;
    this.stackAtRest = this.export('stackSave')();
  }

  export(name: string): NativeFunction {
    const value = this.instance?.exports[name];
    if (typeof value !== 'function')
      throw new RunError(`engine wasm: tfjs-backend-wasm has no ${name}; run npm ci`);
    return value as NativeFunction;
  }

  get heap(): ArrayBuffer {
    const memory = this.instance?.exports.memory as {readonly buffer: ArrayBuffer};
    return memory.buffer;
  }

  /**
   * Throws straight through the WebAssembly frames to the caller of the kernel. The frames that are skipped would have
   * restored the stack pointer, so it is set to what it is between two calls.
   */
  unwind(error: Error): never {
    if (this.instance !== undefined) this.export('stackRestore')(this.stackAtRest);
    throw error;
  }

  /** Reads what `fd_write` is to print: `count` pairs of address and length. */
  text(vectors: number, count: number): string {
    const words = new Uint32Array(this.heap, vectors >>> 0, 2 * count);
    const parts = Array.from({length: count}, (_, i) =>
      Buffer.from(this.heap, words[2 * i], words[2 * i + 1]),
    );
    return Buffer.concat(parts).toString().trim();
  }
}

/** What replaces the stock module's own imports. */
function guardedImports(
  code: StockCode,
  stock: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const grow = stock.emscripten_resize_heap as NativeFunction;
  return {
    ...stock,
    // The allocator has changed nothing yet when it asks for a larger heap.
    emscripten_resize_heap: (heapBytes: number): number => {
      if (grow(heapBytes)) return 1;
      const taken = code.heap.byteLength;
      return code.unwind(outOfMemory((heapBytes >>> 0) - taken, taken));
    },
    abort: (): never => {
      const taken = code.heap.byteLength;
      return code.unwind(
        taken > NEARLY_FULL
          ? outOfMemory(undefined, taken)
          : new Error('engine wasm: a stock kernel aborted'),
      );
    },
    // The stock kernels print only when they have not computed.
    fd_write: (_file: number, vectors: number, count: number): never => {
      const warning = code.text(vectors, count);
      return code.unwind(
        XNN_OUT_OF_MEMORY.test(warning)
          ? outOfMemory(undefined, code.heap.byteLength)
          : new Error(`engine wasm: ${warning}`),
      );
    },
  };
}

/**
 * Runs `create`, which instantiates the stock module and makes a backend of it, and guards both. The stock module offers
 * no hook, so its imports are replaced while it is instantiated.
 */
export async function guardStockBackend(create: () => Promise<BackendWasm>): Promise<BackendWasm> {
  const webAssembly: {instantiate: Instantiate} = Reflect.get(globalThis, 'WebAssembly');
  const {instantiate} = webAssembly;
  const code = new StockCode();
  webAssembly.instantiate = async (bytes, imports) => {
    const {env} = imports ?? {};
    if (env?.emscripten_resize_heap === undefined) return instantiate(bytes, imports);
    const guarded = guardedImports(code, env);
    // Emscripten gives the same functions under both names.
    const result = await instantiate(bytes, {...imports, env: guarded, wasi_snapshot_preview1: guarded});
    code.start(result.instance);
    return result;
  };
  const backend = await create().finally(() => {
    webAssembly.instantiate = instantiate;
  });
  const malloc = code.export('malloc');
  stockModule(backend)._malloc = bytes => {
    const pointer = bytes > WASM_HEAP_LIMIT ? 0 : malloc(bytes);
    if (pointer === 0) throw outOfMemory(bytes, heapBytes(backend));
    return pointer;
  };
  return backend;
}
