// sf eval on files, through the built command.
import {execFileSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {mkdir, mkdtemp, open, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {type Ended, runSf, startSf} from './run-sf.js';

const folder = await mkdtemp(join(tmpdir(), 'sf-eval-files-'));
test.after.always(() => rm(folder, {recursive: true}));

const fixture = (name: string) =>
  new URL(`../../../test/fixtures/coco-by-hand/${name}`, import.meta.url).pathname;
const annotations = fixture('annotations.json');
const byHand = ['--annotations', annotations, '--results', fixture('results.json')] as const;

const sfEval = (...args: readonly string[]): Promise<Ended> => runSf({cwd: folder}, 'eval', ...args);

let files = 0;
async function file(value: unknown): Promise<string> {
  const path = join(folder, `${files++}.json`);
  await writeFile(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

test('A results file is evaluated to a table, with nothing on standard error', async t => {
  const {code, stdout, stderr} = await sfEval(...byHand);
  t.is(code, 0);
  t.regex(stdout, /^bbox, maxDets 1,10,100$/m);
  t.regex(stdout, /^AP {5}0\.50:0\.95 {2}all {9}100 {2}0\.738$/m); // (481 / 1010 + 1) / 2
  t.regex(stdout, /^cup /m);
  t.is(stderr, '');
});

test('With --json - standard output is JSON and nothing else', async t => {
  const results = await file([{image_id: 1, category_id: 77, bbox: [0, 0, 1, 1], score: 1}]);
  const {code, stdout, stderr} = await sfEval(
    '--annotations',
    annotations,
    '--results',
    results,
    '--json',
    '-',
  );
  t.is(code, 0);
  t.is(JSON.parse(stdout).stats.AP, 0);
  t.is(
    stderr,
    'warning: 1 detection (result 0, category 77) of a category that the annotations do not list: left out\n',
  );
});

test('With --json FILE the figures are written and the table is printed', async t => {
  const json = join(folder, 'figures.json');
  const {stdout} = await sfEval(...byHand, '--json', json);
  t.regex(stdout, /^AP50 /m);
  const {perCategory, parameters} = JSON.parse(await readFile(json, 'utf8'));
  t.is(perCategory.length, 2);
  t.deepEqual(parameters.maxDetections, [1, 10, 100]);
  t.false((await readdir(folder)).some(name => name.endsWith('.tmp')));
});

test('Thresholds, maxDets and categories change the figures and the table says so', async t => {
  // Plate's one object is found at 0.5 and 0.75, but behind two detections inside the crowd, which are ignored.
  const {stdout, stderr} = await sfEval(
    ...byHand,
    ...['--iou', '0.75,0.5', '--max-dets', '5', '--categories', 'plate', '--cores', '2'],
  );
  t.regex(stdout, /^bbox, maxDets 5, 1 category$/m);
  t.regex(stdout, /^AP {4}0\.50,0\.75 {2}all {11}5 {2}1\.000 {2}\(pycocotools sums up three values/m);
  t.notRegex(stdout, /^cup /m);
  t.regex(stderr, /^warning: maxDets is 5: /);
});

test('--class-agnostic makes all categories one', async t => {
  const {stdout} = await sfEval(...byHand, '--class-agnostic');
  t.regex(stdout, /^bbox, maxDets 1,10,100, all categories as one$/m);
  t.regex(stdout, /^any .* 4 {11}7$/m); // four objects that count, seven detections
});

test('--images-file evaluates the images of the list', async t => {
  const list = await file('2\n\n');
  const {stdout} = await sfEval(...byHand, '--images-file', list);
  t.regex(stdout, /^bbox, maxDets 1,10,100, 1 image$/m);
  t.regex(stdout, /^cup .* 1 {11}2$/m); // image 2: one cup, two detections
});

for (const [what, list, code, line] of [
  ['an unknown image', '1\n99\n', 1, /: line 2: image 99 is not among the images of the annotations$/],
  ['a file name', 'a.jpg', 1, /: line 1: expected an image id, found "a\.jpg"$/],
  ['nothing', '\n', 2, /--images-file: .* is empty; give image ids, one a line$/],
] as const) {
  test(`A list with ${what} is refused in one line`, async t => {
    const ended = await sfEval(...byHand, '--images-file', await file(list));
    t.regex(ended.stderr.trimEnd(), line);
    t.is(ended.stderr.split('\n').length, 2);
    t.is(ended.code, code);
  });
}

/** A 4 x 4 image with one object of 2 x 2 pixels, and what has its mask and what has half of it. */
const masks = {
  images: [{id: 1, height: 4, width: 4}],
  categories: [{id: 1, name: 'cell'}],
  annotations: [
    {
      ...{id: 1, image_id: 1, category_id: 1, iscrowd: 0, area: 4, bbox: [1, 1, 2, 2]},
      segmentation: {size: [4, 4], counts: [5, 2, 2, 2, 5]},
    },
  ],
};
const half = {
  ...{image_id: 1, category_id: 1, score: 0.5},
  segmentation: {size: [4, 4], counts: [5, 2, 9]},
};

test('--iou-type segm compares masks', async t => {
  const gt = await file(masks);
  const {stdout} = await sfEval(
    ...['--annotations', gt, '--results', await file([half])],
    '--iou-type',
    'segm',
  );
  t.regex(stdout, /^segm, maxDets/m);
  t.regex(stdout, /^AP50 .* 1\.000$/m); // IoU 2 / 4
  t.regex(stdout, /^AP75 .* 0\.000$/m);
  const boxes = await sfEval(
    ...['--annotations', gt, '--results', await file([{...half, bbox: [1, 1, 2, 2]}])],
  );
  t.regex(boxes.stdout, /^AP75 .* 1\.000$/m);
});

test('--analyze writes tables and charts and prints the errors', async t => {
  const out = join(folder, 'new', 'analysis');
  const {code, stdout, stderr} = await sfEval(...byHand, '--analyze', out);
  t.is(code, 0, stderr);
  const written = await readdir(out);
  for (const name of [
    'per-class.csv',
    'precision-recall.svg',
    'confusion.csv',
    'errors.csv',
    'analysis.json',
  ])
    t.true(written.includes(name), name);
  t.is(stderr, `analysis: ${written.length} files in ${out}\n`);
  t.regex(stdout, /^AP50 0\.958; what it would gain without one kind of error/m);
});

test('--self-check explains an AP below 1 and exits with 0', async t => {
  const gt = await file({
    ...masks,
    annotations: [{...masks.annotations[0], id: 0}],
  });
  const {code, stdout, stderr} = await sfEval('--annotations', gt, '--self-check');
  t.is(code, 0);
  t.is(stderr, '');
  t.regex(stdout, /^AP 0\.000, 1 of 1 classes below 1$/m);
  t.regex(stdout, /^ {4}annotation id 0 \(annotation 0 on image 1\): pycocotools takes it for "no match"/m);
  const json = await sfEval('--annotations', annotations, '--self-check', '--json', '-');
  t.deepEqual(JSON.parse(json.stdout).classes, []);
});

test('--self-check of masks finds a polygon that covers no pixel', async t => {
  const [object] = masks.annotations;
  const thin = {...object, id: 2, segmentation: [[0, 0, 0, 3, 0.01, 3]]};
  const gt = await file({...masks, annotations: [object, thin]});
  const {stdout} = await sfEval('--annotations', gt, '--self-check', '--iou-type', 'segm');
  t.regex(stdout, /1 object has a mask without a pixel \(annotation 2 on image 1\): nothing overlaps it/);
});

test('--submit writes the zip of the server from an image list without annotations', async t => {
  const list = await file({images: [{id: 1}, {id: 2}], categories: [{id: 1}, {id: 5}]});
  const args = [
    '--annotations',
    list,
    '--results',
    fixture('results.json'),
    '--submit',
    'up',
    '--submit-name',
    'a-1',
  ];
  const {code, stdout, stderr} = await sfEval(...args);
  t.is(code, 0, stderr);
  t.regex(
    stdout,
    /^up\/detections_test-dev2017_a-1_results\.zip: 7 records on 2 of 2 images, 0\.0 MB \(0\.0 MB unpacked\)\n$/,
  );
  t.deepEqual(await readdir(join(folder, 'up')), ['detections_test-dev2017_a-1_results.zip']);
  const json = JSON.parse((await sfEval(...args, '--json', '-')).stdout);
  t.like(json, {records: 7, leftOut: 0, images: 2});
});

const refuses = test.macro({
  title: (_given, args: readonly string[]) => `sf eval ${args.join(' ')} is refused in one line`,
  async exec(t, args: readonly string[], code: number, line: RegExp) {
    const ended = await sfEval(...args);
    t.is(ended.stdout, '');
    t.regex(ended.stderr.trimEnd(), line);
    t.is(ended.stderr.split('\n').length, 2, 'one line');
    t.is(ended.code, code);
  },
});
test(refuses, ['--annotations', 'gt.json'], 2, /^sf: --annotations and --results belong together/);
test(
  refuses,
  ['--annotations', 'a', '--results', 'b', '--metric', 'voc', '--max-dets', '1'],
  2,
  /--max-dets has no meaning/,
);
test(refuses, ['--annotations', 'a', '--results', 'b', '--iou-type', 'seg'], 2, /did you mean segm\?$/);
test(refuses, ['--annotations', 'none.json', '--results', 'b'], 2, /^sf: there is no file none\.json$/);
test(refuses, ['--annotations', 'none.json', '--self-check'], 2, /^sf: there is no file none\.json$/);
test(refuses, [...byHand, '--categories', 'cupp'], 2, /there is no category cupp; did you mean cup\?$/);
test(refuses, [...byHand, '--submit', 'x'], 2, /--submit needs --submit-name/);
test(refuses, [...byHand, '--submit', 'x', '--submit-name', 'a b'], 2, /give 1 to 100 letters/);
test(refuses, ['results/runs/x', '--iou-type', 'segm'], 2, /there is no run or checkpoint at results/);
test(refuses, ['--metric', 'voc', '--annotations', 'nowhere', '--results', 'b'], 2, /nowhere/);
test(refuses, ['--annotations', '/dev/null', '--results', 'b'], 1, /is empty; it should be a JSON file$/);

test('PASCAL VOC: a folder of annotations and a folder of detections', async t => {
  const root = join(folder, 'VOC2007');
  for (const part of ['Annotations', 'ImageSets/Main', 'JPEGImages'])
    await mkdir(join(root, part), {recursive: true});
  await writeFile(join(root, 'ImageSets/Main/test.txt'), '000001\n');
  await writeFile(
    join(root, 'Annotations/000001.xml'),
    `<annotation><filename>000001.jpg</filename><size><width>50</width><height>50</height><depth>3</depth></size>
<object><name>dog</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>10</xmax><ymax>10</ymax></bndbox></object>
</annotation>`,
  );
  const detections = join(folder, 'voc-dets');
  await mkdir(detections);
  await writeFile(join(detections, 'dog.txt'), '000001 0.9 1 1 10 6\n'); // IoU 60 / 100
  const args = ['--metric', 'voc', '--annotations', root, '--results', detections];
  const {code, stdout, stderr} = await sfEval(...args);
  t.is(code, 0, stderr);
  t.regex(stdout, /^mean AP07 \(VOC2007, 11 points\) +> 0\.50 +1\.000$/m);
  t.regex(stdout, /^mean AP07 \(VOC2007, 11 points\) +> 0\.75 +0\.000$/m);
  const at = JSON.parse(
    (await sfEval(...args, '--split', 'test', '--iou', '0.6', '--json', '-')).stdout,
  ).means;
  t.deepEqual(at, [{iouThreshold: 0.6, ap07: 0, ap: 0}]); // more than 0.6 is needed
  const other = await sfEval(...args, '--split', 'val');
  t.is(other.code, 2);
  t.regex(other.stderr, /val/);
});

test('Files are evaluated without a tensor library, and at once', async t => {
  const {stderr} = await runSf(
    {env: {...process.env, NODE_DEBUG: 'esm'}},
    'eval',
    ...byHand,
    '--json',
    join(folder, 'x'),
  );
  t.regex(stderr, /coco-eval\.js/);
  for (const heavy of ['tensorflow', 'sharp', '/zod/', 'src/engine/open.js'])
    t.false(stderr.includes(heavy), heavy);
});

test('Ctrl-C while files are read ends it at once with one line and nothing written', async t => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const json = join(folder, 'interrupted.json');
  const running = startSf(
    {env: process.env},
    ...['eval', '--annotations', pipe, '--results', fixture('results.json'), '--json', json],
  );
  // Opening for writing waits for the reader: sf is reading then.
  const writer = await open(pipe, 'w');
  await writer.write('{"images": [');
  running.child.kill('SIGINT');
  const {signal, stderr} = await running.ended;
  await writer.close();
  t.is(stderr, 'sf: interrupted; nothing was written\n');
  t.is(signal, 'SIGINT'); // which shells call 130
  t.false(existsSync(json));
});
