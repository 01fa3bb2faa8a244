/** The engines that the numeric layers are tested on. */
import ava, {type ExecutionContext} from 'ava';
import {DEFAULT_ENGINE_OPTIONS, type EngineName} from '../src/config/engine-choice.js';
import {openEngine} from '../src/engine/open.js';
import {buildRecord} from '../src/engine/torch/addon.js';

/** Engines with kernels of their own: torch where its addon is built. */
export const FAST_ENGINES: readonly EngineName[] = buildRecord() === undefined ? ['wasm'] : ['wasm', 'torch'];
/** Those, and the one that they are held against. */
export const ENGINES: readonly EngineName[] = ['cpu', ...FAST_ENGINES];

/** torch gets one thread: ava runs as many files at a time as there are cores. */
export async function openForTest(engine: EngineName): Promise<void> {
  await openEngine(engine, {...DEFAULT_ENGINE_OPTIONS, threads: 1});
}

type Body = (t: ExecutionContext, engine: EngineName) => void | Promise<void>;

/** What declares a test once for each engine, to run on it after the tests declared before. */
export function testsOn(engines: readonly EngineName[]): (title: string, body: Body) => void {
  return (title, body) => {
    for (const engine of engines)
      ava.serial(`${title}, on ${engine}`, async t => {
        await openForTest(engine);
        await body(t, engine);
      });
  };
}
