/** Masks of COCO's files. Masks are written here as pictures: a row a line, # is foreground. */
import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import type {Dataset} from '../../src/data/dataset.js';
import type {Shape} from '../../src/data/polygon.js';
import type {Detections} from '../../src/detectors/detector.js';
import {fromDataset, toResults} from '../../src/evaluate/coco-data.js';
import {
  type CocoReadOptions,
  readCocoGroundTruth,
  readCocoResults,
  writeCocoResults,
} from '../../src/evaluate/coco-files.js';
import {decodeMask, encodeMask, type Mask} from '../../src/masks/mask.js';
import {type MaskTable, maskAt, maskCount} from '../../src/masks/mask-table.js';
import {formatRunLengths} from '../../src/masks/run-length-text.js';
import {temporaryFolder} from '../temporary-folder.js';

async function file(t: ExecutionContext, content: unknown): Promise<string> {
  const path = join(await temporaryFolder(t), 'file.json');
  await writeFile(path, JSON.stringify(content));
  return path;
}

function maskOf(...rows: readonly string[]): Mask {
  const pixels = Uint8Array.from(rows.join(''), pixel => (pixel === '#' ? 1 : 0));
  return encodeMask(pixels, rows.length, rows[0]!.length);
}

function picture(table: MaskTable | undefined, row: number): readonly string[] {
  const mask = maskAt(table!, row);
  const pixels = decodeMask(mask);
  return Array.from({length: mask.height}, (_, y) =>
    Array.from(pixels.subarray(y * mask.width, (y + 1) * mask.width), pixel =>
      pixel === 1 ? '#' : '.',
    ).join(''),
  );
}

/** An image of 4 x 6 (height x width), and one of which the size is not said. */
const IMAGES = [{id: 7, height: 4, width: 6}, {id: 8}];
const CATEGORIES = [{id: 3, name: 'cup'}];
const ANNOTATION = {id: 1, image_id: 7, category_id: 3, bbox: [1, 1, 3, 2], area: 6, iscrowd: 0};
/** Pixels whose centres it holds: columns 1 to 3, rows 1 and 2. */
const POLYGON = [1, 1, 4, 1, 4, 3, 1, 3];
const BLOCK = ['......', '.###..', '.###..', '......'];
/** The block down the columns: 5 pixels of background, 2 of the block, 2, 2, 2, 2, 9. */
const RUNS = {size: [4, 6], counts: [5, 2, 2, 2, 2, 2, 9]};
const TEXT = {size: [4, 6], counts: formatRunLengths(maskOf(...BLOCK))};

/** Reads in whole chunks, from the bytes, and in pieces so small that every record is parsed; both must be the same. */
async function bothWays<T>(t: ExecutionContext, read: (options: CocoReadOptions) => Promise<T>): Promise<T> {
  const fromBytes = await read({masks: true});
  t.deepEqual(await read({masks: true, chunkBytes: 9}), fromBytes);
  return fromBytes;
}

test('Polygons, run lengths and compressed run lengths are one mask', async t => {
  const forms = [
    [POLYGON],
    RUNS,
    TEXT,
    [
      [1, 1, 2, 1, 2, 3, 1, 3],
      [2, 1, 4, 1, 4, 3, 2, 3],
    ],
  ];
  const annotations = forms.map((segmentation, i) => ({...ANNOTATION, id: i + 1, segmentation}));
  // The images may come first or last.
  for (const content of [
    {images: IMAGES, annotations, categories: CATEGORIES},
    {annotations, categories: CATEGORIES, images: IMAGES},
  ]) {
    const path = await file(t, content);
    const {groundTruth, warnings} = await bothWays(t, options => readCocoGroundTruth(path, options));
    t.deepEqual(warnings, []);
    t.deepEqual([...groundTruth.imageHeights!], [4, 0]);
    t.deepEqual([...groundTruth.imageWidths!], [6, 0]);
    t.is(maskCount(groundTruth.masks!), 4);
    for (let row = 0; row < 4; row++) t.deepEqual(picture(groundTruth.masks, row), BLOCK);
  }
});

