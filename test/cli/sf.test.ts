// The built command as a person runs it: output, error line and exit code.
import {type ExecFileOptions, execFile, spawn} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {SUBCOMMANDS} from '../../src/cli/program.js';

const binary = fileURLToPath(new URL('../../bin/sf.js', import.meta.url));

type Outcome = {readonly code: number; readonly stdout: string; readonly stderr: string};

function sf(...args: readonly string[]): Promise<Outcome> {
  return sfIn({}, ...args);
}

function sfIn(options: ExecFileOptions, ...args: readonly string[]): Promise<Outcome> {
  return new Promise(done => {
    execFile(process.execPath, [binary, ...args], {...options, encoding: 'utf8'}, (error, stdout, stderr) => {
      done({code: error === null ? 0 : Number(error.code), stdout, stderr});
    });
  });
}

const refuses = test.macro({
  title: (_given, args: readonly string[]) => `sf ${args.join(' ')} is refused in one line with exit code 2`,
  async exec(t, args: readonly string[], line: string | RegExp) {
    const {code, stdout, stderr} = await sf(...args);
    t.is(stdout, '');
    if (typeof line === 'string') t.is(stderr, `${line}\n`);
    else t.regex(stderr, line);
    t.is(stderr.split('\n').length, 2, 'one line');
    t.is(code, 2);
  },
});

test(refuses, ['trian'], /^sf: unknown command 'trian'; /);
test(refuses, ['confg'], "sf: unknown command 'confg'; did you mean config?");
test(refuses, ['frobnicate'], "sf: unknown command 'frobnicate'; see sf --help");
test(refuses, ['--verbos'], /^sf: unknown option '--verbos'; /);
test(refuses, ['config', '--jsn', 'x'], "sf: unknown option '--jsn'; did you mean --json?");
test(
  refuses,
  ['train', 'mini/retinanet', '--engine', 'wsam'],
  /^sf: --engine is wsam; expected one of .*; did you mean wasm\?\n$/,
);
test(refuses, ['config', 'a', 'b'], /^sf: too many arguments for 'config'.*; see sf config --help\n$/);
test(refuses, ['config', 'x', '--set'], /^sf: option '--set <key=value>' argument missing; /);
test(refuses, ['config', 'nowhere.yaml'], /^sf: there is no config nowhere\.yaml, neither as a file nor /);
test(
  refuses,
  ['config', 'mini/retinanet', '--set', 'schedule.basLr=1'],
  'sf: unknown key schedule.basLr in --set schedule.basLr=1; did you mean baseLr?',
);
test(
  refuses,
  ['config', 'mini/retinanet', '--preset', 'smoek'],
  'sf: there is no preset smoek; did you mean smoke?',
);

test(
  refuses,
  ['train', 'mini/retinanet', '--seed', '1', '--seed=2'],
  'sf: --seed is given twice; it takes one value',
);
test(
  refuses,
  ['train', 'mini/retinanet', '--engine', 'wasm', '--precision', 'bf16'],
  'sf: engine wasm: --precision bf16 cannot be followed, it computes in fp32; engine torch can',
);
test(
  refuses,
  ['reproduce', 'table-6', '--preset', 'smoke', '--dry-run', '--json', '-'],
  'sf: --dry-run prints a plan, which has no numbers for --json; leave out one of them',
);
test(
  refuses,
  ['ablate', 'mini/retinanet', '--vary', 'boxLoss'],
  'sf: --vary boxLoss: expected FIELD=VALUE,..., and there is no =',
);
test(refuses, ['train', 'mini/retinanet', '--weights', ''], /^sf: --weights is empty; /);
test(refuses, ['predict', 'nowhere', 'a.jpg', '--out', 'drawn'], /^sf: .*nowhere.*\n$/);

test('sf without a command shows help on stderr with exit code 2', async t => {
  const {code, stdout, stderr} = await sf();
  t.deepEqual([code, stdout], [2, '']);
  t.regex(stderr, /^Usage: sf /);
});

test('sf --help names every command with what it does, and shows examples', async t => {
  const {code, stdout, stderr} = await sf('--help');
  t.deepEqual([code, stderr], [0, '']);
  t.regex(stdout, /^Usage: sf \[options\] \[command\]\n/);
  const text = stdout.replaceAll(/\s+/g, ' ');
  for (const {name, summary} of SUBCOMMANDS)
    t.true(text.includes(`${name} `) && text.includes(summary), name);
  t.regex(stdout, /Examples:\n {2}sf reproduce table-3 --preset mini /);
});

