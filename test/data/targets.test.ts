import test from 'ava';
import type {ImageRecord} from '../../src/data/dataset.js';
import {imageTargets, trainableImages} from '../../src/data/targets.js';

type Object = {
  readonly box: readonly [number, number, number, number];
  readonly ignore?: 1;
  readonly crowd?: 1;
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
      ids: new Float64Array(objects.length),
    },
  };
}

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
