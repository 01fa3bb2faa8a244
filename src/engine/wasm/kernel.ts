/**
 * Our own WebAssembly module beside the stock one: it imports the stock backend's memory, so it works on tensors where
 * they lie. It has no data and no stack of its own; whatever it needs besides tensors is scratch handed to it.
 */
import {readFile} from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs';
import type {BackendWasm} from '@tensorflow/tfjs-backend-wasm';
import {RunError} from '../../errors.js';

/** A function of the module: addresses, sizes and flags in. */
type Compute = (...values: number[]) => number;

/** One call of a kernel: its inputs by name, its attributes, and the module's functions by name. */
export type WasmCall<Attributes> = {
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>;
  readonly attributes: Attributes;
  readonly backend: BackendWasm;
  readonly module: WasmModule;
};

let compiled: WebAssembly.Module | undefined;
/** Instances by memory: tfjs makes a new backend, with a new memory, after `tf.engine().reset()`. */
const instances = new WeakMap<WebAssembly.Memory, WasmModule>();

/** Compiles the kernels once. @throws RunError when the build has not made them. */
export async function compileKernels(): Promise<void> {
  if (compiled !== undefined) return;
  const path = new URL('./kernels.wasm', import.meta.url);
  try {
    compiled = new WebAssembly.Module(await readFile(path));
  } catch (error) {
    throw new RunError(`engine wasm: cannot load ${path.pathname} (${String(error)}); run npm run build`);
  }
}

/** The functions of the module on one backend's memory. */
export class WasmModule {
  readonly #functions = new Map<string, Compute>();

  constructor(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    private readonly backend: BackendWasm,
  ) {
    const {exports} = new WebAssembly.Instance(module, {env: {memory}});
    for (const [name, value] of Object.entries(exports)) {
      if (typeof value === 'function') this.#functions.set(name, value as Compute);
    }
  }

  /** Calls a function of src/engine/wasm/kernels; tensors are passed as their addresses. */
  call(name: string, ...values: readonly (tf.TensorInfo | number | boolean)[]): number {
    const compute = this.#functions.get(name);
    if (compute === undefined) throw new Error(`kernels.wasm has no function ${name}`);
    return compute(...values.map(value => (typeof value === 'object' ? this.address(value) : Number(value))));
  }

  /** Runs `use` with the address of that many bytes of uninitialised memory. */
  withScratch(bytes: number, use: (address: number) => void): void {
    const scratch = this.backend.makeOutput([Math.ceil((bytes >>> 0) / 4)], 'float32');
    try {
      use(this.address(scratch));
    } finally {
      this.backend.disposeData(scratch.dataId);
    }
  }

  /** Where a tensor lies. */
  address(tensor: tf.TensorInfo): number {
    return this.backend.dataIdMap.get(tensor.dataId).memoryOffset;
  }
}

function moduleOf(backend: BackendWasm): WasmModule {
  // Emscripten's module object keeps the exports of its WebAssembly instance in `asm`; tfjs's types leave it out.
  const {memory} = (
    backend.wasm as typeof backend.wasm & {readonly asm: {readonly memory: WebAssembly.Memory}}
  ).asm;
  let module = instances.get(memory);
  if (module === undefined) {
    if (compiled === undefined) throw new Error('registerWasmKernels has not been awaited');
    module = new WasmModule(compiled, memory, backend);
    instances.set(memory, module);
  }
  return module;
}

/** Makes `compute` the kernel of that name on the wasm engine, in place of a stock or composite one. */
export function registerWasmKernel<Attributes extends tf.NamedAttrMap>(
  kernelName: string,
  compute: (call: WasmCall<Attributes>) => tf.TensorInfo | tf.TensorInfo[],
): void {
  if (tf.getKernel(kernelName, 'wasm') !== undefined) tf.unregisterKernel(kernelName, 'wasm');
  tf.registerKernel({
    kernelName,
    backendName: 'wasm',
    kernelFunc: ({inputs, attrs, backend}) => {
      const wasm = backend as BackendWasm;
      return compute({
        inputs: inputs as Readonly<Record<string, tf.TensorInfo>>,
        attributes: attrs as Attributes,
        backend: wasm,
        module: moduleOf(wasm),
      });
    },
  });
}
