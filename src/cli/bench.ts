/** `sf bench`: how fast the engine is, beside torchvision doing the same work in the same run. */
import {fileURLToPath} from 'node:url';
import {Command, Option} from 'commander';
import {CASES, type Case} from '../bench/cases.js';
import {isOutOfMemory} from '../bench/figures.js';
import {type Measurements, measure} from '../bench/measure.js';
import {findPython, torchvisionProgram} from '../bench/python.js';
import type {Program} from '../bench/side.js';
import {benchJson, benchText} from '../bench/text.js';
import {titleOf} from '../bench/work.js';
import {engineOptionsOf, loadMachine} from '../config/machine.js';
import {RunError, UsageError} from '../errors.js';
import {codeVersion} from '../train/code-version.js';
import {addEngineOptions, type EngineFlags, jsonOption, parseChoice, parseList, parseWhole} from './flags.js';
import {type Progress, progressBar, writeJson, writeOut} from './output.js';

type Size = {readonly height: number; readonly width: number};

type BenchFlags = EngineFlags & {
  readonly size?: Size;
  readonly batch?: readonly number[];
  readonly warmup?: number;
  readonly repeat?: number;
  readonly against?: 'torchvision' | 'none';
  readonly python?: string;
  readonly profile?: boolean;
  readonly json?: string;
  readonly worker?: boolean;
};

/** What an image of COCO becomes at a short side of 800. */
const PAPER_SIZE: Size = {height: 800, width: 1344};

const COMMAND = fileURLToPath(new URL('../../bin/sf.js', import.meta.url));

/** The pyramid halves a map five times, and doubles it again. */
const SIZE_DIVISOR = 32;

/** HEIGHTxWIDTH. @throws UsageError */
function parseSize(text: string): Size {
  const [, height, width] = (/^(\d+)x(\d+)$/.exec(text) ?? []).map(Number);
  const fits = (side: number | undefined) => side !== undefined && side > 0 && side % SIZE_DIVISOR === 0;
  if (!fits(height) || !fits(width))
    throw new UsageError(
      `--size is ${text}; expected HEIGHTxWIDTH, both multiples of ${SIZE_DIVISOR}, such as 800x1344`,
    );
  return {height: height!, width: width!};
}

export function benchCommand(): Command {
  const names = CASES.map(({name}) => name);
  const whole = (flag: string, least: number) => (text: string) => parseWhole(flag, least, text);
  const command = new Command('bench')
    .description(
      'Measure the engine: time, images/s, peak memory, beside torchvision where a Python has it. ' +
        'Each side is a process of its own and both take turns; everything is computed on noise.',
    )
    .argument('[cases...]', `what to measure: ${names.join(', ')} (default: all)`);
  return addEngineOptions(command)
    .option('--size <HxW>', 'of the images (default: 800x1344)', parseSize)
    .option('--batch <list>', 'images a batch (default: 1; on a GPU 1,2,4,8)', text =>
      parseList(text).map(whole('--batch', 1)),
    )
    .option('--warmup <n>', 'repetitions that do not count', whole('--warmup', 0))
    .option('--repeat <n>', 'repetitions that count', whole('--repeat', 1))
    .addOption(
      new Option('--against <name>', 'torchvision (default, where it is found), none').argParser(text =>
        parseChoice('--against', ['torchvision', 'none'], text),
      ),
    )
    .option('--python <path>', 'the Python that has torchvision')
    .option('--profile', "sf's time by kernel, of a training step and an inference")
    .addOption(jsonOption())
    .addOption(new Option('--worker', "be sf's side of a comparison").hideHelp())
    .addHelpText(
      'after',
      `\nCases:\n${CASES.map(({name, summary}) => `  ${name.padEnd(23)}${summary}`).join('\n')}\n`,
    )
    .action((given: readonly string[], flags: BenchFlags) =>
      flags.worker ? work(flags) : bench(given, flags),
    );
}

