/**
 * The frame of the `sf` command: which subcommands there are, exit codes (0, 1 failure, 2 usage, 130 Ctrl-C), and errors
 * as one line. A subcommand's module is imported only when it runs, so that `sf --help` does not wait for tfjs.
 */
import {readFileSync} from 'node:fs';
import {Command, CommanderError} from 'commander';
import {RunError, UsageError} from '../errors.js';
import {errorCode} from '../files/write-atomic.js';

export type Subcommand = {
  readonly name: string;
  /** As `sf --help` shows it. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
};

/** In the order of `sf --help`. A new subcommand is its file and its line here. */
export const SUBCOMMANDS: readonly Subcommand[] = [
  {
    name: 'train',
    summary: 'train a detector and evaluate it',
    load: async () => (await import('./train.js')).trainCommand(),
  },
  {
    name: 'eval',
    summary: 'figures of a run, a checkpoint or a results file',
    load: async () => (await import('./eval.js')).evalCommand(),
  },
  {
    name: 'predict',
    summary: 'detect objects in image files and draw them',
    load: async () => (await import('./predict.js')).predictCommand(),
  },
  {
    name: 'ablate',
    summary: 'train every combination of values of the six stage fields, as one table',
    load: async () => (await import('./ablate.js')).ablateCommand(),
  },
  {
    name: 'reproduce',
    summary: 'a table of the paper, measured, beside its numbers',
    load: async () => (await import('./reproduce.js')).reproduceCommand(),
  },
  {
    name: 'bench',
    summary: 'time and memory of training and inference, beside torchvision',
    load: async () => (await import('./bench.js')).benchCommand(),
  },
  {
    name: 'weights',
    summary: "make a checkpoint of weights, such as darknet's, to evaluate and predict with",
    load: async () => (await import('./weights.js')).weightsCommand(),
  },
  {
    name: 'data',
    summary: 'statistics and checks of a data set',
    load: async () => (await import('./data.js')).dataCommand(),
  },
  {
    name: 'config',
    summary: 'show a config as a run would see it, or list the shipped ones',
    load: async () => (await import('./config.js')).configCommand(),
  },
  {
    name: 'env',
    summary: 'what computes here, and why',
    load: async () => (await import('./env.js')).envCommand(),
  },
];

const EXAMPLES = `
Examples:
  sf reproduce table-3 --preset mini         Table 3 of the paper at small scale, beside the paper's numbers
  sf train bccd/retinanet_sampling-free      train on a shipped config
  sf train my.yaml --set schedule.baseLr=0.02 --data voc:DIR
  sf eval results/runs/ID                    evaluate a run
  sf config mini/retinanet                   every value of a config and where it came from
  sf env                                     what computes here, and why
`;

const FAILURE = 1;
const USAGE = 2;
/** 128 + SIGPIPE: what a program reports whose reader has gone. */
const BROKEN_PIPE = 141;

function version(): string {
  const file = new URL('../../../package.json', import.meta.url);
  const {version: text}: {version: string} = JSON.parse(readFileSync(file, 'utf8'));
  return text;
}

/** Of an option given twice one value would go unread. One that is meant to repeat parses with those before it. */
function refuseRepeated(command: Command): void {
  for (const {long, parseArg, required} of command.options) {
    if (!required || long == null || (parseArg !== undefined && parseArg.length > 1)) continue;
    let given = false;
    command.on(`option:${long.slice(2)}`, () => {
      if (given) throw new UsageError(`${long} is given twice; it takes one value`);
      given = true;
    });
  }
}

/** Flags, help and error handling reach subcommands of subcommands only when handed down. */
function inherit(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent);
  refuseRepeated(command);
  for (const inner of command.commands) inherit(inner, command);
}

/** The subcommand that the arguments name, if any: the first word, after `help` too. */
function requested(args: readonly string[]): string | undefined {
  const words = args.filter(arg => !arg.startsWith('-'));
  return words[0] === 'help' ? words[1] : words[0];
}

/** The program with the requested subcommand loaded; the others are only names. */
export async function createProgram(args: readonly string[]): Promise<Command> {
  const program = new Command('sf')
    .description(
      'Train and evaluate object detectors without sampling heuristics, and regenerate the tables of the paper.',
    )
    .version(version(), '-V, --version', 'print the version')
    .option('--debug', 'print the stack of an error')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .configureHelp({showGlobalOptions: true})
    .configureOutput({outputError: () => undefined})
    .addHelpText('after', EXAMPLES)
    .exitOverride();
  const name = requested(args);
  for (const subcommand of SUBCOMMANDS) {
    const command = subcommand.name === name ? await subcommand.load() : new Command(subcommand.name);
    inherit(command, program);
    program.addCommand(command.summary(subcommand.summary));
  }
  return program;
}

/** commander's message in our form: one line, with its suggestion or with where to look. */
function commanderMessage(error: CommanderError, args: readonly string[]): string {
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)/, '; did you mean $1?');
  if (message.includes('did you mean')) return message.replaceAll('\n', ' ');
  const known = SUBCOMMANDS.find(({name}) => name === requested(args));
  return `${message.replace(/\.$/, '').replaceAll('\n', ' ')}; see sf ${known === undefined ? '' : `${known.name} `}--help`;
}

/** Says on stderr what went wrong. @returns the exit code. */
function report(error: unknown, args: readonly string[]): number {
  const print = (line: string) => {
    process.stderr.write(`sf: ${line.replaceAll(/\s*\n\s*/g, ' ')}\n`);
    if (args.includes('--debug') && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  };
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    // Help that was shown because no command was named.
    if (error.code !== 'commander.help') print(commanderMessage(error, args));
    return USAGE;
  }
  if (error instanceof UsageError) {
    print(error.message);
    return USAGE;
  }
  if (error instanceof RunError) {
    print(error.message);
    return FAILURE;
  }
  const message = error instanceof Error ? error.message : String(error);
  print(`unexpected error: ${message}${args.includes('--debug') ? '' : ' (--debug shows where)'}`);
  return FAILURE;
}

/**
 * `sf ... | head`: when the reader of the output goes, so do we, without a word. When nobody reads the progress any
 * more (a closed terminal, a parent process that was killed), the work goes on and can still be saved. Output that
 * cannot be written for another reason (a full disk) is a failure.
 */
function handleBrokenOutput(): void {
  process.stdout.on('error', error => {
    if (errorCode(error) === 'EPIPE') process.exit(BROKEN_PIPE);
    process.stderr.write(`sf: cannot write to standard output: ${error.message}\n`, () =>
      process.exit(FAILURE),
    );
  });
  process.stderr.on('error', error => {
    if (errorCode(error) !== 'EPIPE') throw error;
  });
}

/**
 * Runs `sf` with `args` (without node and script). A command sets process.exitCode itself where its end is neither
 * success nor an error, such as 130 for a run that Ctrl-C saved; Ctrl-C before that ends the process as ever.
 */
export async function main(args: readonly string[]): Promise<void> {
  handleBrokenOutput();
  try {
    const program = await createProgram(args);
    await program.parseAsync(args, {from: 'user'});
  } catch (error) {
    const code = report(error, args);
    // Whatever a failed command left running (image workers, a half-read stream) must not keep the process.
    // Where the output itself failed, its handler ends it.
    process.stdout.write('', failure => {
      if (!failure) process.exit(code);
    });
  }
}
