// `sf data` as a person runs it.
import {execFile} from 'node:child_process';
import {readdirSync} from 'node:fs';
import {readFile, truncate, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {temporaryFolder} from '../temporary-folder.js';

const binary = fileURLToPath(new URL('../../bin/sf.js', import.meta.url));

type Outcome = {readonly code: number; readonly stdout: string; readonly stderr: string};

function sf(...args: readonly string[]): Promise<Outcome> {
  return new Promise(done => {
    execFile(process.execPath, [binary, 'data', ...args], (error, stdout, stderr) => {
      done({code: error === null ? 0 : Number(error.code), stdout, stderr});
    });
  });
}

test('shapes are written as a COCO folder that stats and check read', async t => {
  const out = join(await temporaryFolder(t), 'shapes');
  const made = await sf(
    'shapes',
    ...['--out', out, '--images', '6', '--val-images', '3', '--size', '64'],
    '--seed',
    '4',
  );
  t.deepEqual([made.code, made.stdout], [0, `wrote 6 + 3 images; use them by --data coco:${out}\n`]);
  t.deepEqual(readdirSync(out).sort(), ['annotations', 'train', 'val']);
  t.deepEqual(readdirSync(join(out, 'annotations')).sort(), ['instances_train.json', 'instances_val.json']);

  const again = await sf('shapes', '--out', out);
  t.deepEqual([again.code, again.stderr], [2, `sf: ${out} exists already; choose a folder that does not\n`]);

  const stats = await sf('stats', '--data', `coco:${out}`, '--config', 'mini/retinanet', '--json', '-');
  t.is(stats.code, 0, stats.stderr);
  const numbers = JSON.parse(stats.stdout);
  t.like(numbers, {name: 'coco:train', images: 6, notices: []});
  t.like(numbers.imbalance, {config: 'mini/retinanet', resize: null});
  t.is(numbers.imbalance.ratio, numbers.imbalance.examples / numbers.imbalance.foreground);
  t.is(
    numbers.imbalance.prior,
    numbers.imbalance.foreground / (numbers.imbalance.examples * numbers.classes.length),
  );

  const file = join(out, 'stats.json');
  const text = await sf(
    'stats',
    '--data',
    `coco:${out}`,
    '--split',
    'val',
    '--config',
    'mini/retinanet',
    '--json',
    file,
  );
  t.regex(text.stdout, /^coco:val\n {2}images +3, /);
  t.regex(
    text.stdout,
    /\nimbalance of mini\/retinanet, images in their own size\n {2}N +[\d,]+\n {2}N_f +[\d,]+\n/,
  );
  t.like(JSON.parse(await readFile(file, 'utf8')), {images: 3});

  // Only three images for eight classes: a class without objects is no error.
  const sound = await sf('check', '--data', `coco:${out}`, '--split', 'val');
  t.is(sound.code, 0, sound.stdout);
  const image = join(out, 'val', '000001.png');
  await truncate(image, 700);
  const broken = await sf('check', '--data', `coco:${out}`, '--split', 'val', '--json', '-');
  t.is(broken.code, 1);
  t.like(JSON.parse(broken.stdout).findings[0], {
    severity: 'error',
    kind: 'image that cannot be decoded',
    count: 1,
  });
});

test('what is missing or wrong is one line and an exit code', async t => {
  const folder = await temporaryFolder(t);
  const fails = async (code: number, message: RegExp, ...args: readonly string[]) => {
    const outcome = await sf(...args);
    t.regex(outcome.stderr, message);
    t.is(outcome.stderr.split('\n').length, 2, 'one line');
    t.deepEqual([outcome.code, outcome.stdout], [code, '']);
  };
  const annotations = join(folder, 'instances.json');
  const file = join(folder, 'data.yaml');
  await writeFile(annotations, '{"images": [{"id": 1, "file_na');
  const set = '{kind: coco, annotations: instances.json, images: .}';
  await writeFile(file, `train: ${set}\nval: ${set}\n`);
  await Promise.all([
    fails(2, /^sf: which data set\? give --data /, 'stats'),
    fails(2, /^sf: --data coco:nowhere: there is no folder /, 'stats', '--data', 'coco:nowhere'),
    fails(
      2,
      /^sf: --split is tarin; expected one of train, val; did you mean train\?/,
      'check',
      '--split',
      'tarin',
    ),
    fails(1, /instances\.json ends after 30 bytes in the middle of images\[0\]: /, 'check', '--data', file),
    fails(2, /^sf: shapes have 1 to 8 classes/, 'shapes', '--out', join(folder, 'out'), '--classes', '9'),
  ]);
  t.deepEqual(readdirSync(folder).sort(), ['data.yaml', 'instances.json'], 'nothing half-written');
});

test('anchors of the boxes are printed as they stand in a config, the same for the same seed', async t => {
  const out = join(await temporaryFolder(t), 'shapes');
  await sf('shapes', '--out', out, '--images', '20', '--val-images', '1', '--size', '96', '--seed', '2');
  const flags = ['anchors', '--data', `coco:${out}`, '--config', 'mini/yolov3'];
  const text = await sf(...flags);
  t.is(text.code, 0, text.stderr);
  t.regex(
    text.stdout,
    /^# coco:train: \d+ boxes, mean IoU with the best anchor 0\.\d{4}; 0\.\d{4} with those of mini\/yolov3\nmodel:\n {2}anchors:\n( {4}- \[(\[[\d.]+, [\d.]+\](, )?){3}\] # stride (8|16|32)\n){3}$/,
  );
  const file = join(out, 'anchors.yaml');
  await writeFile(file, `extends: ${join(process.cwd(), 'configs/mini/yolov3.yaml')}\n${text.stdout}`);
  const again = JSON.parse(
    (await sf('anchors', '--data', `coco:${out}`, '--config', file, '--json', '-')).stdout,
  );
  t.true(again.meanIou > 0.7 && again.meanIou < 1);
  t.is(again.meanIouOfConfig, again.meanIou, 'the config has these anchors now');
  const areas = again.anchors.flat().map(([width, height]: [number, number]) => width * height);
  t.deepEqual(
    areas,
    areas.toSorted((a: number, b: number) => a - b),
  );

  const many = await sf(...flags, '--per-level', '100');
  t.is(many.code, 2);
  t.regex(
    many.stderr,
    /^sf: 300 anchors of \d+ different box sizes in coco:train; take fewer by --per-level, or other data\n$/,
  );
});
