import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import type {Detections} from '../../src/detectors/detector.js';
import {boxMask} from '../../src/masks/rasterize.js';
import {type DetectionsDrawingOptions, drawDetections} from '../../src/report/detections-drawing.js';
import {enlargementOf} from '../../src/report/drawing.js';
import {classColour} from '../../src/report/object-colours.js';
import {near} from '../near.js';

const folder = await mkdtemp(join(tmpdir(), 'sf-drawing-'));
test.after.always(() => rm(folder, {recursive: true}));

const GREY = 100;

let images = 0;

async function greyImage(width: number, height: number): Promise<string> {
  const path = join(folder, `${images++}.png`);
  await sharp({create: {width, height, channels: 3, background: {r: GREY, g: GREY, b: GREY}}}).toFile(path);
  return path;
}

type Box = readonly [x1: number, y1: number, x2: number, y2: number];

const detectionsOf = (boxes: readonly Box[], scores: readonly number[], classes = boxes.map(() => 1)) => ({
  imageId: 0,
  boxes: Float32Array.from(boxes.flat()),
  scores: Float32Array.from(scores),
  classes: Int32Array.from(classes),
});

const withMasks = (detections: Detections, masks: readonly Box[], width: number, height: number) => ({
  ...detections,
  masks: masks.map(([x1, y1, x2, y2]) => boxMask([x1, y1, x2 - x1, y2 - y1], height, width)),
});

/** The drawing's sides, and the colour at a pixel. */
async function draw(path: string, detections: Detections, options: Partial<DetectionsDrawingOptions> = {}) {
  const png = await drawDetections(path, detections, {classNames: ['a', 'b'], minScore: 0.3, ...options});
  const {data, info} = await sharp(png).raw().toBuffer({resolveWithObject: true});
  const at = (x: number, y: number): readonly number[] => {
    const from = (Math.floor(y) * info.width + Math.floor(x)) * info.channels;
    return [...data.subarray(from, from + 3)];
  };
  const changed = () => {
    let count = 0;
    for (let i = 0; i < data.length; i += info.channels) if (data[i] !== GREY) count++;
    return count;
  };
  return {width: info.width, height: info.height, at, changed};
}

const rgb = (colour: string) => [...Buffer.from(colour.slice(1), 'hex')];

/** Grey under a share of a colour. Compositors hold colours multiplied by their share, in 8 bits: up to 2 levels less. */
const ROUNDING = 2;
const mixed = (colour: string, share: number) =>
  rgb(colour).map(value => Math.round(GREY + share * (value - GREY)));

test('small images are enlarged by whole numbers, others keep their size', t => {
  const sides = [
    [40, 40],
    [160, 200],
    [256, 256],
    [360, 360],
    [640, 427],
    [640, 480],
    [4000, 3000],
  ] as const;
  t.deepEqual(
    sides.map(([width, height]) => enlargementOf({width, height})),
    [4, 3, 2, 1, 1, 1, 1],
  );
});

test('a mask is filled with two fifths of its colour and has an outline of all of it', async t => {
  const image = await greyImage(600, 600);
  const box: Box = [100, 100, 300, 300];
  const found = withMasks(detectionsOf([box], [0.9]), [[120, 120, 280, 280]], 600, 600);
  const {at, width, height} = await draw(image, found);
  t.deepEqual([width, height], [600, 600]);
  near(t, at(200, 200), mixed(classColour(1), 0.4), ROUNDING);
  // Lines are 2 pixels: 600 / 300.
  t.deepEqual(at(120, 200), rgb(classColour(1)));
  t.deepEqual(at(110, 200), [GREY, GREY, GREY]);
  // The box of an object with a mask is a thin line of three fifths; it lies between two pixels.
  t.notDeepEqual(at(100, 200), [GREY, GREY, GREY]);
  t.notDeepEqual(at(100, 200), rgb(classColour(1)));
});

test('without masks the box has the whole line, and the label stands above it', async t => {
  const image = await greyImage(600, 600);
  const {at} = await draw(image, detectionsOf([[100, 100, 300, 300]], [0.9], [2]));
  t.deepEqual(at(100, 200), rgb(classColour(2)));
  t.deepEqual(at(200, 200), [GREY, GREY, GREY]);
  // At the edge of the label, where no letter is: nine tenths of the colour.
  near(t, at(101, 84), mixed(classColour(2), 0.9), ROUNDING);
});

test('parts are drawn as asked for, and what scores too little is not', async t => {
  const image = await greyImage(600, 600);
  const found = withMasks(detectionsOf([[100, 100, 300, 300]], [0.9]), [[100, 100, 300, 300]], 600, 600);
  const counts = await Promise.all(
    (['boxes', 'masks', 'labels'] as const).map(async part =>
      (await draw(image, found, {parts: new Set([part])})).changed(),
    ),
  );
  t.deepEqual(
    await Promise.all([new Set<never>()].map(async parts => (await draw(image, found, {parts})).changed())),
    [0],
  );
  t.is((await draw(image, found, {minScore: 0.95})).changed(), 0);
  // A frame of 2 pixels around 200 x 200, without masks; a mask and half its outline; a label of "a 0.90".
  t.is(counts[0], 202 ** 2 - 198 ** 2);
  t.true(counts[1]! > 200 ** 2 && counts[1]! < 204 ** 2);
  t.true(counts[2]! > 500 && counts[2]! < 2000);
});

test('objects of the only class have colours of their own and labels of a score alone', async t => {
  const image = await greyImage(600, 600);
  const found = detectionsOf(
    [
      [100, 100, 300, 300],
      [350, 100, 550, 300],
    ],
    [0.9, 0.8],
  );
  const one = await draw(image, found, {classNames: ['nucleus']});
  t.deepEqual([one.at(100, 200), one.at(350, 200)], [rgb(classColour(1)), rgb(classColour(2))]);
  const two = await draw(image, found, {classNames: ['nucleus', 'other']});
  t.deepEqual([two.at(100, 200), two.at(350, 200)], [rgb(classColour(1)), rgb(classColour(1))]);
  // "nucleus 0.90" is wider than "0.90": 12 letters of 15 pixels against 4.
  t.deepEqual(one.at(150, 90), [GREY, GREY, GREY]);
  t.notDeepEqual(two.at(150, 85), [GREY, GREY, GREY]);
});

test('boxes and masks of a small image are enlarged with it, lines are not', async t => {
  const image = await greyImage(100, 100);
  const found = withMasks(detectionsOf([[20, 20, 60, 60]], [0.9]), [[20, 20, 60, 60]], 100, 100);
  const {at, width} = await draw(image, found, {parts: new Set(['masks'])});
  t.is(width, 400);
  near(t, at(160, 160), mixed(classColour(1), 0.4), ROUNDING);
  near(t, at(84, 160), mixed(classColour(1), 0.4), ROUNDING);
  // A line of 4/3 pixels runs between 79 and 80, and reaches no further.
  t.true(at(80, 160)[0]! > at(84, 160)[0]! + 40);
  t.deepEqual(at(76, 160), [GREY, GREY, GREY]);
});

test('names are text, whatever they hold', async t => {
  const image = await greyImage(600, 600);
  const found = detectionsOf([[100, 100, 300, 300]], [0.9]);
  const {changed} = await draw(image, found, {
    classNames: ['<a href="x">&', 'b'],
    parts: new Set(['labels']),
  });
  t.true(changed() > 0);
});