test('sf config --help', async t => {
  const {code, stdout} = await sf('config', '--help');
  t.is(code, 0);
  t.is(
    stdout,
    `Usage: sf config [options] [config]

Show a config with parents, preset and overrides applied and where each value
came from.

Arguments:
  config             YAML file or name of a shipped config; none: list those

Options:
  --preset <name>    scale of the run: paper, small, mini, smoke
  --seed <n>         seed of everything random
  --set <key=value>  set one value of the config, such as schedule.baseLr=0.02
                     (repeatable)
  --json <file>      also write the numbers as JSON to a file, or to stdout (-)
                     instead of text
  -h, --help         show help

Global Options:
  -V, --version      print the version
  --debug            print the stack of an error
`,
  );
});

test('sf --version prints the version alone', async t => {
  const {code, stdout} = await sf('--version');
  t.is(code, 0);
  t.regex(stdout, /^\d+\.\d+\.\d+\n$/);
});

test('sf config shows every value with where it came from, or the same as JSON', async t => {
  const args = ['config', 'mini/retinanet', '--set', 'schedule.baseLr=0.5'];
  const text = await sf(...args);
  t.is(text.code, 0);
  t.regex(text.stdout, /\n {2}baseLr: 0\.5 # --set schedule\.baseLr=0\.5\n/);
  const json = await sf(...args, '--json', '-');
  const {config, provenance} = JSON.parse(json.stdout);
  t.is(config.schedule.baseLr, 0.5);
  t.is(provenance['schedule.baseLr'], '--set schedule.baseLr=0.5');
});

test('sf config lists the shipped configs', async t => {
  const {stdout} = await sf('config');
  t.regex(stdout, /^mini\/retinanet {2,}\S/m);
});

test('sf env says what computes here and why, as text and as JSON', async t => {
  const [text, json] = await Promise.all([sf('env'), sf('env', '--json', '-')]);
  t.deepEqual([text.code, text.stderr], [0, '']);
  t.regex(text.stdout, /^Node {2,}\d+\.\d+\.\d+, /m);
  t.regex(text.stdout, /^ {2}wasm {2,}yes {2}\S/m);
  t.regex(text.stdout, /^ {2}--engine auto takes (torch|tensorflow|wasm): \S/m);
  t.regex(text.stdout, /^ {2}resultsDir {2,}\/.* {2}\(default\)$/m);
  const {versions, auto, engines, settings} = JSON.parse(json.stdout);
  t.is(versions.tfjs, '4.22.0');
  t.true(
    engines.some(
      (engine: {name: string; available: boolean}) => engine.name === auto.name && engine.available,
    ),
  );
  t.is(settings.engine.origin, 'default');
});

test('an engine that does not exist, in the environment, is named with its variable', async t => {
  const env = {...process.env, SF_ENGINE: 'wsam'};
  const {code, stderr} = await sfIn({env}, 'env');
  t.is(code, 2);
  t.regex(stderr, /^sf: engine is "wsam" in SF_ENGINE; expected one of .*; did you mean wasm\?\n$/);
});

test('a file in the way of --json is one line and exit code 1', async t => {
  const {code, stderr} = await sf('config', '--json', fileURLToPath(new URL('.', import.meta.url)));
  t.is(code, 1);
  t.regex(stderr, /^sf: cannot write .*: it is a folder; name a file\n$/);
});

test('the stack of an error is printed with --debug only', async t => {
  const {code, stderr} = await sf('config', 'nowhere.yaml', '--debug');
  t.is(code, 2);
  t.regex(stderr, /^sf: there is no config[^\n]*\nUsageError: [^\n]*\n +at /);
});

test('a reader that goes away ends the command without a word', async t => {
  const child = spawn(process.execPath, [binary, 'config', 'mini/retinanet'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let said = '';
  child.stderr.on('data', chunk => {
    said += chunk;
  });
  const code = await new Promise(done => child.on('close', done));
  t.is(said, '');
  t.is(code, 141); // 128 + SIGPIPE
});
