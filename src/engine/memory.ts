/** Memory of an engine: what its tensors take, the most it has held, and what it can hold. */
import {totalmem} from 'node:os';
import * as tf from '@tensorflow/tfjs';
import type {BackendWasm} from '@tensorflow/tfjs-backend-wasm';
import {heapBytes, WASM_HEAP_LIMIT} from './wasm/guard.js';

export type EngineMemory = {
  /** Tensors alive, and their bytes. */
  readonly tensors: number;
  readonly tensorBytes: number;
  /** The most that the engine has held so far: its heap on wasm, otherwise the peak resident size of the process. */
  readonly peakBytes: number;
  /** What it can hold at most: its address space on wasm, otherwise the memory that this process may use. */
  readonly limitBytes: number;
};

/** Memory of an engine that allocates from the process. */
export function processMemory(): EngineMemory {
  const {numTensors, numBytes} = tf.memory();
  return {
    tensors: numTensors,
    tensorBytes: numBytes,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    limitBytes: processLimit(),
  };
}

/** What this process may use: the memory of the machine, or of the control group that it runs in. */
export function processLimit(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/** Memory of the wasm engine; its heap never shrinks, so its size is its peak. */
export function wasmMemory(backend: BackendWasm): EngineMemory {
  const {numTensors, numBytes} = tf.memory();
  return {
    tensors: numTensors,
    tensorBytes: numBytes,
    peakBytes: heapBytes(backend),
    limitBytes: WASM_HEAP_LIMIT,
  };
}
