import {mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {decodeImage} from '../../../src/data/image.js';
import {openShapes, type ShapesConfig} from '../../../src/data/shapes/open.js';
import {renderScene} from '../../../src/data/shapes/scene.js';
import {imageTargets} from '../../../src/data/targets.js';
import {maskTarget} from '../../../src/masks/mask-targets.js';

const config: ShapesConfig = {kind: 'shapes', split: 'train', images: 12, size: 64, classes: 5, seed: 4};

const root = await mkdtemp(join(tmpdir(), 'sf-shapes-'));
test.after.always(() => rm(root, {recursive: true}));
let folders = 0;
const newCache = () => join(root, String(folders++));

/** Bytes of every file of a cache, by path. */
async function contents(cacheDir: string): Promise<Record<string, string>> {
  const entries = await readdir(cacheDir, {recursive: true, withFileTypes: true});
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name));
  const pairs = files.map(
    async path => [path.slice(cacheDir.length), await readFile(path, 'base64')] as const,
  );
  return Object.fromEntries(await Promise.all(pairs));
}

test('scenes come back from the files as they were drawn', async t => {
  const progress: number[] = [];
  const cacheDir = newCache();
  const onProgress = (done: number, total: number) => {
    t.is(total, 12);
    progress.push(done);
  };
  const dataset = await openShapes(config, {cacheDir, onProgress});
  t.is(dataset.name, 'shapes:train');
  t.deepEqual(dataset.classNames, ['circle', 'square', 'triangle', 'star', 'cross']);
  t.is(dataset.images.length, 12);
  t.deepEqual(dataset.notices, []);
  t.deepEqual(progress, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  for (const [index, record] of dataset.images.entries()) {
    const {pixels, objects} = renderScene(config, index);
    t.deepEqual([record.width, record.height], [64, 64]);
    t.deepEqual(Uint8Array.from(await decodeImage(record, {width: 64, height: 64})), pixels.data);
    t.deepEqual(
      [...record.groundTruth.classes],
      objects.map(object => object.class),
    );
    objects.forEach(({polygon, area}, i) => {
      const {boxes, areas, shapes} = record.groundTruth;
      const xs = polygon.filter((_, j) => j % 2 === 0);
      const ys = polygon.filter((_, j) => j % 2 === 1);
      const expected = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
      // Hundredths, but for the last bit of adding the width to x.
      t.true(expected.every((value, j) => Math.abs(boxes[i * 4 + j]! - value) < 1e-9));
      t.true(Math.abs(areas[i]! - area) <= 0.005);
      t.deepEqual(shapes?.[i], {kind: 'polygons', polygons: [[...polygon]]});
    });
  }
});

test('every object has an outline that a mask head can be trained on', async t => {
  const all: ShapesConfig = {...config, images: 40, size: 160, classes: 8};
  const dataset = await openShapes(all, {cacheDir: newCache()});
  const ring = dataset.classNames.indexOf('ring') + 1;
  let rings = 0;
  for (const record of dataset.images) {
    const {areas} = record.groundTruth;
    const {boxes, classes, outlines} = imageTargets(
      record,
      {width: 160, height: 160, flip: false},
      {masks: true},
    );
    t.is(outlines?.length, areas.length);
    outlines?.forEach((outline, i) => {
      const box = boxes.subarray(4 * i, 4 * i + 4);
      const [left, top, right, bottom] = [box[0]!, box[1]!, box[2]!, box[3]!];
      const target = maskTarget(outline, box, {size: 28, targets: 'rasterise'});
      // The share of the box that the bins say is that of the annotated area, to a few bins along the outline.
      const share = target.reduce((sum, bin) => sum + bin, 0) / 784;
      t.true(Math.abs(share - areas[i]! / ((right - left) * (bottom - top))) < 0.05);
      if (classes[i] !== ring || Math.min(left, top, 160 - right, 160 - bottom) <= 0) return;
      rings++;
      t.deepEqual([target[14 * 28 + 14], target[14 * 28 + 2]], [0, 1]);
    });
  }
  t.true(rings > 0);
});

test('the same configuration gives the same files, another seed gives others', async t => {
  const caches = [newCache(), newCache(), newCache()] as const;
  await openShapes(config, {cacheDir: caches[0]});
  await openShapes(config, {cacheDir: caches[1]});
  await openShapes({...config, seed: 5}, {cacheDir: caches[2]});
  const [first, second, other] = await Promise.all(caches.map(contents));
  t.is(Object.keys(first!).length, 13);
  t.deepEqual(second, first);
  t.notDeepEqual(Object.values(other!), Object.values(first!));
});

test('fewer images are the first ones of more', async t => {
  const cacheDir = newCache();
  const few = await openShapes({...config, images: 3}, {cacheDir});
  const more = await openShapes(config, {cacheDir});
  for (const [i, record] of few.images.entries()) {
    t.deepEqual(record.groundTruth.boxes, more.images[i]!.groundTruth.boxes);
    t.deepEqual(await readFile(record.path), await readFile(more.images[i]!.path));
  }
});

test('files that are there are used, without drawing anything', async t => {
  const cacheDir = newCache();
  const first = await openShapes(config, {cacheDir});
  const second = await openShapes(config, {cacheDir, onProgress: () => t.fail('nothing is to be drawn')});
  t.deepEqual(
    second.images.map(({path}) => path),
    first.images.map(({path}) => path),
  );
});

test('several may ask for the same scenes at once, and leave one folder', async t => {
  const cacheDir = newCache();
  const datasets = await Promise.all([1, 2, 3].map(() => openShapes(config, {cacheDir})));
  for (const dataset of datasets) t.deepEqual(dataset, datasets[0]);
  t.is((await readdir(cacheDir)).length, 1);
});

test('what a killed process left is removed after a day, what another one is writing stays', async t => {
  const cacheDir = newCache();
  await openShapes(config, {cacheDir});
  const [name] = await readdir(cacheDir);
  await rm(join(cacheDir, name!), {recursive: true});
  const abandoned = join(cacheDir, `${name}.1.aaaaaaaa.tmp`);
  await mkdir(join(abandoned, 'images'), {recursive: true});
  await utimes(join(abandoned, 'images'), 1e9, 1e9);
  const alive = `${name}.2.bbbbbbbb.tmp`;
  await mkdir(join(cacheDir, alive, 'images'), {recursive: true});
  await openShapes(config, {cacheDir});
  t.deepEqual((await readdir(cacheDir)).sort(), [name, alive].sort());
});

test('a folder that cannot be written or was damaged is named', async t => {
  const cacheDir = newCache();
  await writeFile(cacheDir, '');
  await t.throwsAsync(openShapes(config, {cacheDir}), {
    name: 'RunError',
    message: /^cannot write .*shapes-\w{12}: a file or folder of that name is in the way$/,
  });
  const damaged = newCache();
  const {images} = await openShapes(config, {cacheDir: damaged});
  const [name] = await readdir(damaged);
  await rm(join(damaged, name!, 'instances.json'));
  t.is(images.length, 12);
  await t.throwsAsync(openShapes(config, {cacheDir: damaged}), {
    name: 'RunError',
    message: `${join(damaged, name!)} lacks its instances.json; delete the folder to have it made anew`,
  });
  t.deepEqual(await readdir(damaged), [name!]);
});
