import {availableParallelism} from 'node:os';
import test from 'ava';
import {Command} from 'commander';
import {
  engineOption,
  jsonOption,
  parseList,
  parseNumber,
  parseThreads,
  parseWhole,
  seedOption,
  setOption,
} from '../../src/cli/flags.js';
import {UsageError} from '../../src/errors.js';

function parse(...args: string[]): unknown {
  const command = new Command('x').exitOverride();
  for (const option of [engineOption(), seedOption(), setOption(), jsonOption()]) command.addOption(option);
  return command.parse(args, {from: 'user'}).opts();
}

test('flags that are not given leave no trace, so that they cannot hide a value of the config', t => {
  t.deepEqual(parse(), {});
});

test('--set collects, --seed 0 is a seed, --json - is stdout', t => {
  const args = ['--set', 'a=1', '--seed', '0', '--set', 'b.c={d: -1}', '--json', '-', '--engine', 'wasm'];
  t.deepEqual(parse(...args), {set: ['a=1', 'b.c={d: -1}'], seed: 0, json: '-', engine: 'wasm'});
});

for (const [args, message] of [
  [['--engine', 'wsam'], /^--engine is wsam; expected one of auto, .*; did you mean wasm\?$/],
  [['--engine', 'gpu42x'], /^--engine is gpu42x; expected one of auto, [^;]*$/],
  [['--seed', '-1'], /^--seed is -1; expected a whole number of at least 0$/],
  [['--seed', '1.5'], /^--seed is 1\.5; expected a whole number/],
  [['--seed', '4294967296'], /^--seed is 4294967296; expected at most 4294967295$/],
] as const) {
  test(`refused: ${args.join(' ')}`, t => {
    t.throws(() => parse(...args), {instanceOf: UsageError, message});
  });
}

test('numbers and lists are read strictly', t => {
  t.is(parseWhole('--seeds', 1, '3'), 3);
  t.is(parseNumber('--score', '1e-3'), 0.001);
  t.deepEqual(parseList('focal, sampling-free,'), ['focal', 'sampling-free']);
  t.throws(() => parseWhole('--seeds', 1, '0'), {
    message: '--seeds is 0; expected a whole number of at least 1',
  });
  t.throws(() => parseNumber('--score', ''), {message: '--score is ; expected a number'});
  t.throws(() => parseNumber('--score', 'high'), {message: '--score is high; expected a number'});
});

test('--threads takes at most four a core', t => {
  const most = 4 * availableParallelism();
  t.is(parseThreads('--threads', String(most)), most);
  t.throws(() => parseThreads('--threads', String(most + 1)), {
    instanceOf: UsageError,
    message: new RegExp(`^--threads is ${most + 1}; this machine has \\d+ cores?, expected at most ${most}$`),
  });
});
