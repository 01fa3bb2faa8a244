// Darknet's weights through the built command: into a checkpoint, and what that is good for.
import {existsSync} from 'node:fs';
import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import {readCheckpoint} from '../../src/train/checkpoint-file.js';
import {temporaryFolder} from '../temporary-folder.js';
import {darknetBytes} from '../weights/darknet-bytes.js';
import {runSf} from './run-sf.js';

const cache = join(process.cwd(), 'node_modules', '.cache', 'sf-test');
const env = {...process.env, SF_CACHE: cache, SF_ENGINE: 'wasm'};

/** The network is the test's own, whatever the preset's: `floats` counts its parameters. */
const CONFIG = [
  ...['yolov3_darknet53', '--preset', 'smoke', '--set', 'model.backbone.blocks=[1, 1, 1, 1, 1]'],
  ...['--set', 'model.backbone.width=0.125'],
  '--set',
  'model.anchors=[[[16, 14], [14, 17], [19, 17]], [[21, 21], [28, 27], [31, 33]], [[39, 37], [50, 51], [64, 62]]]',
];

/** Of CONFIG: blocks 1 1 1 1 1 and widths 8, 8, 16, 32, 64, 128; three anchors a cell. */
function floats(classes: number): number {
  const normed = (size: number, inside: number, outside: number) => outside * (4 + size * size * inside);
  const widths = [8, 8, 16, 32, 64, 128];
  const backbone = widths.slice(1).map((wide, i) => {
    return normed(3, widths[i]!, wide) + normed(1, wide, wide / 2) + normed(3, wide / 2, wide);
  });
  /** Levels at strides 8, 16, 32: the block and the 3x3 convolution of the predictions, after the map from above. */
  const head = [32, 64, 128].map((wide, i) => {
    const above = i === 2 ? 0 : wide / 2;
    const narrow = wide / 2;
    return (
      (above === 0 ? 0 : normed(1, wide, above)) +
      normed(1, wide + above, narrow) +
      2 * normed(1, wide, narrow) +
      3 * normed(3, narrow, wide) +
      3 * (5 + classes) * (wide + 1)
    );
  });
  return [...backbone, ...head].reduce((sum, part) => sum + part, normed(3, 3, 8));
}

test.serial('weights become a checkpoint that predicts, evaluates and trains on', async t => {
  const folder = await temporaryFolder(t);
  const [weights, out, names] = ['yolov3.weights', 'yolov3.safetensors', 'my.names'].map(name =>
    join(folder, name),
  ) as [string, string, string];
  await writeFile(
    weights,
    darknetBytes(Float32Array.from({length: floats(3)}, (_, i) => 0.01 + (i % 97) / 9700)),
  );
  // The classes of the generated data.
  await writeFile(names, 'circle\nsquare\ntriangle\n');

  const made = await runSf({env}, 'weights', ...CONFIG, weights, '--names', names, '--out', out);
  t.is(made.code, 0, made.stderr);
  t.is(
    made.stdout,
    `weights of ${weights} (darknet 0.2.0, 32013312 images seen): 39 of 39 convolutions, 3 classes -> ${out}\n`,
  );
  const {state, parameters} = await readCheckpoint(out);
  t.like(state, {iteration: 0, classNames: ['circle', 'square', 'triangle'], categoryIds: [1, 2, 3]});
  t.is(state.config.weights, weights);
  // The first number of the file: an offset of the stem.
  t.is(parameters.get('backbone.stem.norm.bias')?.values[0], Math.fround(0.01));

  const photo = join(folder, 'photo.png');
  await sharp({create: {width: 96, height: 96, channels: 3, background: '#a55'}})
    .png()
    .toFile(photo);
  const predicted = await runSf({env}, 'predict', out, photo, '--out', join(folder, 'drawn'));
  t.is(predicted.code, 0, predicted.stderr);
  t.true(existsSync(join(folder, 'drawn', 'detections.json')));

  const evaluated = await runSf({env}, 'eval', out, '--json', '-');
  t.is(evaluated.code, 0, evaluated.stderr);
  t.is(Object.keys(JSON.parse(evaluated.stdout).stats).length, 12);

  const run = join(folder, 'run');
  const trained = await runSf(
    {env},
    ...['train', ...CONFIG, '--set', 'schedule.iterations=1', '--weights', out, '--out', run],
  );
  t.is(trained.code, 0, trained.stderr);
  t.regex(trained.stderr, /yolov3\.safetensors \(iteration 0\): (\d+) of \1 parameters/);
  t.is(JSON.parse(await readFile(join(run, 'result.json'), 'utf8')).status, 'finished');
});

test.serial('what makes no checkpoint is said', async t => {
  const folder = await temporaryFolder(t);
  const weights = join(folder, 'yolov3.weights');
  const names = join(folder, 'my.names');
  await writeFile(weights, darknetBytes(new Float32Array(floats(5))));
  await writeFile(names, 'a\nb\nc\n');
  const out = join(folder, 'a.safetensors');
  const wrong = async (...args: readonly string[]) => {
    const {code, stderr} = await runSf({env}, 'weights', ...CONFIG, ...args);
    t.false(existsSync(out));
    return `${code} ${stderr.trim().split('\n').at(-1)}`;
  };
  t.regex(
    await wrong(weights, '--names', names, '--out', out),
    /^2 sf: weights of .*; class logits as initialised: 5 classes there, 3 here; a checkpoint needs all of them, start a training/,
  );
  t.regex(
    await wrong(weights, '--names', names, '--out', 'a.weights'),
    /^2 sf: --out is a\.weights; a checkpoint is a/,
  );
  t.regex(
    await wrong(weights, '--names', names, '--data', 'shapes', '--out', out),
    /^2 sf: --names and --data both say what the classes are; give one of them/,
  );
  t.regex(
    await wrong(join(folder, 'none'), '--names', names, '--out', out),
    /^2 sf: there are no weights at .*none; check/,
  );
  const optimal = ['--set', 'model.stages.dense.biasInit={kind: optimal}'];
  t.regex(
    await wrong(weights, '--names', names, '--out', out, ...optimal),
    /^2 sf: this config counts N and N_f of a training set, which --names has not; give --data/,
  );
});
