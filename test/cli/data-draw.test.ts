// `sf data draw` as a person runs it.
import {existsSync} from 'node:fs';
import {mkdir, readdir, readFile, truncate, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import sharp from 'sharp';
import {near} from '../near.js';
import {temporaryFolder} from '../temporary-folder.js';
import {runSf} from './run-sf.js';

const FILES = ['one/a.png', 'two/a.png', 'two/b.png', 'c.png'];

async function greyImage(path: string): Promise<void> {
  await mkdir(join(path, '..'), {recursive: true});
  await sharp({create: {width: 500, height: 480, channels: 3, background: '#646464'}}).toFile(path);
}

/** A folder with four images of ids 11 to 14, an object on the first two, the second one a crowd; no outlines. */
async function cocoFolder(t: ExecutionContext): Promise<string> {
  const folder = await temporaryFolder(t);
  for (const file of FILES) await greyImage(join(folder, file));
  const instances = {
    images: FILES.map((file_name, i) => ({id: 11 + i, file_name, width: 500, height: 480})),
    annotations: [
      {id: 1, image_id: 11, category_id: 3, bbox: [100, 100, 200, 200], area: 40000, iscrowd: 0},
      {id: 2, image_id: 12, category_id: 3, bbox: [100, 100, 200, 200], area: 40000, iscrowd: 1},
    ],
    categories: [{id: 3, name: 'thing'}],
  };
  await writeFile(join(folder, 'instances.json'), JSON.stringify(instances));
  const set = '{kind: coco, annotations: instances.json, images: .}';
  await writeFile(join(folder, 'data.yaml'), `train: ${set}\nval: ${set}\n`);
  return folder;
}

const drawIn = (cwd: string, ...args: readonly string[]) => runSf({cwd}, 'data', 'draw', ...args);

test('images are drawn with their annotations, from all over the data set or by name', async t => {
  const folder = await cocoFolder(t);
  const flags = ['--data', 'data.yaml', '--out'];
  const all = await drawIn(folder, ...flags, 'all');
  t.is(all.code, 0, all.stderr);
  t.is(
    all.stdout,
    'one/a.png: 1 object -> all/a.png\ntwo/a.png: 1 object, 1 of them not counted -> all/a-2.png\n' +
      'two/b.png: 0 objects -> all/b.png\nc.png: 0 objects -> all/c.png\n',
  );
  t.deepEqual((await readdir(join(folder, 'all'))).sort(), ['a-2.png', 'a.png', 'b.png', 'c.png']);
  const {data, info} = await sharp(join(folder, 'all/a.png')).raw().toBuffer({resolveWithObject: true});
  t.deepEqual([info.width, info.height, info.channels], [500, 480, 3]);
  // The left side of the box: 1.6 pixels in the colour of the first object of an only class, half of them in pixel 100.
  const mixed = [0xf1, 0x44, 0x45].map(value => 0x64 + 0.8 * (value - 0x64));
  near(t, [...data.subarray(3 * (200 * 500 + 100)).subarray(0, 3)], mixed, 2);

  const [some, named] = await Promise.all([
    drawIn(folder, ...flags, 'some', '--images', '2'),
    drawIn(folder, ...flags, 'named', '--json', '-', '13', 'two/a.png', 'c.png', 'b.png'),
  ]);
  t.deepEqual(
    some.stdout.split('\n').map(line => line.split(':')[0]),
    ['one/a.png', 'two/b.png', ''],
  );
  // Image 13 is b.png, and is drawn once.
  t.deepEqual(JSON.parse(named.stdout), [
    {id: 13, file: 'two/b.png', drawing: 'named/b.png', objects: 0, notCounted: 0},
    {id: 12, file: 'two/a.png', drawing: 'named/a.png', objects: 1, notCounted: 1},
    {id: 14, file: 'c.png', drawing: 'named/c.png', objects: 0, notCounted: 0},
  ]);
});

test('a broken image is named and costs no other one, and the exit code is 1', async t => {
  const folder = await cocoFolder(t);
  await truncate(join(folder, 'two/b.png'), 200);
  const {code, stdout, stderr} = await drawIn(folder, '--data', 'data.yaml', '--out', 'out');
  t.is(code, 1);
  t.regex(stderr, /^sf: cannot decode image .*two\/b\.png: /m);
  t.is(stdout.split('\n').length, 4);
  t.deepEqual((await readdir(join(folder, 'out'))).sort(), ['a-2.png', 'a.png', 'c.png']);
});

test('what is missing or wrong is one line, and nothing is drawn', async t => {
  const folder = await cocoFolder(t);
  await writeFile(join(folder, 'file'), 'mine');
  const fails = async (message: string, out: string, ...args: readonly string[]) => {
    const {code, stdout, stderr} = await drawIn(folder, '--data', 'data.yaml', '--out', out, ...args);
    t.deepEqual([code, stdout, stderr], [2, '', `sf: ${message}\n`]);
  };
  const name = `coco:${folder.split('/').at(-1)}`;
  await Promise.all([
    fails('one exists already; choose a folder that does not', 'one'),
    fails('file exists already; choose a folder that does not', 'file'),
    fails(`${name} has no image d.png; did you mean a.png?`, 'out', 'c.png', 'd.png'),
    fails(
      `${name} has no image photograph; give ids or file names of it, or another --split`,
      'out',
      'photograph',
    ),
    fails(
      `${name} has several images a.png, such as one/a.png and two/a.png; give the folder too, or the id`,
      'out',
      'a.png',
    ),
    fails(
      '--images 2 is for images that are not named; leave it out, or the names',
      'out',
      '--images',
      '2',
      '11',
    ),
    fails(`--draw names masks, and no object of these images of ${name} has one`, 'out', '--draw', 'masks'),
    fails('--images is 0; expected a whole number of at least 1', 'out', '--images', '0'),
  ]);
  t.false(existsSync(join(folder, 'out')));
  t.is(await readFile(join(folder, 'file'), 'utf8'), 'mine');
  const unwritable = await drawIn(folder, '--data', 'data.yaml', '--out', 'file/out');
  t.is(unwritable.code, 1);
  t.regex(
    unwritable.stderr,
    /^sf: cannot write file\/out\/.*\.png: a file or folder of that name is in the way$/m,
  );
});

test('VOC data and generated data are drawn as well', async t => {
  const folder = await temporaryFolder(t);
  const voc = join(folder, 'VOC');
  await Promise.all(['Annotations', 'ImageSets/Main'].map(path => mkdir(join(voc, path), {recursive: true})));
  await greyImage(join(voc, 'JPEGImages/x.png'));
  const object = (difficult: number, xmin: number) =>
    `<object><name>cat</name><difficult>${difficult}</difficult><bndbox><xmin>${xmin}</xmin><ymin>10</ymin>` +
    '<xmax>200</xmax><ymax>200</ymax></bndbox></object>';
  await writeFile(
    join(voc, 'Annotations/x.xml'),
    `<annotation><filename>x.png</filename>${object(0, 10)}${object(1, 90)}</annotation>`,
  );
  for (const split of ['train', 'val']) await writeFile(join(voc, `ImageSets/Main/${split}.txt`), 'x\n');
  const shapes = 'data.train={kind: shapes, split: train, images: 3, size: 64, classes: 2, seed: 1}';
  const env = {...process.env, SF_CACHE: join(folder, 'cache')};
  const [ofVoc, ofShapes] = await Promise.all([
    drawIn(folder, '--data', 'voc:VOC', '--out', 'v'),
    runSf(
      {cwd: folder, env},
      'data',
      'draw',
      '--config',
      'mini/retinanet',
      '--set',
      shapes,
      '--out',
      's',
      '--draw',
      'masks',
    ),
  ]);
  t.is(ofVoc.code, 0, ofVoc.stderr);
  t.is(ofVoc.stdout, 'x.png: 2 objects, 1 of them not counted -> v/x.png\n');
  t.is(ofShapes.code, 0, ofShapes.stderr);
  // Small images are enlarged: 64 pixels to 256.
  t.is((await sharp(join(folder, 's/000003.png')).metadata()).width, 256);
});
