/** Files that are wrong: one line that names file, record and field, whichever way the record is read; no more memory than its bytes. */
import {execFile} from 'node:child_process';
import {open, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {gzipSync} from 'node:zlib';
import test from 'ava';
import {type CocoReadOptions, readCocoGroundTruth, readCocoResults} from '../../src/evaluate/coco-files.js';
import {describeWarning} from '../../src/evaluate/coco-warnings.js';
import {temporaryFolder} from '../temporary-folder.js';

type Content = string | Uint8Array | readonly unknown[] | Readonly<Record<string, unknown>>;

const bytesOf = (content: Content): string | Uint8Array =>
  typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content);

const GROUND_TRUTH = {
  imageIds: Float64Array.of(7, 8),
  imageHeights: Uint32Array.of(4, 0),
  imageWidths: Uint32Array.of(6, 0),
};
const RESULT = {image_id: 7, category_id: 3, bbox: [1, 2, 30, 40], score: 0.5};
const ANNOTATION = {id: 1, image_id: 7, category_id: 3, bbox: [1, 2, 30, 40], area: 1200, iscrowd: 0};
const POLYGON = [1, 1, 4, 1, 4, 3, 1, 3];
const masked = (segmentation: unknown) => ({...RESULT, segmentation});
const instances = (...annotations: readonly object[]) => ({
  images: [{id: 7, height: 4, width: 6}, {id: 8}],
  annotations,
  categories: [{id: 3, name: 'cup'}],
});
/** A record as text, with one field spelt as JSON.stringify would not. */
const spelt = (record: object, field: string, value: string) =>
  JSON.stringify({...record, [field]: '@'}).replace('"@"', value);

type Read = (path: string, options: CocoReadOptions) => Promise<unknown>;
const readResults: Read = (path, options) => readCocoResults(path, GROUND_TRUTH, options);

/** The second record is wrong: the first decides where boxes come from and is read with more care. */
const second = (record: object | string): string =>
  `[${JSON.stringify(RESULT)},${typeof record === 'string' ? record : JSON.stringify(record)}]`;

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

