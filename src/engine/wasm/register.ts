/** The kernels of the wasm engine: the operations of src/engine/ops, and those that the stock backend lacks. */
import {registerConvolution} from './convolution.js';
import {compileKernels} from './kernel.js';

/** Loads the WebAssembly module and registers every kernel on it; a second call changes nothing. */
export async function registerWasmKernels(): Promise<void> {
  await compileKernels();
  registerConvolution();
}
