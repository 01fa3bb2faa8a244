/** Memory of the torch engine: that of its device, as the addon's allocator counts it (native/allocator.h). */
import * as tf from '@tensorflow/tfjs';
import {RunError} from '../../errors.js';
import type {EngineMemory} from '../memory.js';
import {functionsOf} from './addon.js';

/** Of the device that the engine was configured for. */
export type MemoryFunctions = {
  memoryStatistics(): MemoryStatistics;
  /** @throws when it is not positive */
  setMemoryLimit(bytes: number): void;
  /** The peaks become what is in use and reserved now. */
  resetMemoryPeak(): void;
  /** Gives all memory that no tensor uses back to the system. */
  releaseMemory(): void;
};

/** In bytes unless said otherwise. */
export type MemoryStatistics = {
  /** Of tensors alive. */
  readonly inUse: number;
  /** Held from the system, in use or not. */
  readonly reserved: number;
  readonly peakInUse: number;
  readonly peakReserved: number;
  /** What may be reserved. */
  readonly limit: number;
  /** Count, since the start. */
  readonly allocations: number;
  /** Count: allocations that needed more memory from the system. */
  readonly systemRequests: number;
};

/** What the tensors take, the most that the allocator has held, and what it may hold. */
export function torchMemory(): EngineMemory {
  const {numTensors, numBytes} = tf.memory();
  const {peakReserved, limit} = functionsOf<MemoryFunctions>().memoryStatistics();
  return {tensors: numTensors, tensorBytes: numBytes, peakBytes: peakReserved, limitBytes: limit};
}

/**
 * Holds the tensors within `bytes` of memory; one that does not fit then fails, and what is there stays valid.
 *
 * @throws RunError when `bytes` is not a positive number of bytes
 */
export function limitTorchMemory(bytes: number): void {
  if (!Number.isSafeInteger(bytes) || bytes <= 0)
    throw new RunError(`engine torch: a memory limit of ${bytes} bytes; take a positive whole number`);
  functionsOf<MemoryFunctions>().setMemoryLimit(bytes);
}
