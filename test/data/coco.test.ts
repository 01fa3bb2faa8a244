import {execFile} from 'node:child_process';
import {existsSync} from 'node:fs';
import {open, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {promisify} from 'node:util';
import test, {type ExecutionContext} from 'ava';
import {loadCoco} from '../../src/data/coco.js';
import type {Dataset} from '../../src/data/dataset.js';
import {RunError, UsageError} from '../../src/errors.js';
import {temporaryFolder} from '../temporary-folder.js';

const image = {id: 1, file_name: 'a.jpg', width: 100, height: 80};
const category = {id: 1, name: 'thing'};
const annotation = {id: 7, image_id: 1, category_id: 1, bbox: [10, 20, 30, 40], area: 1200, iscrowd: 0};

async function load(t: ExecutionContext, content: unknown): Promise<Dataset> {
  const path = join(await temporaryFolder(t), 'instances.json');
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return loadCoco({annotations: path, images: '/images', name: 'test'});
}

const one = (changes: object) => ({
  images: [image],
  categories: [category],
  annotations: [{...annotation, ...changes}],
});

test('boxes become XYXY, category ids classes by ascending id, and annotations find their images in any order', async t => {
  const dataset = await load(t, {
    annotations: [
      {...annotation, id: 3, image_id: 9, category_id: 90, bbox: [0.5, 1.25, 10, 20], area: 150},
      {...annotation, id: 1, image_id: 4, category_id: 2},
      {...annotation, id: 2, image_id: 9, category_id: 13, iscrowd: 1},
    ],
    images: [
      {id: 9, file_name: 'sub/nine.png', width: 640, height: 480},
      {id: 5, file_name: 'five.jpg', width: 20, height: 10},
      {id: 4, file_name: '/elsewhere/four.jpg', width: 100, height: 80},
    ],
    categories: [
      {id: 90, name: 'toothbrush'},
      {id: 2, name: 'bicycle'},
      {id: 13, name: 'stop sign'},
    ],
  });
  t.deepEqual(dataset.classNames, ['bicycle', 'stop sign', 'toothbrush']);
  t.deepEqual(dataset.categoryIds, [2, 13, 90]);
  t.deepEqual(
    dataset.images.map(({id, fileName, path, width, height}) => [id, fileName, path, width, height]),
    [
      [9, 'sub/nine.png', '/images/sub/nine.png', 640, 480],
      [5, 'five.jpg', '/images/five.jpg', 20, 10],
      [4, '/elsewhere/four.jpg', '/elsewhere/four.jpg', 100, 80],
    ],
  );
  const [nine, five, four] = dataset.images.map(({groundTruth}) => groundTruth);
  t.deepEqual([...nine!.boxes], [0.5, 1.25, 10.5, 21.25, 10, 20, 40, 60]);
  t.deepEqual([...nine!.classes], [3, 2]);
  t.deepEqual([...nine!.ids], [3, 2]);
  t.deepEqual([...nine!.areas], [150, 1200]);
  t.deepEqual(
    [[...nine!.crowd], [...nine!.ignore]],
    [
      [0, 1],
      [0, 1],
    ],
  );
  t.is(five!.classes.length, 0);
  t.is(five!.shapes?.length, 0);
  t.deepEqual([...four!.classes], [1]);
  t.deepEqual(dataset.notices, []);
});

test('polygons and run lengths, listed or compressed, are kept as they are', async t => {
  const runLengths = {size: [2, 3], counts: [1, 2, 3]};
  const compressed = {size: [256, 256], counts: 'kQe18g73N1N2O10O010O1N2O1N3LRn7'};
  const polygons = [
    [1.5, 2, 3.25, 4, 5, 1 / 3],
    [0, 0, 1, 0, 1, 1, 0, 1],
  ];
  const segmentations = [polygons, runLengths, compressed, [], null, undefined];
  const {images} = await load(t, {
    ...one({}),
    annotations: segmentations.map((segmentation, i) => ({...annotation, id: i + 1, segmentation})),
  });
  t.deepEqual(images[0]!.groundTruth.shapes, [
    {kind: 'polygons', polygons},
    {kind: 'run-lengths', runLengths: {size: [2, 3], counts: [1, 2, 3]}},
    {kind: 'run-lengths', runLengths: {size: [256, 256], counts: compressed.counts}},
    {kind: 'none'},
    {kind: 'none'},
    {kind: 'none'},
  ]);
});

test('what is left out or corrected is counted with its first example', async t => {
  const dataset = await load(t, {
    images: [image],
    categories: [category],
    annotations: [
      {...annotation, id: 0, area: undefined},
      {...annotation, id: 1, image_id: 77},
      {...annotation, id: 2, image_id: 78},
      {...annotation, id: 3, category_id: 8},
      {...annotation, id: 4, bbox: [5, 6, 0, 10]},
      {
        ...annotation,
        id: 5,
        segmentation: [
          [1, 2, 3, 4, 5],
          [1, 2, 3, 4, 5, 6],
        ],
      },
      {...annotation, id: 6, segmentation: [[1, 2, 3, 4]]},
      {...annotation, id: 7, ignore: 1},
    ],
  });
  t.deepEqual([...dataset.images[0]!.groundTruth.ids], [0, 5, 6, 7]);
  t.is(dataset.images[0]!.groundTruth.areas[0], 1200, 'area of the box');
  t.deepEqual(dataset.images[0]!.groundTruth.shapes?.slice(1, 3), [
    {kind: 'polygons', polygons: [[1, 2, 3, 4, 5, 6]]},
    {kind: 'none'},
  ]);
  t.deepEqual(dataset.notices, [
    {kind: 'annotation without area: that of its box taken', count: 1, example: 'annotation 0 of image 1'},
    {kind: 'annotation id 0, which pycocotools never matches', count: 1, example: 'annotation 0 of image 1'},
    {kind: 'box without area left out', count: 1, example: 'annotation 4 of image 1: [5, 6, 0, 10]'},
    {
      kind: 'polygon left out: an odd count of numbers, or fewer than three points',
      count: 2,
      example: 'annotation 5',
    },
    {
      kind: '"ignore" has no effect in COCO files, only "iscrowd" has',
      count: 1,
      example: 'annotation 7 of image 1',
    },
    {
      kind: 'annotation of an image that is not listed left out',
      count: 2,
      example: 'annotation 1: image_id 77',
    },
    {
      kind: 'annotation of a category that is not listed left out',
      count: 1,
      example: 'annotation 3: category_id 8',
    },
  ]);
});

test('more than one box in a hundred without area is an error', async t => {
  const boxes = (bad: number) =>
    Array.from({length: 200}, (_, i) => ({
      ...annotation,
      id: i + 1,
      bbox: i < bad ? [9, 9, -1, 5] : [1, 2, 3, 4],
    }));
  t.is((await load(t, {...one({}), annotations: boxes(2)})).notices[0]?.count, 2);
  await t.throwsAsync(load(t, {...one({}), annotations: boxes(3)}), {
    instanceOf: RunError,
    message:
      /: 3 of 200 boxes have no area, such as annotation 1 of image 1: \[9, 9, -1, 5\]; bbox is .*did you pass XYXY\?$/,
  });
});

test('corners given as sizes are found by boxes that leave their images', async t => {
  // Corners of 25x20 boxes on a grid in 100x80; read as sizes, those right of 38 or below 30 leave the image.
  const corners = Array.from({length: 12}, (_, i) => {
    const [x, y] = [(i % 4) * 25, Math.floor(i / 4) * 25];
    return {...annotation, id: i + 1, bbox: [x, y, x + 25, y + 20]};
  });
  await t.throwsAsync(load(t, {...one({}), annotations: corners}), {
    instanceOf: RunError,
    message: /: \d+ of 12 boxes reach beyond their images; bbox is .*did you pass XYXY\?$/,
  });
  // Boxes that merely leave the image are taken as they are.
  const large = Array.from({length: 12}, (_, i) => ({...annotation, id: i + 1, bbox: [50, 50, 40, 90]}));
  await t.notThrowsAsync(load(t, {...one({}), annotations: large}));
});

const refuses = test.macro({
  title: (given = '') => `${given} is refused in one line`,
  async exec(t, content: unknown, message: RegExp) {
    const error = await t.throwsAsync(load(t, content), {instanceOf: RunError});
    t.regex(error?.message ?? '', /^\/.*instances\.json(:| is| has| ends)/);
    t.regex(error?.message ?? '', message);
    t.false(error?.message.includes('\n'));
  },
});

test(
  'a box that is text',
  refuses,
  one({bbox: 'x'}),
  /: annotations\[0\]\.bbox: expected 4 numbers \[x, y, width, height\], found "x"$/,
);
test('a box of three numbers', refuses, one({bbox: [1, 2, 3]}), /\.bbox: .*, found \[1,2,3\]$/);
test(
  'a box with 1e999',
  refuses,
  JSON.stringify(one({bbox: [1, 2, 3, 12345]})).replace('12345', '1e999'),
  /\.bbox: /,
);
test('an annotation without a box', refuses, one({bbox: undefined}), /\.bbox: .*, it is missing$/);
test('an id that is text', refuses, one({id: '7'}), /annotations\[0\]\.id: expected an integer, found "7"$/);
test(
  'an annotation of null',
  refuses,
  {...one({}), annotations: [null]},
  /: annotations\[0\]: expected an object, found null$/,
);
test('an area below 0', refuses, one({area: -1}), /\.area: expected square pixels, found -1$/);
test('iscrowd 2', refuses, one({iscrowd: 2}), /\.iscrowd: expected 0 or 1, found 2$/);
test(
  'a polygon that is not nested',
  refuses,
  one({segmentation: [1, 2, 3, 4, 5, 6]}),
  /\.segmentation: expected a list of polygons .*, found \[1,2,3,4,5,6\]$/,
);
test(
  'a polygon with text',
  refuses,
  one({segmentation: [[1, 2, 3, '4', 5, 6]]}),
  /\.segmentation: expected a list of polygons .*, found a list of 1$/,
);
test(
  'run lengths without size',
  refuses,
  one({segmentation: {counts: [1]}}),
  /\.segmentation\.size: expected \[height, width\], it is missing$/,
);
test(
  'run lengths below 0',
  refuses,
  one({segmentation: {size: [1, 2], counts: [-1]}}),
  /\.segmentation\.counts: /,
);
test(
  'an image without a name',
  refuses,
  {...one({}), images: [{...image, file_name: ''}]},
  /: images\[0\]\.file_name: expected a text that is not empty, found ""$/,
);
test(
  'an image of width 0',
  refuses,
  {...one({}), images: [{...image, width: 0}]},
  /: images\[0\]\.width: expected a positive integer, found 0$/,
);
test(
  'an annotation id that occurs twice',
  refuses,
  {...one({}), annotations: [annotation, annotation]},
  /: annotations\[1\]\.id: another annotation has the id 7; /,
);
test(
  'an image id that occurs twice',
  refuses,
  {...one({}), images: [image, image]},
  /: images\[1\]\.id: another image has the id 1; /,
);
test(
  'a category id that occurs twice',
  refuses,
  {...one({}), categories: [category, category]},
  /: categories\[1\]\.id: /,
);
test(
  'annotations that are no list',
  refuses,
  {...one({}), annotations: {a: 1}},
  /: annotations: expected a list, found an object$/,
);
test(
  'a file without categories',
  refuses,
  {images: [image], annotations: []},
  / has no list "categories"; is it a COCO instances file\?$/,
);
test('a file of no images', refuses, {...one({}), images: []}, / has no images: the list is empty$/);
test(
  'a results file',
  refuses,
  [{image_id: 1, category_id: 1, bbox: [1, 2, 3, 4], score: 0.5}],
  / is a list; .*is it a results file\?/,
);
test(
  'a truncated file',
  refuses,
  JSON.stringify(one({})).slice(0, -30),
  / ends after \d+ bytes in the middle of annotations\[0\]: the file is truncated; /,
);
test(
  'a deeply nested segmentation',
  refuses,
  JSON.stringify(one({})).replace(
    '"iscrowd"',
    `"segmentation": ${'['.repeat(9999)}${']'.repeat(9999)}, "iscrowd"`,
  ),
  /: annotations\[0\] is nested deeper than 64 levels$/,
);
test(
  'a file of which no annotation is of a listed category',
  refuses,
  one({category_id: 5}),
  /: none of 1 annotations has an image_id and a category_id that are listed$/,
);

test('fields named __proto__ and constructor have no effect', async t => {
  const text = JSON.stringify(one({})).replace(
    '"iscrowd"',
    '"__proto__": {"iscrowd": 1}, "constructor": 5, "iscrowd"',
  );
  const {images} = await load(t, text.replace('"iscrowd":0', '"hasOwn":1'));
  t.deepEqual([...images[0]!.groundTruth.crowd], [0]);
  t.false('iscrowd' in {});
});

test('a file without annotations, as for test images, has images without objects and says so', async t => {
  const dataset = await load(t, {images: [image], categories: [category]});
  t.is(dataset.images[0]!.groundTruth.classes.length, 0);
  t.regex(dataset.notices[0]!.kind, /no list of annotations/);
});

test('a missing file is a usage error', async t => {
  await t.throwsAsync(loadCoco({annotations: '/no/where.json', images: '/', name: 'x'}), {
    instanceOf: UsageError,
    message: 'there is no file /no/where.json',
  });
});

test('the objects of one image can be sent to a worker without those of all others', async t => {
  const {images} = await load(t, one({}));
  const {groundTruth} = images[0]!;
  t.true(groundTruth.boxes.buffer instanceof SharedArrayBuffer);
  t.deepEqual({...groundTruth}.shapes, [{kind: 'none'}], 'copies of the object keep the shapes');
});

const COCO_MODULE = new URL('../../src/data/coco.js', import.meta.url).href;

test('a file of 30 MB loads in a heap of 40 MB', async t => {
  const path = join(await temporaryFolder(t), 'large.json');
  const polygon = Array.from({length: 200}, (_, i) => ((i * 7919) % 64000) / 100);
  const record = (i: number) =>
    JSON.stringify({...annotation, id: i + 1, image_id: 1 + (i % 1000), segmentation: [polygon]});
  const images = Array.from({length: 1000}, (_, i) => ({...image, id: i + 1, file_name: `${i}.jpg`}));
  const file = await open(path, 'w');
  await file.write(
    `{"images": ${JSON.stringify(images)}, "categories": [{"id": 1, "name": "a"}], "annotations": [`,
  );
  const count = 24_000;
  for (let i = 0; i < count; i += 1000)
    await file.write(
      `${i === 0 ? '' : ', '}${Array.from({length: 1000}, (_, j) => record(i + j)).join(', ')}`,
    );
  await file.write(']}');
  const {size} = await file.stat();
  await file.close();
  t.true(size > 28e6, `${size} bytes`);
  const script = `
    const {loadCoco} = await import(${JSON.stringify(COCO_MODULE)});
    const {images} = await loadCoco({annotations: ${JSON.stringify(path)}, images: '.', name: 'large'});
    console.log(images.length, images.reduce((sum, image) => sum + image.groundTruth.ids.length, 0),
      images[999].groundTruth.shapes[23].polygons[0].length);`;
  const {stdout} = await promisify(execFile)(process.execPath, [
    '--max-old-space-size=40',
    '--input-type=module',
    '--eval',
    script,
  ]);
  t.is(stdout, `1000 ${count} 200\n`);
});

const data = process.env.SF_TEST_DATA;
const sample = data === undefined ? undefined : join(data, 'coco-sample');
const nuclei = data === undefined ? undefined : join(data, 'nuclei');

test('COCO records and nuclei load as they were annotated', async t => {
  if (sample === undefined || nuclei === undefined || !existsSync(sample)) {
    t.log('skipped: SF_TEST_DATA is not set');
    t.pass();
    return;
  }
  const coco = await loadCoco({
    annotations: join(sample, 'annotations', 'instances.json'),
    images: join(sample, 'images'),
    name: 'coco',
  });
  const all = coco.images.map(({groundTruth}) => groundTruth);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  t.deepEqual([coco.images.length, coco.classNames.length, coco.categoryIds.at(-1)], [132, 80, 90]);
  t.is(sum(all.map(({ids}) => ids.length)), 1129);
  t.is(sum(all.map(({crowd}) => sum([...crowd]))), 12);
  t.deepEqual(coco.notices, []);
  const crowdShapes = all.flatMap(({shapes, crowd}) => shapes!.filter((_, i) => crowd[i] === 1));
  t.true(crowdShapes.every(shape => shape.kind === 'run-lengths'));

  const cells = await loadCoco({
    annotations: join(nuclei, 'annotations', 'instances_train.json'),
    images: join(nuclei, 'images'),
    name: 'nuclei',
  });
  t.is(sum(cells.images.map(({groundTruth}) => groundTruth.ids.length)), 8279);
  const first = cells.images.find(({id}) => id === 2)!.groundTruth;
  const at = first.ids.indexOf(28);
  t.deepEqual([...first.boxes.subarray(at * 4, at * 4 + 4)], [212, 57, 224, 73]);
  t.deepEqual(first.shapes![at], {
    kind: 'run-lengths',
    runLengths: {size: [256, 256], counts: 'kQe18g73N1N2O10O010O1N2O1N3LRn7'},
  });
});