async function bench(names: readonly string[], flags: BenchFlags): Promise<void> {
  const cases = names.length === 0 ? CASES : names.map(findCase);
  if (flags.batch?.length === 0) throw new UsageError('--batch is empty; expected numbers such as 1,8');
  const python = await pythonFor(flags);
  const {height, width} = flags.size ?? PAPER_SIZE;
  const {bar, stop} = progress();
  const measurements = await measure(cases, {
    height,
    width,
    batches: flags.batch,
    sf: ownSide(flags),
    other: python === undefined ? undefined : sf => torchvisionProgram(python, sf),
    warmup: flags.warmup,
    repeat: flags.repeat,
    profile: flags.profile === true,
    onProgress: (work, done, total) => bar(titleOf(work), total, done),
  }).finally(stop);
  const version = await codeVersion();
  if (flags.json !== undefined) {
    const {warmup, repeat} = flags;
    await writeJson(
      flags.json,
      benchJson(measurements, {version, node: process.versions.node, height, width, warmup, repeat}),
    );
  }
  if (flags.json !== '-')
    await writeOut(
      `sf ${version}, Node ${process.versions.node}: ${benchText(measurements, settingOf(cases, flags))}`,
    );
  requireDone(measurements);
}

function findCase(text: string): Case {
  const name = parseChoice(
    'a case',
    CASES.map(one => one.name),
    text,
  );
  return CASES.find(one => one.name === name)!;
}

/** What was measured, in one line. */
function settingOf(cases: readonly Case[], {size = PAPER_SIZE, warmup, repeat}: BenchFlags): string {
  const counts = cases.map(one => `${one.name} ${repeat ?? one.repeat} after ${warmup ?? one.warmup}`);
  return `R-50-FPN, ${size.height}x${size.width}, noise; repetitions: ${counts.join(', ')}`;
}

/** The Python of the other side, undefined for none; what was asked for must be there. */
async function pythonFor({against, python}: BenchFlags): Promise<string | undefined> {
  if (against === 'none') return undefined;
  const found = await findPython(python);
  if (found.kind === 'found') return found.python;
  const line = `no torchvision to compare with: ${found.why}`;
  if (against !== undefined || python !== undefined)
    throw new RunError(`${line}; install it there or name another Python with --python`);
  process.stderr.write(`${line} (--python names another)\n`);
  return undefined;
}

/** This command again, as sf's side. */
function ownSide(flags: EngineFlags): Program {
  const given = (['engine', 'device', 'precision', 'threads'] as const).flatMap(name =>
    flags[name] === undefined ? [] : [`--${name}`, String(flags[name])],
  );
  if (flags.deterministic === true) given.push('--deterministic');
  return {
    name: 'sf',
    command: process.execPath,
    args: [...process.execArgv, COMMAND, 'bench', '--worker', ...given],
  };
}

/** sf's side: opens the engine and answers what the command that started it asks. */
async function work(flags: EngineFlags): Promise<void> {
  // What computes is loaded only here: the process that compares stays small.
  const [{openEngine}, {machineFlags}, {introduce}, {serve}] = await Promise.all([
    import('../engine/open.js'),
    import('./session.js'),
    import('../bench/introduce.js'),
    import('../bench/worker.js'),
  ]);
  const {machine} = await loadMachine(machineFlags(flags));
  const options = engineOptionsOf(machine);
  const engine = await openEngine(machine.engine, options);
  await serve(engine, introduce(engine, options), process.stdin, line => process.stdout.write(line));
  process.stdin.destroy();
}

/** A bar for each work in turn. */
function progress(): {
  readonly bar: (label: string, total: number, done: number) => void;
  readonly stop: () => void;
} {
  let current: {readonly label: string; readonly bar: Progress} | undefined;
  return {
    bar: (label, total, done) => {
      if (current?.label !== label) {
        current?.bar.stop();
        current = {label, bar: progressBar({label, total, unit: 'repetitions'})};
      }
      current.bar.update(done);
    },
    stop: () => current?.bar.stop(),
  };
}

/** Memory that ran out is a result; whatever else a side could not do is a failure of the command. */
function requireDone({results}: Measurements): void {
  const failed = results.flatMap(({sf, torchvision}) => [
    sf,
    ...(torchvision === undefined ? [] : [torchvision]),
  ]);
  if (failed.some(outcome => outcome.kind === 'failed' && !isOutOfMemory(outcome.message)))
    process.exitCode = 1;
}
