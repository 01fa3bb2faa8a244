import test from 'ava';
import type {CocoResults} from '../../src/evaluate/coco-data.js';
import {COCO_PARAMETERS, type CocoParameters} from '../../src/evaluate/coco-parameters.js';
import {cocoWarnings, describeWarning} from '../../src/evaluate/coco-warnings.js';
import {encodeMask} from '../../src/masks/mask.js';
import {MaskTableBuilder} from '../../src/masks/mask-table.js';
import {groundTruthOf, resultsOf} from './scenes.js';

const box = [0, 0, 10, 10] as const;
const groundTruth = groundTruthOf(
  [1, 2],
  [1, 2],
  [
    {id: 1, image: 1, category: 1, box},
    {id: 2, image: 2, category: 2, box},
  ],
);

const found = (image: number, category: number, count: number) =>
  Array.from({length: count}, () => ({image, category, box, score: 0.5}));

function described(results: CocoResults, changes: Partial<CocoParameters> = {}): readonly string[] {
  return cocoWarnings(groundTruth, results, {...COCO_PARAMETERS, ...changes}).map(describeWarning);
}

test('Nothing is said of what is in order', t => {
  t.deepEqual(described(resultsOf([...found(1, 1, 100), ...found(1, 2, 100), ...found(2, 1, 100)])), []);
});

test('Detections beyond maxDets are counted over all images and categories', t => {
  const results = resultsOf([
    ...found(1, 1, 100),
    ...found(2, 1, 101),
    ...found(2, 2, 105),
    ...found(2, 9, 500),
  ]);
  t.deepEqual(
    described(results).filter(text => !text.includes('that the annotations do not list')),
    ['6 detections left out (image 2, category 1 has 101 and maxDets is 100): the best by score are kept'],
  );
  t.deepEqual(described(resultsOf(found(2, 1, 101)), {imageIds: [1], categoryIds: [1]}), []);
});

test('With all categories as one, maxDets cuts the whole image', t => {
  const results = resultsOf([...found(1, 1, 60), ...found(1, 2, 41)]);
  t.deepEqual(described(results, {useCategories: false}), [
    '1 detection left out (image 1 has 101 and maxDets is 100): the best by score are kept',
  ]);
});

test('Other maxDets are told what pycocotools makes of them', t => {
  const results = resultsOf(found(1, 1, 1));
  t.deepEqual(described(results, {maxDetections: [1, 10, 300]}), [
    "maxDets is 1, 10, 300: these figures do not compare with those of the usual 1, 10, 100, and pycocotools' AP, which " +
      'is the one at 100, is -1',
  ]);
  t.deepEqual(described(results, {maxDetections: [10, 100, 300]}), [
    'maxDets is 10, 100, 300: these figures do not compare with those of the usual 1, 10, 100',
  ]);
});

test('A category is without objects as far as the chosen images and categories go', t => {
  const without = /^1 category without objects to find \(class 2\)/;
  const results = resultsOf(found(1, 1, 1));
  t.regex(described(results, {imageIds: [1]})[0]!, without);
  t.deepEqual(described(results, {imageIds: [1], categoryIds: [1]}), []);
  t.deepEqual(described(results, {imageIds: [1], useCategories: false}), []);
});

test('Areas that come from boxes beside masks are told, since the reference takes them', t => {
  const masks = new MaskTableBuilder();
  masks.push(encodeMask(Uint8Array.of(1, 1, 0, 0), 2, 2));
  const results = {...resultsOf([{image: 1, category: 1, box, score: 1}]), masks: masks.take()};
  t.regex(
    described(results, {iouType: 'segm'})[0]!,
    /^1 detection \(result 0\) with a box: as in pycocotools/,
  );
  t.deepEqual(described({...results, areas: Float64Array.of(2)}, {iouType: 'segm'}), []);
  t.deepEqual(described(results), []);
});
