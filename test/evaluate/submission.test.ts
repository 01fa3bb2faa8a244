import {mkdir, mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {inflateRawSync} from 'node:zlib';
import test from 'ava';
import {RunError, UsageError} from '../../src/errors.js';
import {submissionStem, writeSubmission} from '../../src/evaluate/submission.js';
import {readSubmissionImages, type SubmissionImages} from '../../src/evaluate/submission-images.js';
import {detectionsSource, resultsFileSource} from '../../src/evaluate/submission-source.js';
import {encodeMask} from '../../src/masks/mask.js';
import {formatRunLengths} from '../../src/masks/run-length-text.js';
import {resultsOf} from './scenes.js';

const folder = await mkdtemp(join(tmpdir(), 'sf-submission-'));

let files = 0;
async function jsonFile(value: unknown): Promise<string> {
  const path = join(folder, `${files++}.json`);
  await writeFile(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

/** Like image_info_test-dev2017.json: no list of annotations. Mask sizes are checked against image 7 only. */
const images: SubmissionImages = await readSubmissionImages(
  await jsonFile({
    info: {description: 'image list'},
    images: [{id: 7, height: 4, width: 3, file_name: '7.jpg'}, {id: 9}, {id: 11, height: 1, width: 1}],
    categories: [{id: 1, name: 'person', supercategory: 'person'}, {id: 90}],
  }),
);

// After the awaits above: ava takes hooks and tests only in one go.
test.after.always(() => rm(folder, {recursive: true}));

/** The only entry of a zip, by its central directory (APPNOTE 4.3.12): name, and content after inflating. */
async function onlyEntry(path: string): Promise<{name: string; text: string}> {
  const zip = await readFile(path);
  const end = zip.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  if (zip.readUInt16LE(end + 10) !== 1) throw new Error('not one entry');
  const central = zip.readUInt32LE(end + 16);
  const name = zip.toString('utf8', central + 46, central + 46 + zip.readUInt16LE(central + 28));
  const local = zip.readUInt32LE(central + 42);
  const data = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  const compressed = zip.subarray(data, data + zip.readUInt32LE(central + 20));
  return {name, text: inflateRawSync(compressed).toString('utf8')};
}

const record = (image_id: number, score: number, x = 0) => ({
  image_id,
  category_id: 1,
  bbox: [x, 0, 1.5, 2],
  score,
});

test('The zip has the name that the server asks for, and one JSON of that name', async t => {
  const path = await jsonFile([{...record(7, 0.25), id: 3, area: 3, segmentation: []}]);
  const out = join(folder, 'new', 'folder');
  const made = await writeSubmission(resultsFileSource(path, {iouType: 'bbox', images}), {
    folder: out,
    name: 'R-50_3x.v2',
    images,
  });
  t.is(made.path, join(out, 'detections_test-dev2017_R-50_3x.v2_results.zip'));
  t.deepEqual(await readdir(out), ['detections_test-dev2017_R-50_3x.v2_results.zip']);
  const {name, text} = await onlyEntry(made.path);
  t.is(name, 'detections_test-dev2017_R-50_3x.v2_results.json');
  t.is(text, '[\n{"image_id":7,"category_id":1,"bbox":[0,0,1.5,2],"score":0.25}\n]\n');
  t.like(made, {records: 1, leftOut: 0, imagesWithRecords: 1, images: 3, jsonBytes: text.length});
  t.is(made.zipBytes, (await readFile(made.path)).length);
});

test('Of every image the 100 best are kept, the first ones of equal scores, in the order of the file', async t => {
  // Image 7: 60 of 0.9 behind 100 of 0.5: the 60 and the first 40 of the others. Image 9: below 100, all kept.
  const records = [
    ...Array.from({length: 100}, (_, i) => record(7, 0.5, i)),
    ...Array.from({length: 30}, (_, i) => record(9, 0.1, i)),
    ...Array.from({length: 60}, (_, i) => record(7, 0.9, 1000 + i)),
  ];
  const path = await jsonFile(records);
  const progress: (readonly [number, number])[] = [];
  const source = resultsFileSource(path, {iouType: 'bbox', images, onProgress: (...at) => progress.push(at)});
  const made = await writeSubmission(source, {folder, name: 'best', images});
  t.like(made, {records: 130, leftOut: 60, imagesWithRecords: 2});
  t.deepEqual(JSON.parse((await onlyEntry(made.path)).text), [
    ...records.slice(0, 40),
    ...records.slice(100),
  ]);
  const size = (await readFile(path)).length;
  t.deepEqual(progress, [
    [size, 2 * size],
    [2 * size, 2 * size],
  ]);
});

test('Detections of a model are submitted with all their digits', async t => {
  const score = Math.fround(0.1);
  const results = resultsOf([
    {image: 9, category: 90, box: [1 / 3, 2, 3, 4], score},
    ...Array.from({length: 5000}, () => ({image: 9, category: 1, box: [0, 0, 1, 1] as const, score: 0.01})),
  ]);
  const made = await writeSubmission(detectionsSource(results), {folder, name: 'model', images});
  const written = JSON.parse((await onlyEntry(made.path)).text);
  t.is(written.length, 100);
  t.deepEqual(written[0], {image_id: 9, category_id: 90, bbox: [1 / 3, 2, 3, 4], score});
});

test('No detections at all are an empty list', async t => {
  const source = resultsFileSource(await jsonFile([]), {iouType: 'bbox', images});
  const made = await writeSubmission(source, {folder, name: 'none', images});
  t.is((await onlyEntry(made.path)).text, '[]\n');
});

test('Masks are submitted as compressed RLE, without boxes', async t => {
  const counts = formatRunLengths(encodeMask(Uint8Array.of(0, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0), 4, 3));
  const segmentation = {size: [4, 3], counts};
  const path = await jsonFile([{...record(7, 0.5), segmentation}]);
  const source = resultsFileSource(path, {iouType: 'segm', images});
  const made = await writeSubmission(source, {folder, name: 'masks', images});
  t.deepEqual(JSON.parse((await onlyEntry(made.path)).text), [
    {image_id: 7, category_id: 1, segmentation, score: 0.5},
  ]);
});

for (const [what, results, message] of [
  [
    'an image that the list lacks',
    [record(8, 0.5)],
    /\[0\]\.image_id: 8 is not among the 3 images of .*json/,
  ],
  [
    'a category that the list lacks',
    [record(7, 0.5), {...record(7, 0.5), category_id: 2}],
    /\[1\]\.category_id: 2 is not among the categories/,
  ],
  [
    'a box of three numbers',
    [{...record(7, 0.5), bbox: [1, 2, 3]}],
    /\[0\]\.bbox: expected \[x, y, width, height\]/,
  ],
  ['no score', [{...record(7, 0.5), score: undefined}], /\[0\]\.score: expected a number, it is missing/],
  ['an object instead of a list', {results: []}, /is an object; results are a list/],
  ['a truncated file', '[{"image_id": 7, "cat', /truncated/],
] as const) {
  test(`Boxes with ${what} are refused in one line, and nothing is left behind`, async t => {
    const path = await jsonFile(results);
    const out = join(folder, `boxes with ${what}`);
    await mkdir(out);
    const source = resultsFileSource(path, {iouType: 'bbox', images});
    await t.throwsAsync(writeSubmission(source, {folder: out, name: 'x', images}), {
      instanceOf: RunError,
      message,
    });
    t.deepEqual(await readdir(out), []);
  });
}

for (const [what, segmentation, message] of [
  ['polygons', [[0, 0, 1, 0, 1, 1]], /\[0\]\.segmentation: expected compressed RLE/],
  ['uncompressed runs', {size: [4, 3], counts: [12]}, /\.counts: expected the text of compressed RLE/],
  ['no mask', undefined, /\[0\]\.segmentation: expected compressed RLE/],
  [
    'another size than the image',
    {size: [3, 4], counts: '<'},
    /expected \[4, 3\], the height and width of image 7/,
  ],
  ['runs that do not fill the mask', {size: [4, 3], counts: '0'}, /\[0\]\.segmentation\.counts: /],
  ['text that is no RLE', {size: [4, 3], counts: 'ä'}, /\[0\]\.segmentation\.counts: /],
] as const) {
  test(`Masks with ${what} are refused in one line`, async t => {
    const path = await jsonFile([{...record(7, 0.5), segmentation}]);
    const source = resultsFileSource(path, {iouType: 'segm', images});
    await t.throwsAsync(writeSubmission(source, {folder, name: 'x', images}), {
      instanceOf: RunError,
      message,
    });
  });
}

test('A file that changes between the two readings is an error, and the older submission stays', async t => {
  const path = await jsonFile([record(7, 0.5)]);
  const first = await writeSubmission(resultsFileSource(path, {iouType: 'bbox', images}), {
    folder,
    name: 'changing',
    images,
  });
  const before = await readFile(first.path);
  const source = resultsFileSource(path, {iouType: 'bbox', images});
  const changing = {
    ...source,
    async *records(keep: Uint8Array) {
      await writeFile(path, JSON.stringify([record(7, 0.5), record(7, 0.5)]));
      yield* source.records(keep);
    },
  };
  await t.throwsAsync(writeSubmission(changing, {folder, name: 'changing', images}), {
    instanceOf: RunError,
    message: /had 1 records and now has 2/,
  });
  t.deepEqual(await readFile(first.path), before);
  t.false((await readdir(folder)).some(name => name.endsWith('.tmp')));
});

test('Aborted in the middle, it throws the reason and leaves nothing', async t => {
  const out = join(folder, 'aborted');
  const abort = new AbortController();
  const source = detectionsSource(resultsOf([{image: 7, category: 1, box: [0, 0, 1, 1], score: 1}]));
  const slow = {
    ...source,
    async *records() {
      yield ['{}'];
      setImmediate(() => abort.abort(new Error('stop')));
      await new Promise(done => setTimeout(done, 60_000).unref());
    },
  };
  const started = Date.now();
  await t.throwsAsync(writeSubmission(slow, {folder: out, name: 'x', images, signal: abort.signal}), {
    message: 'stop',
  });
  t.true(Date.now() - started < 10_000);
  t.deepEqual(await readdir(out), []);
});

test('A folder that cannot be written says so', async t => {
  const inTheWay = await jsonFile('[]');
  const source = detectionsSource(resultsOf([]));
  await t.throwsAsync(writeSubmission(source, {folder: inTheWay, name: 'x', images}), {
    instanceOf: RunError,
    message: /a file or folder of that name is in the way/,
  });
});

for (const name of ['', 'a b', '../x', 'ä', 'a/b', 'x'.repeat(101)]) {
  test(`The name ${JSON.stringify(name.slice(0, 8))} of ${name.length} characters is refused`, t => {
    t.throws(() => submissionStem(name), {instanceOf: UsageError, message: /letters, digits, dots/});
  });
}

test('An image list without images, without categories or with an id twice is refused', async t => {
  const refused = async (value: unknown, message: RegExp) => {
    await t.throwsAsync(readSubmissionImages(await jsonFile(value)), {instanceOf: RunError, message});
  };
  await refused({images: [], categories: [{id: 1}]}, /has no images; give the image list/);
  await refused({images: [{id: 1}]}, /has no categories/);
  await refused([{image_id: 1}], /has no images: it is a list/);
  await refused({images: [{id: 1}, {id: 1}], categories: []}, /images\[1\]\.id: 1 occurs twice/);
});
