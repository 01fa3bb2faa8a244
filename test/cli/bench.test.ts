// `sf bench` as a person runs it, at a size of seconds.
import {chmod, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test from 'ava';
import {findPython} from '../../src/bench/python.js';
import {temporaryFolder} from '../temporary-folder.js';
import {runSf} from './run-sf.js';

const SMALL = ['--size', '64x96', '--warmup', '0', '--repeat', '1'];
const SMOKE = ['--engine', 'wasm', ...SMALL];

type SideJson = {readonly milliseconds: number; readonly peakBytes: number; readonly imagesPerSecond: number};
type BenchJson = {
  readonly sides: {readonly sf: {readonly detail: string}; readonly torchvision?: {readonly threads: number}};
  readonly results: readonly {
    readonly case: string;
    readonly operations: number;
    readonly sf: SideJson;
    readonly torchvision?: SideJson;
    readonly ratio?: {readonly time: number; readonly memory: number};
  }[];
};

const plausible = ({milliseconds, peakBytes, imagesPerSecond}: SideJson): boolean =>
  milliseconds > 1 && Math.abs(imagesPerSecond * milliseconds - 1000) < 1e-6 && peakBytes > 2 ** 26;

test('a training step and an inference are measured beside torchvision’s, which trains as many parameters', async t => {
  const {kind} = await findPython(undefined);
  const {code, stdout, stderr} = await runSf({}, 'bench', 'train', 'inference', ...SMOKE, '--json', '-');
  t.is(code, 0, stderr);
  const {sides, results}: BenchJson = JSON.parse(stdout);
  t.regex(sides.sf.detail, /^engine wasm \(/);
  t.deepEqual(
    results.map(result => result.case),
    ['train', 'inference'],
  );
  for (const result of results) {
    t.true(plausible(result.sf));
    if (kind === 'absent') {
      t.is(result.torchvision, undefined);
      continue;
    }
    t.is(sides.torchvision?.threads, 1, 'as many threads as the engine has');
    t.true(plausible(result.torchvision!));
    t.is(result.ratio!.time, result.sf.milliseconds / result.torchvision!.milliseconds);
  }
  if (kind === 'absent') t.regex(stderr, /^no torchvision to compare with: .* \(--python names another\)$/m);
});

test('convolutions are measured on both sides, and the table names the fastest', async t => {
  const {code, stdout, stderr} = await runSf({}, 'bench', 'convolution', ...SMOKE, '--profile');
  t.is(code, 0, stderr);
  t.regex(stdout, /^sf .*: engine wasm \(WebAssembly SIMD, one thread\)\n/);
  t.regex(stdout, /^convolution 3x3, 256 to 256 channels, 1x8x12, forward/m);
  t.regex(stdout, /^best: [\d.]+ GFLOP\/s, convolution /m);
  t.false(stdout.includes('failed'));
});

test('a Python whose torchvision is broken costs its cells, not those of sf', async t => {
  const python = join(await temporaryFolder(t), 'python3');
  // Claims to have torchvision when it is asked, and fails when it is used.
  await writeFile(
    python,
    '#!/bin/sh\nif [ "$1" = -c ]; then echo True; else echo "ImportError: broken" >&2; exit 1; fi\n',
  );
  await chmod(python, 0o755);
  const {code, stdout} = await runSf({}, 'bench', 'inference', ...SMOKE, '--python', python);
  t.is(code, 1);
  t.regex(stdout, /^ {2}sf +\d/m);
  t.regex(stdout, /^ {2}torchvision +failed$/m);
  t.regex(stdout, /^RetinaNet inference, batch 1, torchvision: ImportError: broken$/m);
});

for (const [args, line] of [
  [['trian'], /^sf: a case is trian; expected one of .*; did you mean train\?\n$/],
  [['--size', '800x1333'], /^sf: --size is 800x1333; expected HEIGHTxWIDTH, both multiples of 32, /],
  [['--batch', '1,x'], /^sf: --batch is x; expected a whole number of at least 1\n$/],
  [['--batch', ','], /^sf: --batch is empty; /],
  [['--repeat', '0'], /^sf: --repeat is 0; expected a whole number of at least 1\n$/],
  [['--against', 'detectron'], /^sf: --against is detectron; expected one of torchvision, none\n$/],
  [['--device', 'gpu'], /^sf: --device is gpu; expected auto, cpu, cuda or cuda:n\n$/],
  [['--precision', 'fp16'], /^sf: --precision is fp16; expected one of fp32, tf32, bf16/],
] as const) {
  test(`refused: sf bench ${args.join(' ')}`, async t => {
    const {code, stdout, stderr} = await runSf({}, 'bench', ...args);
    t.is(stdout, '');
    t.regex(stderr, line);
    t.is(code, 2);
  });
}

test('a comparison that was asked for and cannot be made is a failure', async t => {
  const {code, stderr} = await runSf({}, 'bench', 'train', ...SMOKE, '--python', '/nowhere/python3');
  t.is(code, 1);
  t.is(
    stderr,
    'sf: no torchvision to compare with: /nowhere/python3 cannot be run; install it there or name another Python with --python\n',
  );
});

test('an engine that cannot be opened is one line', async t => {
  const {code, stdout, stderr} = await runSf(
    {},
    ...['bench', 'train', ...SMALL],
    ...['--against', 'none', '--engine', 'tensorflow'],
  );
  // Where tfjs-node-gpu is installed with its binary, this is a measurement.
  if (code === 0) {
    t.regex(stdout, /engine tensorflow/);
  } else {
    t.deepEqual([code, stdout], [1, '']);
    t.regex(stderr, /^sf: engine tensorflow: .*\n$/);
  }
});
