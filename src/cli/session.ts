/** What every command that computes needs first: the machine's settings, the engine, and where data lie. */
import {engineOptionsOf, type LoadedMachine, loadMachine} from '../config/machine.js';
import type {DatasetContext} from '../data/open.js';
import type {Engine} from '../engine/engine.js';
import {openEngine} from '../engine/open.js';
import {makeFolder, writeError} from '../files/write-atomic.js';
import type {EngineFlags} from './flags.js';
import {progressBar} from './output.js';

/** Where data sets are found, and the progress of making one. */
export type ShownData = DatasetContext & {
  /** Ends the display of one that was left half-made. */
  readonly stop: () => void;
};

export type Session = {
  readonly machine: LoadedMachine['machine'];
  readonly engine: Engine;
  readonly data: ShownData;
};

/** Opens the engine and says on stderr which one and why, unless `quiet`. */
export async function openSession(flags: EngineFlags, quiet = false): Promise<Session> {
  const {machine} = await loadMachine(machineFlags(flags));
  const engine = await openEngine(machine.engine, engineOptionsOf(machine));
  if (!quiet) process.stderr.write(`engine ${engine.name} (${engine.detail}; ${engine.reason})\n`);
  await makeFolder(machine.cache).catch((error: unknown) => {
    throw writeError(machine.cache, error);
  });
  return {machine, engine, data: dataContext(machine)};
}

/** The flags that are settings of the machine too. */
export function machineFlags({engine, device, precision, threads, deterministic}: EngineFlags) {
  return {engine, device, precision, threads, deterministic};
}

/** Where data sets are found; generating one shows its progress. */
export function dataContext({cache, dataRoot}: LoadedMachine['machine']): ShownData {
  let bar: ReturnType<typeof progressBar> | undefined;
  const stop = (): void => {
    bar?.stop();
    bar = undefined;
  };
  return {
    cacheDir: cache,
    dataRoot,
    onProgress: (done, total) => {
      bar ??= progressBar({label: 'generate', total, unit: 'images'});
      bar.update(done);
      if (done >= total) stop();
    },
    stop,
  };
}