const RESULTS: readonly (readonly [what: string, content: Content, message: RegExp])[] = [
  ['that is not JSON', 'image,score\n7,0.5', / is not valid JSON: expected \{ or \[ at byte 0, found "i"$/],
  ['that is empty', '', / is empty; it should be a JSON file$/],
  [
    'that is cut off in a record',
    second(RESULT).slice(0, -20),
    / ends after .* in the middle of element \[1\]: the file is truncated/,
  ],
  ['that is cut off between records', `[${JSON.stringify(RESULT)},`, / in the middle of element \[1\]/],
  ['in UTF-16', Buffer.from(`\ufeff${second(RESULT)}`, 'utf16le'), / is UTF-16 text; save it as UTF-8$/],
  ['compressed by gzip', gzipSync(second(RESULT)), / is compressed by gzip; unpack it first$/],
  [
    'with a NaN score',
    second(spelt(RESULT, 'score', 'NaN')),
    /: \[1\]\.score: expected a number, found NaN \(not JSON/,
  ],
  [
    'with a score of Infinity',
    second(spelt(RESULT, 'score', 'Infinity')),
    /: \[1\]\.score: expected a number, found Infinity/,
  ],
  [
    'with a score of 1e999',
    second(spelt(RESULT, 'score', '1e999')),
    /: \[1\]\.score: expected a number, found Infinity$/,
  ],
  [
    'with a text as score',
    second({...RESULT, score: '0.5'}),
    /: \[1\]\.score: expected a number, found "0\.5"$/,
  ],
  ['with a null score', second({...RESULT, score: null}), /: \[1\]\.score: expected a number, found null$/],
  [
    'without a score',
    second({...RESULT, score: undefined}),
    /: \[1\]\.score: expected a number, it is missing$/,
  ],
  [
    'with a fraction as image id',
    second({...RESULT, image_id: 7.5}),
    /: \[1\]\.image_id: expected an integer, found 7\.5$/,
  ],
  [
    'with an image id above 2^53',
    second(spelt(RESULT, 'image_id', '9007199254740993')),
    /: \[1\]\.image_id: expected an integer/,
  ],
  [
    'with an image id of 400 digits',
    second(spelt(RESULT, 'image_id', '9'.repeat(400))),
    /: \[1\]\.image_id: expected an integer, found Infinity$/,
  ],
  [
    'on an unknown image',
    second({...RESULT, image_id: 9}),
    /: \[1\]\.image_id: 9 is not among the images of the annotations/,
  ],
  [
    'with an empty box',
    second({...RESULT, bbox: []}),
    /: \[1\]\.bbox: expected \[x, y, width, height\], found \[\]$/,
  ],
  [
    'with a box of five numbers',
    second({...RESULT, bbox: [1, 2, 3, 4, 5]}),
    /: \[1\]\.bbox: .* found \[1,2,3,4,5\]$/,
  ],
  ['with an object as box', second({...RESULT, bbox: {x: 1}}), /: \[1\]\.bbox: .* found an object$/],
  ['with 1e999 in a box', second(spelt(RESULT, 'bbox', '[1,2,3,1e999]')), /: \[1\]\.bbox: expected/],
  ['with a number as record', second('5'), /: \[1\]: expected an object, found 5$/],
  ['with a list as record', second('[[]]'), /: \[1\]: expected an object, found a list of 1$/],
  [
    'with a nesting of 100',
    second({...RESULT, x: 0}).replace('"x":0', `"x":${nested(100)}`),
    / element \[1\] is nested deeper than 64 levels$/,
  ],
  ['with a million brackets', `[${'['.repeat(1_000_000)}`, / is nested deeper than 64 levels$/],
  [
    'with a __proto__ instead of fields',
    second(`{"__proto__":${JSON.stringify(RESULT)}}`),
    /: \[1\]\.image_id: expected an integer, it is missing$/,
  ],
  [
    'with a text as segmentation',
    second(masked('abc')),
    /: \[1\]\.segmentation: expected polygons or run lengths, found "abc"$/,
  ],
  [
    'with an empty list of polygons',
    second(masked([])),
    /: \[1\]\.segmentation: an empty list: a polygon has three points or more/,
  ],
  [
    'with a polygon that is not in a list',
    second(masked(POLYGON)),
    /: \[1\]\.segmentation: expected polygons \[\[x0, y0, x1, y1, \.\.\.\], \.\.\.\]/,
  ],
  [
    'with a polygon of two points',
    second(masked([[1, 1, 4, 4]])),
    /: \[1\]\.segmentation: a first polygon of 4 numbers: /,
  ],
  [
    'with an odd polygon',
    second(masked([POLYGON, [...POLYGON, 2]])),
    /: \[1\]\.segmentation: polygon 1 has an odd count of numbers; points are x, y$/,
  ],
  [
    'with a text in a polygon',
    second(masked([[...POLYGON.slice(1), 'x']])),
    /: \[1\]\.segmentation: expected polygons/,
  ],
  [
    'with a polygon far from everything',
    second(masked([[...POLYGON, 1e300, 1e300]])),
    /: \[1\]\.segmentation: coordinate 8 is 1e\+300/,
  ],
  [
    'with a polygon on an image of unknown size',
    second({...masked([POLYGON]), image_id: 8}),
    /: \[1\]\.segmentation: .* give that image no "height" and "width"$/,
  ],
  [
    'with a box to draw on an image of unknown size',
    second({...RESULT, image_id: 8}),
    /: \[1\]\.bbox: .* give that image no "height" and "width"$/,
  ],
  [
    'with run lengths of another size',
    second(masked({size: [6, 4], counts: [24]})),
    /: \[1\]\.segmentation: run lengths of 6 x 4 pixels on an image of 4 x 6 \(height x width\)$/,
  ],
  [
    'with run lengths of 10 GB',
    second({...masked({size: [100_000, 100_000], counts: [1e10]}), image_id: 8}),
    /: \[1\]\.segmentation\.counts\[0\]: expected a run length, a whole number from 0 to 2147483647, found /,
  ],
  [
    'with a text that claims 10 GB',
    second({...masked({size: [100_000, 100_000], counts: 'oooooo1'}), image_id: 8}),
    /: \[1\]\.segmentation: a mask of 100000 x 100000 pixels: more than the/,
  ],
  [
    'with run lengths that are too short',
    second(masked({size: [4, 6], counts: [5, 2]})),
    /: \[1\]\.segmentation: the run lengths add up to 7, not the 24 pixels of 4 x 6/,
  ],
  [
    'with run lengths that are too long',
    second(masked({size: [4, 6], counts: [5, 20]})),
    /: \[1\]\.segmentation: the run lengths add up to more than the 24 pixels/,
  ],
  [
    'with a negative run length',
    second(masked({size: [4, 6], counts: [-1, 25]})),
    /: \[1\]\.segmentation\.counts\[0\]: expected a run length, a whole number from 0 to 2147483647, found /,
  ],
  [
    'with half a run',
    second(masked({size: [4, 6], counts: [0.5, 23.5]})),
    /: \[1\]\.segmentation\.counts\[0\]: expected a run length, .* found 0\.5$/,
  ],
  [
    'with letters outside the alphabet',
    second(masked({size: [4, 6], counts: 'p~'})),
    /: \[1\]\.segmentation: character 0 of the compressed counts is "p"/,
  ],
  [
    'with an escaped control character in a text',
    second(masked({size: [4, 6], counts: '\u0001'})),
    /: \[1\]\.segmentation: character 0 of the compressed counts is "\\u0001"/,
  ],
  [
    'with a text that ends in a number',
    second(masked({size: [4, 6], counts: 'ooo'})),
    /: \[1\]\.segmentation: /,
  ],
  [
    'with run lengths without a size',
    second(masked({counts: [24]})),
    /: \[1\]\.segmentation\.size: expected \[height, width\], it is missing$/,
  ],
  [
    'with a size of three numbers',
    second(masked({size: [4, 6, 1], counts: [24]})),
    /: \[1\]\.segmentation\.size: .* found \[4,6,1\]$/,
  ],
  [
    'with a size of fractions',
    second(masked({size: [4.5, 6], counts: [27]})),
    /: \[1\]\.segmentation\.size: .* found \[4\.5,6\]$/,
  ],
];

const ANNOTATIONS: readonly (readonly [what: string, content: Content, message: RegExp])[] = [
  [
    'without a mask',
    instances(ANNOTATION),
    /: annotations\[0\]\.segmentation: expected polygons or run lengths, it is missing$/,
  ],
  [
    'with an infinite area',
    JSON.stringify(instances(ANNOTATION)).replace('1200', '1e999'),
    /: annotations\[0\]\.area: expected a number, found Infinity$/,
  ],
  [
    'with an iscrowd of 2',
    instances({...ANNOTATION, segmentation: [POLYGON], iscrowd: 2}),
    /: annotations\[0\]\.iscrowd: expected 0 or 1, found 2$/,
  ],
  [
    'with run lengths of another size',
    instances({...ANNOTATION, segmentation: {size: [6, 4], counts: [24]}}),
    /: annotations\[0\]\.segmentation: run lengths of 6 x 4 pixels on an image of 4 x 6/,
  ],
  [
    'with a polygon on an image of unknown size',
    instances({...ANNOTATION, image_id: 8, segmentation: [POLYGON]}),
    /: annotations\[0\]\.segmentation: .* no "height" and "width"$/,
  ],
  [
    'with a wrong mask before the images',
    {
      annotations: [{...ANNOTATION, segmentation: {size: [6, 4], counts: [24]}}],
      ...{categories: [], images: [{id: 7, height: 4, width: 6}]},
    },
    /: annotations\[0\]\.segmentation: run lengths of 6 x 4/,
  ],
  [
    'with an image of height 0',
    {images: [{id: 7, height: 0, width: 6}], annotations: [], categories: []},
    /: images\[0\]\.height: expected a positive integer, found 0$/,
  ],
  [
    'with an image of width 1e12',
    {images: [{id: 7, height: 4, width: 1e12}], annotations: [], categories: []},
    /: images\[0\]\.width: expected a number of pixels, found 1000000000000$/,
  ],
  [
    'with a text as image id',
    {images: [{id: '7'}], annotations: [], categories: []},
    /: images\[0\]\.id: expected an integer, found "7"$/,
  ],
  [
    'with an image as list',
    {images: [[]], annotations: [], categories: []},
    /: images\[0\]: expected an object, found \[\]$/,
  ],
  [
    'with a category without id',
    {images: [], annotations: [], categories: [{}]},
    /: categories\[0\]\.id: expected an integer, it is missing$/,
  ],
  ['with images that are an object', {images: {}, annotations: [], categories: []}, / has no list "images"/],
  [
    'with two lists of images',
    '{"images":[],"annotations":[],"categories":[],"images":[]}',
    / has "images" twice; merge the two$/,
  ],
];

const refuses = test.macro(async (t, read: Read, content: Content, message: RegExp) => {
  const path = join(await temporaryFolder(t), 'wrong.json');
  await writeFile(path, bytesOf(content));
  // In one chunk records are read from their bytes, in small ones they are parsed.
  for (const chunkBytes of [1 << 20, 13]) {
    const error = await t.throwsAsync(read(path, {masks: true, chunkBytes}), {name: 'RunError', message});
    t.true(error!.message.startsWith(path));
    t.notRegex(error!.message, /[\n\r]/);
    t.true(error!.message.length < path.length + 300);
  }
});
for (const [what, content, message] of RESULTS)
  test(`Results ${what}`, refuses, readResults, content, message);
for (const [what, content, message] of ANNOTATIONS) {
  test(`Annotations ${what}`, refuses, readCocoGroundTruth, content, message);
}

test('What is odd and no mistake is read: a mark, spaces, fields of any name, numbers of any spelling, keys that come twice', async t => {
  const path = join(await temporaryFolder(t), 'odd.json');
  await writeFile(
    path,
    `\ufeff [ ${JSON.stringify(RESULT)} ,\r\n\t{ "__proto__" : {"score": 9} , "\\u0069mage_id" : 7e0, "category_id": 3.0,
      "bbox" : [ -0, 2.50, 1E1, -4 ], "score": 0.25, "score": 0.1000000000000000055511151231257827, "é": "\\ud83d" } ]\n`,
  );
  for (const chunkBytes of [1 << 20, 11]) {
    const results = await readCocoResults(path, GROUND_TRUTH, {chunkBytes});
    t.deepEqual([...results.imageOf], [7, 7]);
    t.deepEqual([...results.boxes.subarray(4)], [-0, 2.5, 10, -4]); // negative sizes are kept
    t.deepEqual([...results.scores], [0.5, 0.1]); // of two fields of one name the last counts, as in Python
  }
});

test('Areas that cannot be those of objects in their boxes are reported, others are not', async t => {
  const areas: readonly (readonly [area: number, width: number, height: number])[] = [
    [1200, 30, 40],
    [1270, 30, 40], // a mask covers a pixel more than its outline: 31 * 41 = 1271
    [1272, 30, 40],
    [0, 1.5, 40], // a thin object without a pixel's centre
    [0, 30, 40],
    [-1, 30, 40],
  ];
  const annotations = areas.map(([area, width, height], i) => ({
    ...ANNOTATION,
    ...{id: i + 1, area, bbox: [0, 0, width, height]},
  }));
  const path = join(await temporaryFolder(t), 'areas.json');
  await writeFile(path, JSON.stringify(instances(...annotations)));
  const {groundTruth, warnings} = await readCocoGroundTruth(path);
  t.deepEqual(warnings, [
    {kind: 'implausible-area', count: 3, example: 'annotation 3: 1272 in a box of 30 x 40'},
  ]);
  t.regex(describeWarning(warnings[0]!), /^3 annotations \(annotation 3: 1272 in a box of 30 x 40 first\)/);
  t.deepEqual(
    [...groundTruth.areas],
    areas.map(([area]) => area),
  );
});

const MODULE = new URL('../../src/evaluate/coco-files.js', import.meta.url).href;

test('30 MB of masks are read in a heap of 40 MB', async t => {
  const path = join(await temporaryFolder(t), 'large.json');
  const polygon = Array.from({length: 200}, (_, i) => ((i * 7919) % 64000) / 100);
  const record = JSON.stringify({...RESULT, segmentation: [polygon]});
  const file = await open(path, 'w');
  const count = 24_000;
  for (let i = 0; i < count; i += 1000) {
    await file.write(`${i === 0 ? '[' : ','}${Array.from({length: 1000}, () => record).join(',')}`);
  }
  await file.write(']');
  const {size} = await file.stat();
  await file.close();
  t.true(size > 28e6, `${size} bytes`);
  const script = `
    const {readCocoResults} = await import(${JSON.stringify(MODULE)});
    const images = {imageIds: [7], imageHeights: [480], imageWidths: [640]};
    const {scores, masks} = await readCocoResults(${JSON.stringify(path)}, images, {masks: true});
    console.log(scores.length, masks.starts.length);`;
  const {stdout} = await promisify(execFile)(process.execPath, [
    '--max-old-space-size=40',
    '--input-type=module',
    '--eval',
    script,
  ]);
  t.is(stdout, `${count} ${count + 1}\n`);
});
