import test from 'ava';
import type {ImageRecord} from '../../src/data/dataset.js';
import type {Shape} from '../../src/data/polygon.js';
import {imageTargets, trainableImages} from '../../src/data/targets.js';
import {decodeMask, encodeMask} from '../../src/masks/mask.js';
import {formatRunLengths} from '../../src/masks/run-length-text.js';
import {Random} from '../../src/random/random.js';

type Object = {
  readonly box: readonly [number, number, number, number];
  readonly ignore?: 1;
  readonly crowd?: 1;
  readonly shape?: Shape;
};

/** 100 x 50 pixels; object i has class i + 1. */
function record(objects: readonly Object[]): ImageRecord {
  return {
    id: 1,
    fileName: 'a.png',
    path: '/a.png',
    width: 100,
    height: 50,
    groundTruth: {
      boxes: Float64Array.from(objects.flatMap(({box}) => [...box])),
      classes: Int32Array.from(objects, (_, i) => i + 1),
      ignore: Uint8Array.from(objects, ({ignore, crowd}) => ignore ?? crowd ?? 0),
      crowd: Uint8Array.from(objects, ({crowd}) => crowd ?? 0),
      areas: new Float64Array(objects.length),
      ids: Float64Array.from(objects, (_, i) => 100 + i),
      ...(objects.some(({shape}) => shape !== undefined) && {
        shapes: objects.map(({shape = {kind: 'none'}}) => shape),
      }),
    },
  };
}

const TRIANGLE: Shape = {kind: 'polygons', polygons: [[10, 5, 30, 5, 20, 25.5]]};

test('boxes follow the image through resizing and flipping', t => {
  const image = record([{box: [10, 5, 30, 25]}]);
  // x times 250 / 100, y times 100 / 50; mirrored: 250 - 75 = 175, 250 - 25 = 225.
  t.deepEqual([...imageTargets(image, {width: 250, height: 100, flip: false}).boxes], [25, 10, 75, 50]);
  t.deepEqual([...imageTargets(image, {width: 250, height: 100, flip: true}).boxes], [175, 10, 225, 50]);
});

test('boxes are clipped to the image, and what has no area there is dropped', t => {
  const image = record([
    {box: [-10, 40, 20, 80]},
    {box: [5, 5, 5, 20]},
    {box: [5, 20, 30, 20]},
    {box: [100, 0, 120, 50]},
    {box: [Number.NaN, 0, 20, 20]},
    {box: [30, 5, 20, 20]},
    {box: [90, 0, 120, 50]},
  ]);
  const {boxes, classes} = imageTargets(image, {width: 100, height: 50, flip: false});
  t.deepEqual([...classes], [1, 7]);
  t.deepEqual([...boxes], [0, 40, 20, 50, 90, 0, 100, 50]);
});

test('crowds are never trained on, other ignored objects if asked', t => {
  const box = [1, 1, 9, 9] as const;
  const image = record([{box}, {box, ignore: 1}, {box, crowd: 1}]);
  const view = {width: 100, height: 50, flip: false};
  t.deepEqual([...imageTargets(image, view).classes], [1, 2]);
  t.deepEqual([...imageTargets(image, view, {trainIgnored: false}).classes], [1]);
});

test('images without anything to train on are left out', t => {
  const box = [1, 1, 9, 9] as const;
  const good = record([{box}]);
  const difficult = record([{box, ignore: 1}]);
  const images = [good, record([]), record([{box, crowd: 1}]), difficult, record([{box: [7, 7, 7, 9]}])];
  t.deepEqual(trainableImages(images), [good, difficult]);
  t.deepEqual(trainableImages(images, {trainIgnored: false}), [good]);
});

test('outlines are there when they are asked for, in the order of the boxes', t => {
  const image = record([
    {box: [10, 5, 30, 25], shape: TRIANGLE},
    {box: [1, 1, 9, 9], crowd: 1}, // without an outline: never trained on
    {box: [5, 5, 5, 20], shape: TRIANGLE}, // without area: left out
    {box: [0, 0, 2, 2], shape: {kind: 'polygons', polygons: [[0, 0, 2, 0, 2, 2]]}},
  ]);
  const view = {width: 250, height: 100, flip: false};
  t.false('outlines' in imageTargets(image, view));
  const {classes, boxes, outlines} = imageTargets(image, view, {masks: true});
  t.deepEqual([...classes], [1, 4]);
  t.deepEqual(boxes, imageTargets(image, view).boxes);
  // x times 2.5, y times 2, as the boxes; mirrored, 250 - x.
  const polygons = (...points: readonly number[]) => ({
    kind: 'polygons' as const,
    height: 100,
    width: 250,
    polygons: [Float64Array.from(points)],
  });
  t.deepEqual(outlines, [polygons(25, 10, 75, 10, 50, 51), polygons(0, 0, 5, 0, 5, 4)]);
  t.deepEqual(imageTargets(image, {...view, flip: true}, {masks: true}).outlines, [
    polygons(225, 10, 175, 10, 200, 51),
    polygons(250, 0, 245, 0, 245, 4),
  ]);
});

