import {existsSync} from 'node:fs';
import {mkdir, readdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {loadVoc} from '../../src/data/voc.js';
import {RunError, UsageError} from '../../src/errors.js';
import {type VocGroundTruth, vocFromDataset} from '../../src/evaluate/voc-data.js';
import {readVocGroundTruth, readVocResults, writeVocResults} from '../../src/evaluate/voc-files.js';
import {temporaryFolder} from '../temporary-folder.js';

const GROUND_TRUTH: VocGroundTruth = {
  classNames: ['cell', 'red_cell', 'dog'],
  imageNames: ['000005', '000012', 'scan two'],
  imageIds: [1, 2, 3],
  imageOf: new Int32Array(0),
  classOf: new Int32Array(0),
  boxes: new Float64Array(0),
  difficult: new Uint8Array(0),
};

async function folderOf(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder(t);
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

function object(name: string, [xmin, ymin, xmax, ymax]: readonly number[], difficult = 0): string {
  return `<object><name>${name}</name><difficult>${difficult}</difficult><bndbox><xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax></bndbox></object>`;
}

/** A VOC folder whose list `test` names all of `annotations`. */
async function voc(t: ExecutionContext, annotations: Readonly<Record<string, string>>): Promise<string> {
  const root = await temporaryFolder(t);
  await mkdir(join(root, 'Annotations'));
  await mkdir(join(root, 'ImageSets', 'Main'), {recursive: true});
  const size = '<size><width>100</width><height>80</height></size>';
  for (const [stem, objects] of Object.entries(annotations))
    await writeFile(join(root, 'Annotations', `${stem}.xml`), `<annotation>${size}${objects}</annotation>`);
  await writeFile(join(root, 'ImageSets', 'Main', 'test.txt'), Object.keys(annotations).join('\n'));
  return root;
}

test('ground truth keeps every box, also those that training leaves out, and the numbers of loadVoc', async t => {
  const root = await voc(t, {
    '000012': object('dog', [1, 2, 30, 40]) + object('cat', [5, 5, 5, 5], 1) + object('dog', [9.5, 9, 5, 12]),
    '000005': '',
  });
  const {groundTruth, notices} = await readVocGroundTruth({root, split: 'test'});
  t.deepEqual([...groundTruth.boxes], [1, 2, 30, 40, 5, 5, 5, 5, 9.5, 9, 5, 12]);
  t.deepEqual([...groundTruth.difficult], [0, 1, 0]);
  t.deepEqual(groundTruth.imageNames, ['000012', '000005']);
  t.deepEqual(groundTruth.imageIds, [12, 5]);
  t.deepEqual(
    notices.map(({kind, count}) => [kind, count]),
    [
      ['box with xmax < xmin or ymax < ymin, which nothing can hit', 1],
      ['box with corners between pixels', 1],
    ],
  );
});

test('an opened data set has the same objects, images and classes', async t => {
  const root = await voc(t, {
    b: object('dog', [1, 2, 30, 40]),
    a: object('cat', [5, 5, 6, 6], 1) + object('dog', [50, 60, 100, 80]),
  });
  const {groundTruth} = await readVocGroundTruth({root, split: 'test'});
  t.deepEqual(
    vocFromDataset(await loadVoc({root, split: 'test', difficult: 'drop', name: 'x'})),
    groundTruth,
  );
});

test('a class that is not among those given is refused', async t => {
  const root = await voc(t, {a: object('dgo', [1, 1, 5, 5])});
  await t.throwsAsync(readVocGroundTruth({root, split: 'test', classes: ['cat', 'dog']}), {
    instanceOf: RunError,
    message: `${join(root, 'Annotations', 'a.xml')}: object 1: unknown class "dgo"; did you mean dog?`,
  });
});

test('files are named by class or as for the competitions; names may hold spaces and underscores', async t => {
  const folder = await folderOf(t, {
    'comp3_det_test_red_cell.txt': '000012 0.5 1 2 3 4\r\n\r\nscan two 1e-3 -1.5 .5 +3. 4\n',
    'cell.txt': '000005\t0.25  1 2 3 4',
    'README.md': 'not ours',
  });
  // A dog to be found; of cells only a difficult one.
  const objects = {imageOf: new Int32Array(2), boxes: new Float64Array(8).fill(1)};
  const groundTruth = {
    ...GROUND_TRUTH,
    ...objects,
    classOf: Int32Array.of(2, 0),
    difficult: Uint8Array.of(0, 1),
  };
  const {results, notices} = await readVocResults(folder, groundTruth);
  t.deepEqual([...results.classOf], [0, 1, 1]);
  t.deepEqual([...results.imageOf], [0, 1, 2]);
  t.deepEqual([...results.scores], [0.25, 0.5, 0.001]);
  t.deepEqual([...results.boxes], [1, 2, 3, 4, 1, 2, 3, 4, -1.5, 0.5, 3, 4]);
  t.deepEqual(notices, [
    {kind: 'class with objects and without a file of detections: its AP is 0', count: 1, example: 'dog'},
  ]);
});

const wrongFolders: readonly (readonly [
  name: string,
  files: Readonly<Record<string, string>>,
  message: string,
])[] = [
  [
    'a file of an unknown class',
    {'comp4_det_test_dogs.txt': ''},
    '/comp4_det_test_dogs.txt: unknown class "dogs"; did you mean dog?',
  ],
  [
    'two files of a class',
    {'dog.txt': '', 'comp4_det_test_dog.txt': ''},
    ': comp4_det_test_dog.txt and dog.txt are both of class dog; keep one',
  ],
  [
    'an unknown image',
    {'dog.txt': '000005 1 1 1 2 2\n000006 1 1 1 2 2\n'},
    '/dog.txt:2: image "000006" is not in the list of images',
  ],
  [
    'five columns',
    {'dog.txt': '\n000005 1 1 1 2'},
    '/dog.txt:2: expected 6 columns (image score xmin ymin xmax ymax), found 5',
  ],
  [
    'seven columns',
    {'dog.txt': '000005 dog 1 1 1 2 2'},
    '/dog.txt:1: expected 6 columns (image score xmin ymin xmax ymax), found 7',
  ],
  [
    'commas',
    {'dog.txt': '000005,1,1,1,2,2'},
    '/dog.txt:1: expected 6 columns (image score xmin ymin xmax ymax), found 1',
  ],
  [
    'a NaN score',
    {'dog.txt': '000005 nan 1 1 2 2'},
    '/dog.txt:1: score: expected a finite number, found "nan"',
  ],
  [
    'an infinite corner',
    {'dog.txt': '000005 1 1 1e999 2 2'},
    '/dog.txt:1: ymin: expected a finite number, found "1e999"',
  ],
  [
    'a hexadecimal corner',
    {'dog.txt': '000005 1 1 1 0x2 2'},
    '/dog.txt:1: xmax: expected a finite number, found "0x2"',
  ],
  [
    'a line without end',
    {'dog.txt': '0 '.repeat(40_000)},
    '/dog.txt:1: a line of more than 65536 characters; expected image score xmin ymin xmax ymax',
  ],
];

for (const [name, files, message] of wrongFolders) {
  test(`a folder with ${name} is refused in one line`, async t => {
    const folder = await folderOf(t, files);
    await t.throwsAsync(readVocResults(folder, GROUND_TRUTH), {
      instanceOf: RunError,
      message: `${folder}${message}`,
    });
  });
}

test('a path with nothing to evaluate is a usage error', async t => {
  const folder = await folderOf(t, {'README.md': ''});
  await t.throwsAsync(readVocResults(folder, GROUND_TRUTH), {
    instanceOf: UsageError,
    message: `${folder} holds no detections of VOC: expected <class>.txt or comp4_det_<set>_<class>.txt`,
  });
  await t.throwsAsync(readVocResults(join(folder, 'none'), GROUND_TRUTH), {
    instanceOf: UsageError,
    message: `there is nothing at ${folder}/none; expected a folder of <class>.txt or a COCO results JSON`,
  });
});

test('COCO results: a box covers the pixels x + 1 to x + w; images by id or by name', async t => {
  const folder = await folderOf(t, {
    'results.json': JSON.stringify([
      {image_id: 2, category_id: 3, bbox: [0, 0.5, 10, 20], score: 0.5},
      {image_id: '000005', category_id: 1, bbox: [4, 4, 1, -1], score: 0.25},
    ]),
  });
  const {results, notices} = await readVocResults(join(folder, 'results.json'), GROUND_TRUTH);
  t.deepEqual([...results.boxes], [1, 1.5, 10, 20.5, 5, 5, 5, 3]);
  t.deepEqual([...results.imageOf], [1, 0]);
  t.deepEqual([...results.classOf], [2, 0]);
  t.deepEqual(
    notices.map(({count, example}) => [count, example]),
    [[1, `${join(folder, 'results.json')}: [1]`]],
  );
});

const RECORD = {image_id: 2, category_id: 3, bbox: [0, 0, 10, 20], score: 0.5};
const wrongRecords: readonly (readonly [name: string, content: unknown, message: string])[] = [
  [
    'an unknown image',
    [{...RECORD, image_id: 4}],
    ': [0].image_id: expected an image of the list, such as 1 or "000005", found 4',
  ],
  [
    'an unknown category',
    [RECORD, {...RECORD, category_id: 0}],
    ': [1].category_id: expected 1 (cell) to 3 (dog), found 0',
  ],
  ['a text as score', [{...RECORD, score: 'high'}], ': [0].score: expected a number, found "high"'],
  ['no score', [{...RECORD, score: undefined}], ': [0].score: expected a number, it is missing'],
  [
    'three numbers as box',
    [{...RECORD, bbox: [1, 2, 3]}],
    ': [0].bbox: expected [x, y, width, height], found [1,2,3]',
  ],
  ['an object', {}, ' is an object; results are a list of {image_id, category_id, bbox, score}'],
];

for (const [name, content, message] of wrongRecords) {
  test(`COCO results with ${name} are refused in one line`, async t => {
    const path = join(await folderOf(t, {'results.json': JSON.stringify(content)}), 'results.json');
    await t.throwsAsync(readVocResults(path, GROUND_TRUTH), {
      instanceOf: RunError,
      message: `${path}${message}`,
    });
  });
}

test('a file is written for every class, with all digits, and reads back as it was', async t => {
  const folder = join(await temporaryFolder(t), 'made');
  const results = {
    imageOf: Int32Array.from([2, 0, 1]),
    classOf: Int32Array.from([0, 2, 0]),
    boxes: Float64Array.from([1, 2, 3, 4, 0.1, -1e-9, 1e21, 5, 1, 1, 2, 2]),
    scores: Float64Array.from([Math.fround(0.9), 1 / 3, 5e-324]),
  };
  await writeVocResults(folder, results, GROUND_TRUTH, {set: 'val'});
  t.deepEqual((await readdir(folder)).sort(), [
    'comp4_det_val_cell.txt',
    'comp4_det_val_dog.txt',
    'comp4_det_val_red_cell.txt',
  ]);
  t.is(
    await readFile(join(folder, 'comp4_det_val_cell.txt'), 'utf8'),
    'scan two 0.8999999761581421 1 2 3 4\n000012 5e-324 1 1 2 2\n',
  );
  t.is(await readFile(join(folder, 'comp4_det_val_red_cell.txt'), 'utf8'), '');
  const again = await readVocResults(folder, GROUND_TRUTH);
  // By class now, in the order of the rows within one.
  t.deepEqual([...again.results.scores], [results.scores[0], results.scores[2], results.scores[1]]);
  t.deepEqual([...again.results.boxes.subarray(8)], [0.1, -1e-9, 1e21, 5]);
});

test('names that the format cannot hold are refused before anything is written', async t => {
  const folder = join(await temporaryFolder(t), 'made');
  const results = {
    imageOf: Int32Array.from([0]),
    classOf: Int32Array.from([0]),
    boxes: Float64Array.from([1, 1, 2, 2]),
    scores: Float64Array.from([1]),
  };
  await t.throwsAsync(writeVocResults(folder, results, {...GROUND_TRUTH, classNames: ['a/b']}), {
    instanceOf: RunError,
    message: `class "a/b" cannot be part of a file's name; write COCO results instead`,
  });
  await t.throwsAsync(writeVocResults(folder, results, {...GROUND_TRUTH, classNames: ['/'.repeat(1000)]}), {
    instanceOf: RunError,
    message: /^class "\/{50,60}\.\.\." cannot be part of a file's name/,
  });
  await t.throwsAsync(writeVocResults(folder, results, {...GROUND_TRUTH, imageNames: ['a\nb']}), {
    instanceOf: RunError,
    message: `image "a\\nb": VOC's format cannot hold such a name; write COCO results instead`,
  });
  t.false(existsSync(folder));
});
