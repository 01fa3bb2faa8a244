/** Flags that several commands share. None has a default: what is not given must not hide the config's value. */
import {availableParallelism} from 'node:os';
import {type Command, Option} from 'commander';
import {type Device, isDevice, PRECISIONS, type Precision} from '../config/engine-choice.js';
import {didYouMean} from '../config/suggest.js';
import {ENGINE_CHOICES, type EngineChoice} from '../engine/engine.js';
import {UsageError} from '../errors.js';

/** @throws UsageError naming the flag, the choices and the nearest of them. */
export function parseChoice<T extends string>(flag: string, choices: readonly T[], text: string): T {
  const found = choices.find(choice => choice === text);
  if (found === undefined) {
    throw new UsageError(
      `${flag} is ${text}; expected one of ${choices.join(', ')}${didYouMean(text, choices)}`,
    );
  }
  return found;
}

/** A whole number of at least `least`. @throws UsageError naming the flag. */
export function parseWhole(flag: string, least: number, text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`${flag} is ${text}; expected a whole number of at least ${least}`);
  }
  return value;
}

/** A finite number. @throws UsageError naming the flag. */
export function parseNumber(flag: string, text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new UsageError(`${flag} is ${text}; expected a number`);
  return value;
}

/** Items of a comma-separated list, without empty ones. */
export function parseList(text: string): readonly string[] {
  return text
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== '');
}

/** What computes and how, as every command that computes takes it. */
export type EngineFlags = {
  readonly engine?: EngineChoice;
  readonly device?: Device;
  readonly precision?: Precision;
  readonly threads?: number;
  readonly deterministic?: boolean;
};

export function addEngineOptions(command: Command): Command {
  return command
    .addOption(engineOption())
    .addOption(
      new Option('--device <name>', 'where engine torch computes: auto, cpu, cuda or cuda:n').argParser(
        parseDevice,
      ),
    )
    .addOption(
      new Option(
        '--precision <name>',
        `what convolutions and products multiply in: ${PRECISIONS.join(', ')}`,
      ).argParser((text): Precision => parseChoice('--precision', PRECISIONS, text)),
    )
    .option('--threads <n>', 'threads of engine torch on the CPU (default: one a core)', text =>
      parseThreads('--threads', text),
    )
    .option('--deterministic', 'only kernels that give the same bits at every run');
}

/** More threads than this a core only wait for each other, and thousands leave a machine to nobody. */
const MOST_THREADS_A_CORE = 4;

/** Threads that compute. @throws UsageError naming the flag and the machine's cores. */
export function parseThreads(flag: string, text: string): number {
  const threads = parseWhole(flag, 1, text);
  const cores = availableParallelism();
  const most = MOST_THREADS_A_CORE * cores;
  if (threads > most) {
    throw new UsageError(
      `${flag} is ${text}; this machine has ${cores} ${cores === 1 ? 'core' : 'cores'}, expected at most ${most}`,
    );
  }
  return threads;
}

function parseDevice(text: string): Device {
  if (isDevice(text)) return text;
  throw new UsageError(`--device is ${text}; expected auto, cpu, cuda or cuda:n`);
}

export function engineOption(): Option {
  return new Option('--engine <name>', `what computes: ${ENGINE_CHOICES.join(', ')}`).argParser(
    (text): EngineChoice => parseChoice('--engine', ENGINE_CHOICES, text),
  );
}

/** Seeds are 32-bit, as the generator's keys are. */
export function seedOption(): Option {
  return new Option('--seed <n>', 'seed of everything random').argParser(text => {
    const seed = parseWhole('--seed', 0, text);
    if (seed > 0xffffffff) throw new UsageError(`--seed is ${text}; expected at most ${0xffffffff}`);
    return seed;
  });
}

export function presetOption(): Option {
  return new Option('--preset <name>', 'scale of the run: paper, small, mini, smoke');
}

export function dataOption(): Option {
  return new Option(
    '--data <kind:path>',
    'data: coco:DIR, voc:DIR, shapes, or a YAML file with train and val',
  );
}

/** `--set`, given any number of times, as the list of its values. */
export function setOption(): Option {
  return new Option(
    '--set <key=value>',
    'set one value of the config, such as schedule.baseLr=0.02 (repeatable)',
  ).argParser((text, previous: readonly string[] | undefined) => [...(previous ?? []), text]);
}

export function jsonOption(): Option {
  return new Option(
    '--json <file>',
    'also write the numbers as JSON to a file, or to stdout (-) instead of text',
  );
}