test('Without masks a segmentation may be anything that is JSON', async t => {
  const annotations = [{...ANNOTATION, segmentation: {size: 'x', counts: [[{}]]}}];
  const {groundTruth} = await readCocoGroundTruth(
    await file(t, {images: IMAGES, annotations, categories: CATEGORIES}),
  );
  t.is(groundTruth.masks, undefined);
  t.is(groundTruth.imageHeights, undefined);
  const results = await readCocoResults(
    await file(t, [{image_id: 7, category_id: 3, bbox: [0, 0, 1, 1], score: 1, segmentation: 'x'}]),
    groundTruth,
  );
  t.is(results.masks, undefined);
});

test('An annotation without a box has that of its mask, and its area where that is missing too', async t => {
  const {bbox: _bbox, area: _area, ...bare} = {...ANNOTATION, segmentation: RUNS};
  const annotations = [bare, {...bare, id: 2, area: 5}, {...bare, id: 3, image_id: 99}];
  const path = await file(t, {images: IMAGES, annotations, categories: CATEGORIES});
  const {groundTruth, warnings} = await bothWays(t, options => readCocoGroundTruth(path, options));
  t.deepEqual([...groundTruth.boxes], [1, 1, 3, 2, 1, 1, 3, 2, 0, 0, 0, 0]);
  t.deepEqual([...groundTruth.areas], [6, 5, 0]);
  t.deepEqual(picture(groundTruth.masks, 2), [], 'there is no mask on an image that is not listed');
  t.deepEqual(warnings, [{kind: 'missing-area', count: 2, example: 'annotation 1'}]);
});

test('A polygon with an odd count of numbers loses the last, with a warning', async t => {
  const annotations = [{...ANNOTATION, segmentation: [[...POLYGON, 2]]}];
  const path = await file(t, {images: IMAGES, annotations, categories: CATEGORIES});
  const {groundTruth, warnings} = await bothWays(t, options => readCocoGroundTruth(path, options));
  t.deepEqual(picture(groundTruth.masks, 0), BLOCK);
  t.deepEqual(warnings, [{kind: 'odd-polygon', count: 1, example: 'annotation 1'}]);
});

const RESULT = {image_id: 7, category_id: 3, bbox: [0.5, 0, 2, 2.5], score: 0.5};
const GROUND_TRUTH = {
  imageIds: Float64Array.of(7, 8),
  imageHeights: Uint32Array.of(4, 0),
  imageWidths: Uint32Array.of(6, 0),
};

test('When the first result has a box, areas are those of the boxes for all', async t => {
  const path = await file(t, [
    {...RESULT, segmentation: TEXT},
    {...RESULT, segmentation: RUNS},
    {...RESULT, segmentation: [POLYGON]},
  ]);
  const results = await bothWays(t, options => readCocoResults(path, GROUND_TRUTH, options));
  t.deepEqual([...results.areas], [5, 5, 5]);
  t.deepEqual([...results.boxes.subarray(0, 4)], RESULT.bbox);
  for (let row = 0; row < 3; row++) t.deepEqual(picture(results.masks, row), BLOCK);
});

test('When the first result has no box, areas and boxes are those of the masks, in a box evaluation too', async t => {
  const {bbox: _bbox, ...bare} = {...RESULT, segmentation: TEXT};
  // A box that comes later counts, but not for the area (loadRes).
  const path = await file(t, [bare, {...bare, bbox: []}, {...RESULT, segmentation: [POLYGON]}, bare]);
  const withMasks = await bothWays(t, options => readCocoResults(path, GROUND_TRUTH, options));
  t.deepEqual([...withMasks.areas], [6, 6, 6, 6]);
  t.deepEqual([...withMasks.boxes], [1, 1, 3, 2, 1, 1, 3, 2, ...RESULT.bbox, 1, 1, 3, 2]);
  const {masks: _masks, ...columns} = withMasks;
  t.deepEqual(await readCocoResults(path, GROUND_TRUTH), columns);
});

