/** What every engine is: a tfjs backend with a name, the reason why it was taken, and its memory. */
import type {EngineName, EngineOptions} from '../config/engine-choice.js';
import type {EngineMemory} from './memory.js';

export {
  AUTO_ORDER,
  ENGINE_CHOICES,
  type EngineChoice,
  type EngineName,
  type EngineOptions,
} from '../config/engine-choice.js';

/** One engine as `sf env` lists it: whether it can be opened here, and in one line what it is or why not. */
export type EngineReport = {readonly name: EngineName; readonly available: boolean; readonly detail: string};

/** A tfjs backend that was made the current one. */
export type OpenedBackend = {
  /** Version of the package that computes. */
  readonly version: string;
  /** What computes, in one line: 'WebAssembly SIMD, one thread'. */
  readonly detail: string;
  /** Whether tensors lie in a GPU. */
  readonly onGpu: boolean;
  memory(): EngineMemory;
};

/** The engine in use. All tensors of the process live in it. */
export type Engine = OpenedBackend & {
  readonly name: EngineName;
  /** Why this one and no faster one, in one line. */
  readonly reason: string;
  /** For records: the name, and what was asked of it beyond the defaults: `torch bf16`. */
  readonly label: string;
};

/** How open.ts handles one engine. */
export type EngineDriver = {
  readonly name: EngineName;
  /** Finds out whether `open` would succeed; changes nothing in this process. */
  probe(): Promise<EngineReport>;
  /** Makes the engine's backend the current one of tfjs. @throws RunError saying in one line why it cannot. */
  open(options: EngineOptions): Promise<OpenedBackend>;
};
