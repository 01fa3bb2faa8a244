import {mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import type {Dataset} from '../../src/data/dataset.js';
import type {Detections} from '../../src/detectors/detector.js';
import {fromDataset, toResults} from '../../src/evaluate/coco-data.js';
import {evaluateCoco} from '../../src/evaluate/coco-eval.js';
import {readCocoGroundTruth, readCocoResults, writeCocoResults} from '../../src/evaluate/coco-files.js';
import {COCO_PARAMETERS} from '../../src/evaluate/coco-parameters.js';
import {cocoWarnings, describeWarning} from '../../src/evaluate/coco-warnings.js';
import {groundTruthOf, resultsOf} from './scenes.js';

const folder = await mkdtemp(join(tmpdir(), 'sf-coco-files-'));
test.after.always(() => rm(folder, {recursive: true}));

let files = 0;
/** A new file with this text, or this value as JSON. */
async function file(content: unknown): Promise<string> {
  const path = join(folder, `${files++}.json`);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const ANNOTATION = {id: 1, image_id: 7, category_id: 3, bbox: [1, 2, 30, 40], area: 1200, iscrowd: 0};
const RESULT = {image_id: 7, category_id: 3, bbox: [1, 2, 30, 40], score: 0.5};
const instances = (...annotations: readonly object[]) => ({
  images: [{id: 7}],
  annotations,
  categories: [{id: 3, name: 'cup'}],
});

test('Annotations come as columns, whatever the order of the lists in the file', async t => {
  const {images, annotations, categories} = instances(ANNOTATION, {
    ...ANNOTATION,
    id: 900000000551,
    iscrowd: 1,
  });
  const {groundTruth, warnings} = await readCocoGroundTruth(
    await file({annotations, info: {}, categories, images}),
  );
  t.deepEqual([...groundTruth.imageIds], [7]);
  t.deepEqual(groundTruth.categories, [{id: 3, name: 'cup'}]);
  t.deepEqual([...groundTruth.ids], [1, 900000000551]);
  t.deepEqual([...groundTruth.boxes], [1, 2, 30, 40, 1, 2, 30, 40]);
  t.deepEqual([...groundTruth.crowd], [0, 1]);
  t.deepEqual([...groundTruth.ignore], [0, 1]);
  t.deepEqual(warnings, []);
});

test('A missing area or iscrowd, and an ignore field without effect, are reported', async t => {
  const {area: _area, iscrowd: _iscrowd, ...bare} = ANNOTATION;
  const path = await file(instances(bare, {...bare, id: 2}, {...ANNOTATION, id: 3, ignore: 1}));
  const {groundTruth, warnings} = await readCocoGroundTruth(path);
  t.deepEqual([...groundTruth.areas], [1200, 1200, 1200]);
  t.deepEqual([...groundTruth.ignore], [0, 0, 0]);
  t.deepEqual(warnings, [
    {kind: 'missing-area', count: 2, example: 'annotation 1'},
    {kind: 'missing-iscrowd', count: 2, example: 'annotation 1'},
    {kind: 'ignore-field', count: 1, example: 'annotation 3'},
  ]);
  t.regex(describeWarning(warnings[0]!), /^2 annotations \(annotation 1 first\) without "area"/);
});

const brokenAnnotations: readonly (readonly [name: string, content: unknown, message: RegExp])[] = [
  ['is truncated', '{"images": [{"id": 7}], "annotations": [{"id": 1', /truncated/],
  ['is not JSON', 'images: []', /is not valid JSON: expected \{ or \[/],
  ['is empty', '', /is empty/],
  ['is a results file', [RESULT], /is a list; annotations are an object.*is it the results file\?/],
  [
    'has an area that is no number',
    '{"images": [], "annotations": [{"id": 1, "area": Infinity}], "categories": []}',
    /: annotations\[0\]\.area: expected a number, found Infinity/,
  ],
  ['has no annotations', {images: [], categories: []}, /has no list "annotations"/],
  [
    'has a text as id',
    instances({...ANNOTATION, id: 'one'}),
    /annotations\[0\]\.id: expected an integer, found "one"/,
  ],
  [
    'has a box of three numbers',
    instances({...ANNOTATION, bbox: [1, 2, 3]}),
    /annotations\[0\]\.bbox: expected \[x, y, width, height\], found \[1,2,3\]/,
  ],
  [
    'has a null in a box',
    instances(ANNOTATION, {...ANNOTATION, id: 2, bbox: [1, 2, null, 4]}),
    /annotations\[1\]\.bbox/,
  ],
  [
    'has an id twice',
    instances(ANNOTATION, ANNOTATION),
    /annotations\[1\]\.id: 1 is also the id of annotations\[0\]/,
  ],
  [
    'has a category id twice',
    {
      ...instances(),
      categories: [
        {id: 3, name: 'cup'},
        {id: 3, name: 'jug'},
      ],
    },
    /: categories\[1\]\.id: another category has the id 3; ids must differ/,
  ],
  [
    'has an image twice, of two sizes',
    {
      ...instances(),
      images: [
        {id: 7, height: 4, width: 5},
        {id: 7, height: 4, width: 6},
      ],
    },
    /: images: two have the id 7, of 4 x 5 and of 4 x 6 pixels/,
  ],
  [
    'has no category id',
    instances({...ANNOTATION, category_id: undefined}),
    /annotations\[0\]\.category_id: expected an integer, it is missing/,
  ],
];
for (const [name, content, message] of brokenAnnotations) {
  test(`An annotation file that ${name} is one clear error`, async t => {
    const path = await file(content);
    const error = await t.throwsAsync(readCocoGroundTruth(path), {name: 'RunError', message});
    t.true(error!.message.includes(path));
    t.false(error!.message.includes('\n'));
  });
}

const brokenResults: readonly (readonly [name: string, content: unknown, message: RegExp])[] = [
  ['is truncated', '[{"image_id": 7, "category_id": 3, "bbox": [1, 2', /truncated/],
  ['is an object', {annotations: [RESULT]}, /is an object; results are a list/],
  [
    'has a NaN score',
    '[{"image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4], "score": NaN}]',
    /: \[0\]\.score: expected a number, found NaN \(not JSON, though Python writes it\)/,
  ],
  [
    'has an infinite corner',
    '[{"image_id": 7, "category_id": 3, "note": "NaN, \\" NaN", "bbox": [1, 2, 3, -Infinity], "score": NaN}]',
    /: \[0\]\.bbox\[3\]: expected a number, found -Infinity/,
  ],
  ['has a broken record', '[{"image_id": 7, "score": NaN, "bbox" [1]}]', /element \[0\] is not valid JSON/],
  ['is null', ' null\n', /\.json is null; expected a list or an object/],
  ['has a null score', [RESULT, {...RESULT, score: null}], /\[1\]\.score: expected a number, found null/],
  [
    'has an infinite score',
    '[{"image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 1e999}]',
    /\[0\]\.score: expected a number, found Infinity/,
  ],
  [
    'has no box',
    [{...RESULT, bbox: undefined}],
    /\[0\]\.bbox: expected \[x, y, width, height\], it is missing/,
  ],
  [
    'has an image that is not annotated',
    [{...RESULT, image_id: 8}],
    /\[0\]\.image_id: 8 is not among the images/,
  ],
  ['has numbers instead of records', [1, 2], /\[0\]: expected an object, found 1/],
];
for (const [name, content, message] of brokenResults) {
  test(`A results file that ${name} is one clear error`, async t => {
    const path = await file(content);
    await t.throwsAsync(readCocoResults(path, {imageIds: Float64Array.of(7)}), {name: 'RunError', message});
  });
}

test('A file that is not there is a mistake in the command', async t => {
  await t.throwsAsync(readCocoResults(join(folder, 'none.json')), {
    name: 'UsageError',
    message: /there is no file/,
  });
});

test('Boxes of zero and negative size are kept, and an empty list is a result', async t => {
  const results = await readCocoResults(await file([{...RESULT, bbox: [9, 9, -4, 0]}]));
  t.deepEqual([...results.boxes], [9, 9, -4, 0]);
  t.deepEqual([...results.areas], [-0]);
  t.is((await readCocoResults(await file([]))).scores.length, 0);
});

test('What an evaluation leaves out or changes is reported', t => {
  const groundTruth = groundTruthOf(
    [1],
    [1, 2],
    [
      {id: 0, image: 1, category: 1, box: [0, 0, 9, 9]},
      {id: 1, image: 1, category: 9, box: [0, 0, 9, 9]},
      {id: 2, image: 5, category: 1, box: [0, 0, 9, 9]},
    ],
  );
  const results = resultsOf([{image: 1, category: 4, box: [0, 0, 9, 9], score: 1}]);
  const kinds = cocoWarnings(groundTruth, results, {...COCO_PARAMETERS, maxDetections: [5, 50, 500]});
  t.deepEqual(
    kinds.map(({kind}) => kind),
    [
      'annotation-id-0',
      'annotation-of-unknown-category',
      'annotation-on-unknown-image',
      'category-without-ground-truth',
      'result-of-unknown-category',
      'custom-max-dets',
    ],
  );
  for (const warning of kinds) t.regex(describeWarning(warning), /^[a-z0-9].{20,}[^.\n]$/i);
});

/** Two images, categories 10 and 40; the first has a difficult object. */
const dataset: Dataset = {
  name: 'test',
  classNames: ['cup', 'plate'],
  categoryIds: [10, 40],
  notices: [],
  images: [
    {
      ...{id: 5, fileName: 'a.jpg', path: '/a.jpg', width: 100, height: 100},
      groundTruth: {
        boxes: Float64Array.of(10, 20, 40, 60, 0, 0, 5, 5),
        classes: Int32Array.of(2, 1),
        ignore: Uint8Array.of(0, 1),
        crowd: Uint8Array.of(0, 0),
        areas: Float64Array.of(1000, 25),
        ids: Float64Array.of(1, 2),
      },
    },
    {
      ...{id: 6, fileName: 'b.jpg', path: '/b.jpg', width: 100, height: 100},
      groundTruth: {
        boxes: new Float64Array(),
        classes: new Int32Array(),
        ignore: new Uint8Array(),
        crowd: new Uint8Array(),
        areas: new Float64Array(),
        ids: new Float64Array(),
      },
    },
  ],
};
const detections: readonly Detections[] = [
  {
    imageId: 5,
    boxes: Float32Array.of(10, 20, 40, 60, 1, 1, 2, 3),
    scores: Float32Array.of(0.9, 0.1),
    classes: Int32Array.of(2, 1),
  },
  {imageId: 6, boxes: new Float32Array(), scores: new Float32Array(), classes: new Int32Array()},
];

test('A data set and detections become XYWH boxes with the category ids of the file', t => {
  const groundTruth = fromDataset(dataset);
  t.deepEqual([...groundTruth.imageIds], [5, 6]);
  t.deepEqual([...groundTruth.categoryOf], [40, 10]);
  t.deepEqual([...groundTruth.boxes], [10, 20, 30, 40, 0, 0, 5, 5]);
  t.deepEqual([...groundTruth.areas], [1000, 25]);
  t.deepEqual([...groundTruth.ignore], [0, 1]);
  const results = toResults(detections, dataset);
  t.deepEqual([...results.imageOf], [5, 5]);
  t.deepEqual([...results.categoryOf], [40, 10]);
  t.deepEqual([...results.boxes], [10, 20, 30, 40, 1, 1, 1, 2]);
  t.deepEqual([...results.areas], [1200, 2]);
  const {stats, perCategory} = evaluateCoco(groundTruth, results);
  t.true(stats.AP > 0.999);
  t.deepEqual(
    perCategory.map(({name, groundTruths}) => [name, groundTruths]),
    [
      ['cup', 0], // the difficult one does not count
      ['plate', 1],
    ],
  );
});

test('A class that the data set does not have is a mistake of the caller', t => {
  const [first] = detections;
  t.throws(() => toResults([{...first!, classes: Int32Array.of(3, 1)}], dataset), {
    message: 'class 3 of test, which has classes 1 to 2',
  });
});

test('Written results read back to the last bit', async t => {
  const many = 10_000; // more than one chunk
  const results = toResults(
    [
      {
        imageId: 5,
        boxes: Float32Array.from({length: 4 * many}, (_, i) => Math.sin(i) * 50 + (i % 4 > 1 ? 120 : 0)),
        scores: Float32Array.from({length: many}, (_, i) => 1 / (i + 1)),
        classes: Int32Array.from({length: many}, (_, i) => 1 + (i % 2)),
      },
    ],
    dataset,
  );
  const path = join(folder, 'written.json');
  await writeCocoResults(path, results);
  t.deepEqual(await readCocoResults(path), results);
  t.is(JSON.parse(await readFile(path, 'utf8')).length, many);
  await writeCocoResults(path, toResults([], dataset));
  t.deepEqual(JSON.parse(await readFile(path, 'utf8')), []);
});

test('Results with a number that is not finite are refused and nothing is written', async t => {
  const path = join(folder, 'unwritten.json');
  const results = resultsOf([{image: 5, category: 10, box: [0, 0, NaN, 1], score: 0.5}]);
  await t.throwsAsync(writeCocoResults(path, results), {name: 'RunError', message: /detection 0 on image 5/});
  t.false((await readdir(folder)).some(name => name.startsWith('unwritten')));
});

test('An image that is listed twice, and categories of one name, are warnings', async t => {
  const {groundTruth, warnings} = await readCocoGroundTruth(
    await file({
      images: [{id: 7, height: 4, width: 5}, {id: 7}, {id: 7, height: 4, width: 5}],
      annotations: [ANNOTATION],
      categories: [
        {id: 3, name: 'cup'},
        {id: 9, name: 'cup'},
      ],
    }),
  );
  t.deepEqual([...groundTruth.imageIds], [7]);
  t.deepEqual(warnings.map(describeWarning), [
    '2 images are listed twice (image 7): taken as one',
    '1 category has the name of another (cup: ids 3 and 9): they are evaluated apart',
  ]);
});

test('A run length that is none is named with its limit', async t => {
  for (const run of [10_000_000_000, -1, 0.5]) {
    const segmentation = {size: [4, 5], counts: [0, run]};
    const path = await file(instances({...ANNOTATION, segmentation}));
    await t.throwsAsync(readCocoGroundTruth(path, {masks: true}), {
      name: 'RunError',
      message: `${path}: annotations[0].segmentation.counts[1]: expected a run length, a whole number from 0 to 2147483647, found ${run}`,
    });
  }
});

test('Boxes of negative width or height are a warning', t => {
  const groundTruth = groundTruthOf([5], [10], [{id: 1, image: 5, category: 10, box: [0, 0, 9, 9]}]);
  const results = resultsOf([
    {image: 5, category: 10, box: [0, 0, 9, 9], score: 0.5},
    {image: 5, category: 10, box: [8, 8, -3, 2], score: 0.5},
  ]);
  const [warning, ...others] = cocoWarnings(groundTruth, results, COCO_PARAMETERS);
  t.deepEqual([warning, ...others], [{kind: 'negative-box', count: 1, example: 'result 1: -3 x 2'}]);
});