test('A result without a mask among boxes has the mask of its box', async t => {
  const path = await file(t, [
    {...RESULT, bbox: [1, 1, 3, 2], segmentation: TEXT},
    {...RESULT, bbox: [1, 1, 3, 2]},
    {...RESULT, bbox: [1, 1, 3, 2], segmentation: null},
  ]);
  const results = await bothWays(t, options => readCocoResults(path, GROUND_TRUTH, options));
  for (let row = 0; row < 3; row++) t.deepEqual(picture(results.masks, row), BLOCK);
});

test('Written masks are read as they were', async t => {
  const path = join(await temporaryFolder(t), 'written.json');
  const read = await readCocoResults(await file(t, [{...RESULT, segmentation: RUNS}, RESULT]), GROUND_TRUTH, {
    masks: true,
  });
  await writeCocoResults(path, read);
  t.deepEqual(await bothWays(t, options => readCocoResults(path, GROUND_TRUTH, options)), read);
});

const dataset = (...shapes: readonly Shape[]): Dataset => ({
  name: 'test',
  classNames: ['cup'],
  categoryIds: [3],
  notices: [],
  images: [
    {
      ...{id: 7, fileName: 'a.jpg', path: '/a.jpg', width: 6, height: 4},
      groundTruth: {
        boxes: Float64Array.from(shapes.flatMap(() => [1, 1, 4, 3])),
        classes: Int32Array.from(shapes, () => 1),
        ignore: new Uint8Array(shapes.length),
        crowd: new Uint8Array(shapes.length),
        areas: Float64Array.from(shapes, () => 6),
        ids: Float64Array.from(shapes, (_, i) => i + 1),
        shapes,
      },
    },
  ],
});

test('The masks of a data set are drawn where they are asked for', t => {
  const shapes: readonly Shape[] = [
    {kind: 'polygons', polygons: [POLYGON]},
    {kind: 'run-lengths', runLengths: {size: [4, 6], counts: RUNS.counts}},
    {kind: 'run-lengths', runLengths: {size: [4, 6], counts: TEXT.counts}},
  ];
  const {masks, imageHeights, imageWidths} = fromDataset(dataset(...shapes), {masks: true});
  t.deepEqual([...imageHeights!, ...imageWidths!], [4, 6]);
  for (let row = 0; row < 3; row++) t.deepEqual(picture(masks, row), BLOCK);
  t.is(fromDataset(dataset(...shapes)).masks, undefined);
});

test('A data set without masks, or with one that does not fit, says which object it is', t => {
  t.throws(() => fromDataset(dataset({kind: 'none'}), {masks: true}), {
    name: 'RunError',
    message: 'test: annotation 1 of a.jpg has no mask; evaluate boxes instead',
  });
  const small: Shape = {kind: 'run-lengths', runLengths: {size: [2, 2], counts: [4]}};
  t.throws(() => fromDataset(dataset(small), {masks: true}), {
    name: 'RunError',
    message: /annotation 1 of a\.jpg has no valid mask \(run lengths of 2 x 2 pixels on an image of 4 x 6/,
  });
});

test('Detections that carry masks become results with masks', t => {
  const detections: Detections = {
    imageId: 7,
    boxes: Float32Array.of(1, 1, 4, 3),
    scores: Float32Array.of(0.5),
    classes: Int32Array.of(1),
    masks: [maskOf(...BLOCK)],
  };
  const none = {imageId: 8, boxes: new Float32Array(), scores: new Float32Array(), classes: new Int32Array()};
  const results = toResults([detections, none], dataset());
  t.deepEqual(picture(results.masks, 0), BLOCK);
  t.deepEqual([...results.areas], [6]);
  t.throws(() => toResults([detections, {...detections, masks: []}], dataset()), {
    message: 'image 7 has 1 detections and 0 masks',
  });
});
