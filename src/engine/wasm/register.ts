/** The kernels of the wasm engine: the operations of src/engine/ops, and those that the stock backend lacks or is slow at. */
import {registerBlocks} from './blocks.js';
import {registerConvolution} from './convolution.js';
import {registerElementwise} from './elementwise.js';
import {compileKernels} from './kernel.js';
import {registerMatMul} from './mat-mul.js';
import {registerMaxPool} from './max-pool.js';
import {registerNorms} from './norms.js';
import {registerRows} from './rows.js';
import {registerSigmoidLosses} from './sigmoid-losses.js';
import {registerUpsample} from './upsample.js';

let registered = false;

/** Loads the WebAssembly module and registers every kernel on it; a second call changes nothing. */
export async function registerWasmKernels(): Promise<void> {
  await compileKernels();
  if (registered) return;
  registered = true;
  registerConvolution();
  registerBlocks();
  registerMatMul();
  registerElementwise();
  registerNorms();
  registerMaxPool();
  registerRows();
  registerSigmoidLosses();
  registerUpsample();
}
