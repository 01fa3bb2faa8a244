// Everything that needs a GPU, in one call: builds the addon, runs the conformance suite and the tests of the torch engine
// on it, measures `sf bench` in every precision beside torchvision, and regenerates Table 3 at the mini scale. A step that
// fails does not stop the others. The report says what ran, how long it took and how it ended.
//
//   npm run check:gpu                            all steps on the first GPU
//   npm run check:gpu -- --only bench-bf16       some of them
//   npm run check:gpu -- --device cpu --quick    the same steps at a small size, where there is no GPU
import {spawn} from 'node:child_process';
import {createWriteStream, mkdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const STEPS = ['build', 'conformance', 'tests', 'bench-fp32', 'bench-tf32', 'bench-bf16', 'table-3'];

/** The command of a step, as arguments of node. */
function commandOf(step, {device, quick, out}) {
  const engine = ['--engine', 'torch', '--device', device];
  if (step === 'build') return ['scripts/build-torch.mjs'];
  if (step === 'conformance')
    return ['dist/test/conformance/run.js', '--engine', 'torch', '--json', join(out, 'conformance.json')];
  if (step === 'tests')
    return [
      'node_modules/ava/entrypoints/cli.mjs',
      'dist/test/engine/**/*.test.js',
      'dist/test/detectors/*.test.js',
    ];
  if (step === 'table-3') {
    const preset = quick ? 'smoke' : 'mini';
    return [
      'dist/bin/sf.js',
      'reproduce',
      'table-3',
      '--preset',
      preset,
      '--out',
      join(out, 'table-3'),
      ...engine,
    ];
  }
  const size = quick
    ? ['train', 'inference', '--size', '64x96', '--batch', '1', '--repeat', '1', '--warmup', '1']
    : ['--batch', '1,8', '--profile'];
  const precision = step.replace('bench-', '');
  return [
    'dist/bin/sf.js',
    'bench',
    ...size,
    '--precision',
    precision,
    ...engine,
    '--json',
    join(out, `${step}.json`),
  ];
}

/** Runs node to its end; what it prints goes to the terminal and into a log. */
function run(args, logPath) {
  return new Promise(done => {
    const log = createWriteStream(logPath);
    const child = spawn(process.execPath, args, {cwd: root, stdio: ['ignore', 'pipe', 'pipe']});
    let tail = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', chunk => {
        process.stdout.write(chunk);
        log.write(chunk);
        tail = (tail + chunk).slice(-4000);
      });
    }
    child.on('error', error => done({exitCode: null, tail: error.message}));
    child.on('close', (exitCode, signal) => log.end(() => done({exitCode, signal, tail})));
  });
}

const {values} = parseArgs({
  options: {
    device: {type: 'string', default: 'cuda'},
    only: {type: 'string'},
    out: {type: 'string', default: join(root, 'results/gpu-check')},
    quick: {type: 'boolean', default: false},
  },
});
const steps = values.only?.split(',') ?? STEPS;
const unknown = steps.find(step => !STEPS.includes(step));
if (unknown !== undefined) {
  console.error(`check-gpu: there is no step ${unknown}; the steps are ${STEPS.join(', ')}`);
  process.exit(2);
}
mkdirSync(values.out, {recursive: true});
const report = [];
for (const step of steps) {
  console.log(`\n== ${step}`);
  const started = performance.now();
  const skipped =
    step === 'bench-tf32' && values.device === 'cpu'
      ? 'tf32 is a mode of the matrix units of GPUs'
      : undefined;
  const ended =
    skipped === undefined
      ? await run(commandOf(step, values), join(values.out, `${step}.log`))
      : {exitCode: 0, skipped, tail: ''};
  report.push({
    step,
    ok: ended.exitCode === 0,
    seconds: Math.round((performance.now() - started) / 1000),
    ...ended,
  });
  writeFileSync(
    join(values.out, 'report.json'),
    `${JSON.stringify({device: values.device, quick: values.quick, report}, undefined, 2)}\n`,
  );
}
const lines = report.map(({step, ok, seconds, skipped}) => {
  if (skipped !== undefined) return `skipped ${step}: ${skipped}`;
  return `${ok ? 'ok     ' : 'FAILED '} ${step} (${seconds} s)`;
});
console.log(`\n${lines.join('\n')}\nlogs and figures: ${values.out}`);
process.exitCode = report.every(({ok}) => ok) ? 0 : 1;
