import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import sharp from 'sharp';
import type {ImageRecord} from '../../src/data/dataset.js';
import type {Shape} from '../../src/data/polygon.js';
import {RunError} from '../../src/errors.js';
import {drawAnnotations} from '../../src/report/annotations-drawing.js';
import type {DrawingOptions} from '../../src/report/drawing.js';
import {classColour} from '../../src/report/object-colours.js';
import {near} from '../near.js';
import {temporaryFolder} from '../temporary-folder.js';

const GREY = 100;
const SIDE = 600;

type Box = readonly [x1: number, y1: number, x2: number, y2: number];
type Annotated = {
  readonly box: Box;
  readonly cls?: number;
  readonly crowd?: boolean;
  readonly ignore?: boolean;
  readonly shape?: Shape;
};

/** A grey image of 600 x 600, which is drawn at its own size with lines of 2 pixels. */
async function recordOf(t: ExecutionContext, objects: readonly Annotated[]): Promise<ImageRecord> {
  const path = join(await temporaryFolder(t), 'a.png');
  const background = {r: GREY, g: GREY, b: GREY};
  await sharp({create: {width: SIDE, height: SIDE, channels: 3, background}}).toFile(path);
  const flags = (of: (object: Annotated) => boolean | undefined) =>
    Uint8Array.from(objects, object => (of(object) === true ? 1 : 0));
  return {
    ...{id: 1, fileName: 'a.png', path, width: SIDE, height: SIDE},
    groundTruth: {
      boxes: Float64Array.from(objects.flatMap(({box}) => box)),
      classes: Int32Array.from(objects, ({cls = 1}) => cls),
      ignore: flags(({ignore, crowd}) => ignore === true || crowd === true),
      crowd: flags(({crowd}) => crowd),
      areas: new Float64Array(objects.length),
      ids: Float64Array.from(objects, (_, i) => 70 + i),
      shapes: objects.map(({shape}) => shape ?? {kind: 'none'}),
    },
  };
}

/** The colour at a pixel, and how many pixels are not grey in a row or in all. */
async function draw(record: ImageRecord, options: Partial<DrawingOptions> = {}) {
  const png = await drawAnnotations(record, {classNames: ['a', 'b'], ...options});
  const {data, info} = await sharp(png).raw().toBuffer({resolveWithObject: true});
  const at = (x: number, y: number): readonly number[] => {
    const from = (y * info.width + x) * info.channels;
    return [...data.subarray(from, from + 3)];
  };
  const changed = (y?: number) => {
    const rows = y === undefined ? [...Array(SIDE).keys()] : [y];
    return rows
      .flatMap(row => Array.from({length: SIDE}, (_, x) => at(x, row)))
      .filter(([red]) => red !== GREY).length;
  };
  return {at, changed};
}

const rgb = (colour: string) => [...Buffer.from(colour.slice(1), 'hex')];
const filled = (colour: string) => rgb(colour).map(value => Math.round(GREY + 0.4 * (value - GREY)));
const square = (from: number, to: number): Shape => ({
  kind: 'polygons',
  polygons: [[from, from, to, from, to, to, from, to]],
});

test('boxes have the colour of their class, and the small ones lie on the large', async t => {
  const record = await recordOf(t, [
    {box: [100, 100, 200, 200], cls: 2},
    {box: [100, 100, 400, 400], cls: 1},
  ]);
  const {at} = await draw(record, {parts: new Set(['boxes'])});
  t.deepEqual(at(400, 300), rgb(classColour(1)));
  t.deepEqual(at(100, 150), rgb(classColour(2)));
  t.deepEqual(at(100, 300), rgb(classColour(1)));
});

test('what is not counted has broken lines and a label that says so', async t => {
  const box: Box = [100, 100, 380, 380];
  const parts = new Set(['boxes'] as const);
  const whole = await draw(await recordOf(t, [{box}]), {parts});
  // Lines of 2 pixels stand half out of their box: from 99 to 381 in the row of its upper side.
  t.is(whole.changed(100), 282);
  for (const particular of [{crowd: true}, {ignore: true}]) {
    const record = await recordOf(t, [{box, ...particular}]);
    // Dashes of 8 and gaps of 6 pixels: 20 of each in 280, from the upper left corner on.
    const {changed, at} = await draw(record, {parts});
    t.true(Math.abs(changed(100) - 160) <= 4, `${changed(100)}`);
    t.deepEqual([at(104, 100), at(111, 100)], [rgb(classColour(1)), [GREY, GREY, GREY]]);
  }
  const labels = {classNames: ['a'], parts: new Set(['labels'] as const)};
  // Of the only class, the name says nothing; that it is a crowd does.
  t.is((await draw(await recordOf(t, [{box}]), labels)).changed(), 0);
  t.true((await draw(await recordOf(t, [{box, crowd: true}]), labels)).changed() > 500);
});

test('masks are those of polygons and of run lengths', async t => {
  // Column 300 to 419 of rows 0 to 599 but the first and the last 100, as COCO counts.
  const counts = [300 * SIDE + 100, ...Array.from({length: 119}, () => [400, 200]).flat(), 400];
  const rest = SIDE ** 2 - counts.reduce((sum, count) => sum + count, 0);
  const record = await recordOf(t, [
    {box: [100, 100, 200, 200], shape: square(100, 200)},
    {
      box: [300, 100, 420, 500],
      cls: 2,
      shape: {kind: 'run-lengths', runLengths: {size: [SIDE, SIDE], counts: [...counts, rest]}},
    },
    {box: [450, 450, 550, 550], cls: 2},
  ]);
  const {at} = await draw(record, {parts: new Set(['masks'])});
  near(t, at(150, 150), filled(classColour(1)), 2);
  near(t, at(360, 300), filled(classColour(2)), 2);
  t.deepEqual(
    [at(250, 150), at(360, 90), at(500, 500)],
    Array.from({length: 3}, () => [GREY, GREY, GREY]),
  );
});

test('an outline that is none is named, and leaves the boxes', async t => {
  const shape: Shape = {kind: 'run-lengths', runLengths: {size: [2, 2], counts: [4]}};
  const record = await recordOf(t, [{box: [100, 100, 200, 200], shape}]);
  const error = await t.throwsAsync(draw(record), {instanceOf: RunError});
  t.regex(
    error.message,
    /a\.png: annotation 70 has no valid mask \(run lengths of 2 x 2 pixels on an image of 600 x 600 .*\); correct it or draw boxes only$/,
  );
  t.true((await draw(record, {parts: new Set(['boxes', 'labels'])})).changed() > 0);
});

test('an image that is broken, or not the one that was annotated, is no drawing', async t => {
  const record = await recordOf(t, [{box: [100, 100, 200, 200]}]);
  await t.throwsAsync(draw({...record, width: 500}), {
    instanceOf: RunError,
    message: /a\.png is 600x600 \(upright\), its annotations say 500x600/,
  });
  await writeFile(record.path, 'no image');
  await t.throwsAsync(draw(record), {instanceOf: RunError, message: /a\.png is not a JPEG, PNG/});
});
