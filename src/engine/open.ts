/** Opens the engine that computes all tensors of the process, and lists those that could. */
import {
  AUTO_ORDER,
  DEFAULT_ENGINE_OPTIONS,
  ENGINE_CHOICES,
  type EngineChoice,
  type EngineName,
  type EngineOptions,
} from '../config/engine-choice.js';
import {RunError, UsageError} from '../errors.js';
import {cpuDriver} from './cpu.js';
import type {Engine, EngineDriver, EngineReport} from './engine.js';
import {tensorflowDriver} from './tensorflow.js';
import {torchDriver} from './torch.js';
import {wasmDriver} from './wasm.js';

/** Every engine, the fastest first. */
const DRIVERS: Readonly<Record<EngineName, EngineDriver>> = {
  torch: torchDriver,
  tensorflow: tensorflowDriver,
  wasm: wasmDriver,
  cpu: cpuDriver,
};

/**
 * Makes an engine the one that computes. `auto` takes the first of AUTO_ORDER that opens and says in `reason` what
 * kept it from the faster ones; an engine asked for by name is opened or fails.
 *
 * @throws UsageError for a choice that does not exist, or an option that the engine asked for cannot follow
 * @throws RunError with one line when the engine cannot be opened
 */
export async function openEngine(
  choice: EngineChoice,
  options: EngineOptions = DEFAULT_ENGINE_OPTIONS,
): Promise<Engine> {
  if (!ENGINE_CHOICES.includes(choice))
    throw new UsageError(`there is no engine ${String(choice)}; choose one of ${ENGINE_CHOICES.join(', ')}`);
  return choice === 'auto'
    ? openFirst(
        AUTO_ORDER.map(name => DRIVERS[name]),
        options,
      )
    : openWith(DRIVERS[choice], options, 'asked for by name');
}

/** Opens the first of `drivers` that can be opened. @throws RunError naming what is wrong with each. */
export async function openFirst(
  drivers: readonly EngineDriver[],
  options: EngineOptions = DEFAULT_ENGINE_OPTIONS,
): Promise<Engine> {
  const failures: string[] = [];
  for (const driver of drivers) {
    try {
      return await openWith(driver, options, reasonOf(driver.name, failures));
    } catch (error) {
      if (!(error instanceof RunError || error instanceof UsageError)) throw error;
      failures.push(error.message);
    }
  }
  throw new RunError(`no engine can be opened: ${failures.join('; ')}`);
}

async function openWith(driver: EngineDriver, options: EngineOptions, reason: string): Promise<Engine> {
  const {name} = driver;
  requireOptions(name, options);
  const opened = await driver.open(options);
  const extras = [
    ...(opened.onGpu ? ['gpu'] : []),
    ...(options.precision === 'fp32' ? [] : [options.precision]),
    ...(options.deterministic ? ['deterministic'] : []),
  ];
  return {name, reason, label: [name, ...extras].join(' '), ...opened};
}

/** Options say how `torch` computes. @throws UsageError for one that another engine cannot follow. */
function requireOptions(name: EngineName, {device, precision, threads, deterministic}: EngineOptions): void {
  if (name === 'torch') return;
  const refuse = (flag: string, why: string): never => {
    throw new UsageError(`engine ${name}: ${flag} cannot be followed, ${why}; engine torch can`);
  };
  if (precision !== 'fp32') refuse(`--precision ${precision}`, 'it computes in fp32');
  if (name === 'tensorflow') {
    if (device !== 'auto') refuse(`--device ${device}`, 'libtensorflow takes the device itself');
    if (threads !== null) refuse(`--threads ${threads}`, 'libtensorflow takes the threads itself');
    if (deterministic) refuse('--deterministic', 'cuDNN is not told so by tfjs');
    return;
  }
  if (device !== 'auto' && device !== 'cpu') refuse(`--device ${device}`, 'it computes on the CPU');
  if (threads !== null && threads !== 1) refuse(`--threads ${threads}`, 'it computes in one thread');
}

function reasonOf(name: EngineName, failures: readonly string[]): string {
  return failures.length === 0
    ? `auto: ${name} is the fastest engine and it is available`
    : `auto: ${failures.join('; ')}`;
}

/** Every engine in the order of preference, and whether it is available here. Opens none. */
export async function findEngines(): Promise<readonly EngineReport[]> {
  return Promise.all(Object.values(DRIVERS).map(driver => driver.probe()));
}

/** The engine that `auto` takes among the found ones, and why in one line. */
export function automaticEngine(found: readonly EngineReport[]): {
  readonly name: EngineName | undefined;
  readonly reason: string;
} {
  const failures: string[] = [];
  for (const name of AUTO_ORDER) {
    const report = found.find(engine => engine.name === name);
    if (report?.available === true) return {name, reason: reasonOf(name, failures)};
    failures.push(`engine ${name}: ${report?.detail ?? 'not looked for'}`);
  }
  return {name: undefined, reason: `no engine can be opened: ${failures.join('; ')}`};
}
