/** Where and how an engine computes, for the other side to do the same. */
import {availableParallelism} from 'node:os';
import type {Engine, EngineName, EngineOptions} from '../engine/engine.js';
import type {Introduction} from './worker.js';

export function introduce(engine: Engine, options: EngineOptions): Introduction {
  const {device, precision, deterministic} = options;
  return {
    detail: `engine ${engine.name} (${engine.detail})`,
    // `auto` is the first GPU where there is one.
    device: !engine.onGpu ? 'cpu' : device === 'auto' ? 'cuda' : device,
    threads: threadsOf(engine.name, options.threads),
    precision,
    deterministic,
  };
}

function threadsOf(engine: EngineName, asked: number | null): number {
  switch (engine) {
    case 'torch':
    case 'tensorflow':
      return asked ?? availableParallelism();
    case 'wasm':
    case 'cpu':
      return 1;
  }
}