test('run lengths follow the image, as a list and as text', t => {
  // Column 10 of 100 x 50 pixels from row 5 on; mirrored column 89, doubled columns 178 and 179.
  const pixels = Uint8Array.from({length: 5000}, (_, i) => Number(i % 100 === 10 && i >= 500));
  const mask = encodeMask(pixels, 50, 100);
  const shape = (counts: readonly number[] | string): Shape => ({
    kind: 'run-lengths',
    runLengths: {size: [50, 100], counts},
  });
  for (const counts of [[...mask.runs], formatRunLengths(mask)]) {
    const image = record([{box: [10, 5, 11, 50], shape: shape(counts)}]);
    const view = {width: 200, height: 100, flip: true};
    const {boxes, outlines} = imageTargets(image, view, {masks: true});
    t.deepEqual([...boxes], [178, 10, 180, 100]);
    const [outline] = outlines!;
    if (outline?.kind !== 'mask') return t.fail();
    t.deepEqual(
      decodeMask(outline.mask),
      Uint8Array.from({length: 20000}, (_, i) => Number((i % 200) >> 1 === 89 && i >= 2000)),
    );
  }
});

test('an object without a mask, or with one of another size, is named', t => {
  const box = [1, 1, 9, 9] as const;
  const view = {width: 100, height: 50, flip: false};
  const message = (...objects: readonly Object[]) => {
    const image = record(objects);
    t.notThrows(() => imageTargets(image, view));
    return t.throws(() => imageTargets(image, view, {masks: true}), {name: 'RunError'})?.message;
  };
  const advice = 'give every object a mask or train on boxes only';
  t.is(message({box}), `/a.png: annotation 100 has no mask; ${advice}`);
  t.is(message({box, shape: TRIANGLE}, {box}), `/a.png: annotation 101 has no mask; ${advice}`);
  t.is(
    message({box, shape: {kind: 'run-lengths', runLengths: {size: [100, 50], counts: [5000]}}}),
    `/a.png: annotation 100 has no valid mask (run lengths of 100 x 50 pixels on an image of 50 x 100 (height x width)); ${advice}`,
  );
  t.is(
    message({box, shape: {kind: 'run-lengths', runLengths: {size: [50, 100], counts: '0'}}}),
    `/a.png: annotation 100 has no valid mask (the run lengths add up to 0, not the 5000 pixels of 50 x 100 (height x width)); ${advice}`,
  );
  t.regex(
    message({box, shape: {kind: 'polygons', polygons: [[1, 1, 9, 1, 9, 1e6]]}}) ?? '',
    /annotation 100 has no valid mask \(coordinate 5 of polygon 0 is 1000000: too far outside of the image\)/,
  );
});

test('boxes are placed with their image on its square', t => {
  const image = record([{box: [10, 5, 30, 25]}]);
  const placement = {left: 7, top: 40, canvas: {width: 264, height: 264}};
  const view = {width: 250, height: 100, placement};
  t.deepEqual([...imageTargets(image, {...view, flip: false}).boxes], [32, 50, 82, 90]);
  // Mirrored within the image: 7 + 250 - 75 = 182.
  t.deepEqual([...imageTargets(image, {...view, flip: true}).boxes], [182, 50, 232, 90]);
});

test('short objects are left out, and of too many so many are drawn, in their order', t => {
  const placement = {left: 0, top: 0, canvas: {width: 100, height: 100}};
  const limits = {minSide: 0.05, maxObjects: 90, random: () => new Random(1, 'test')};
  const view = {width: 100, height: 50, flip: false, placement, limits};
  // A twentieth of the square of 100 is 5 pixels.
  const sides = record([
    {box: [0, 0, 5, 5]},
    {box: [0, 0, 4.9, 30]},
    {box: [0, 0, 30, 4.9]},
    {box: [95, 0, 120, 9]},
  ]);
  t.deepEqual([...imageTargets(sides, view).classes], [1, 4]);

  const many = record(Array.from({length: 60}, (_, i) => ({box: [i, 0, i + 10, 10] as const})));
  const drawn = imageTargets(many, {...view, limits: {...limits, maxObjects: 20}});
  t.is(drawn.classes.length, 20);
  t.deepEqual(
    [...drawn.classes],
    [...new Set(drawn.classes)].sort((a, b) => a - b),
  );
  // Object i has class i + 1 and its left side at i.
  t.deepEqual(
    [...drawn.boxes.filter((_, i) => i % 4 === 0)],
    [...drawn.classes].map(label => label - 1),
  );
  t.deepEqual(imageTargets(many, {...view, limits: {...limits, maxObjects: 20}}), drawn);
  t.not(drawn.classes[19], 20, 'not simply the first');
});
