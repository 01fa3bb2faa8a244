import {existsSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {loadRunConfig} from '../../src/config/load.js';
import {loadCoco} from '../../src/data/coco.js';
import type {Dataset} from '../../src/data/dataset.js';
import {datasetStats, imbalanceStats} from '../../src/data/stats.js';
import {formatImbalance, formatStats} from '../../src/data/stats-text.js';
import {modelImbalance} from '../../src/detectors/imbalance.js';

/** Two images with objects, one of them with a crowd and an ignored object, and an empty one. */
const dataset: Dataset = {
  name: 'test',
  classNames: ['cat', 'dog'],
  categoryIds: [4, 9],
  notices: [],
  images: [
    {
      ...{id: 1, fileName: 'a', path: 'a', width: 640, height: 480},
      groundTruth: {
        boxes: Float64Array.of(0, 0, 20, 40, 0, 0, 100, 100, 0, 0, 30, 30, 5, 5, 600, 400, 0, 0, 9, 9),
        classes: Int32Array.of(1, 1, 2, 2, 2),
        ignore: Uint8Array.of(0, 0, 0, 1, 1),
        crowd: Uint8Array.of(0, 0, 0, 1, 0),
        areas: Float64Array.of(800, 9216, 1024, 9e4, 81),
        ids: Float64Array.of(1, 2, 3, 4, 5),
      },
    },
    {
      ...{id: 2, fileName: 'b', path: 'b', width: 320, height: 480},
      groundTruth: {
        boxes: Float64Array.of(0, 0, 10, 10),
        classes: Int32Array.of(1),
        ignore: new Uint8Array(1),
        crowd: new Uint8Array(1),
        areas: Float64Array.of(100),
        ids: Float64Array.of(6),
      },
    },
    {
      ...{id: 3, fileName: 'c', path: 'c', width: 100, height: 100},
      groundTruth: {
        boxes: new Float64Array(0),
        classes: new Int32Array(0),
        ignore: new Uint8Array(0),
        crowd: new Uint8Array(0),
        areas: new Float64Array(0),
        ids: new Float64Array(0),
      },
    },
  ],
};

test('objects are counted by class and COCO size, crowds and ignored ones apart', t => {
  const stats = datasetStats(dataset);
  t.like(stats, {images: 3, imagesWithoutObjects: 1, objects: 4, crowds: 1, ignored: 1});
  t.deepEqual(stats.classes, [
    {name: 'cat', categoryId: 4, images: 2, objects: 3, crowds: 0, ignored: 0},
    {name: 'dog', categoryId: 9, images: 1, objects: 1, crowds: 1, ignored: 1},
  ]);
  // 800 and 100 below 32^2 = 1024; 1024 itself is medium, 96^2 = 9216 itself large.
  t.deepEqual(stats.sizes, {small: 2, medium: 1, large: 1});
  t.deepEqual(stats.objectsPerImage, {min: 0, p5: 0, median: 1, mean: 4 / 3, p95: 3, max: 3});
  // Sides sqrt(800), 100, 30, 10; aspect ratios 2, 1, 1, 1.
  t.like(stats.boxSide, {min: 10, median: Math.sqrt(800), max: 100});
  t.like(stats.aspectRatio, {min: 1, median: 1, mean: 1.25, max: 2});
  t.like(stats.imageWidth, {min: 100, median: 320, max: 640});
});

test('a data set without objects or images has no spread', t => {
  const stats = datasetStats({...dataset, images: []});
  t.like(stats, {images: 0, objects: 0, boxSide: null, objectsPerImage: null, imageWidth: null});
  t.regex(formatStats(stats), /objects +0, besides 0 crowds and 0 ignored\n/);
});

test('the optimal bias follows from N and N_f as in Sec. 3.2 of the paper', t => {
  // N / N_f = 10^3 and C = 80: pi = 1.25e-5, b = -11.29.
  const stats = imbalanceStats({examples: 1e8, foreground: 1e5}, 80);
  t.is(stats.ratio, 1000);
  t.is(stats.prior, 1.25e-5);
  t.is(stats.bias!.toFixed(2), '-11.29');
  t.is(
    formatImbalance(stats, 'retinanet, 800/1333'),
    [
      'imbalance of retinanet, 800/1333',
      '  N             100,000,000',
      '  N_f           100,000',
      '  N / N_f       1000.0',
      '  optimal pi    1.2500e-5',
      '  optimal bias  -11.2898',
      '',
    ].join('\n'),
  );
});

test('where nothing is foreground there is no ratio and no bias', t => {
  const stats = imbalanceStats({examples: 10, foreground: 0}, 80);
  t.deepEqual(stats, {examples: 10, foreground: 0, ratio: null, prior: null, bias: null});
  t.regex(formatImbalance(stats, 'x'), /N \/ N_f +none is foreground\n/);
});

test('the text has one line a class', t => {
  const text = formatStats(datasetStats(dataset));
  t.regex(text, /^test\n {2}images +3, 1 of them without objects\n/);
  t.regex(text, / {2}sizes +2 small \(50\.0 %\), 1 medium \(25\.0 %\), 1 large \(25\.0 %\); /);
  t.regex(text, /\n {2}cat +4 +2 +3 +75\.0 % +0 +0\n {2}dog +9 +1 +1 +25\.0 % +1 +1\n$/);
});

const data = process.env.SF_TEST_DATA;

test('COCO photographs at 800/1333 have the imbalance that the authors measured', async t => {
  const sample = join(data ?? '', 'coco-sample');
  if (data === undefined || !existsSync(sample)) {
    t.log('skipped: SF_TEST_DATA is not set');
    t.pass();
    return;
  }
  const coco = await loadCoco({
    annotations: join(sample, 'annotations', 'instances.json'),
    images: join(sample, 'images'),
    name: 'coco-sample',
  });
  const stats = datasetStats(coco);
  t.like(stats, {images: 132, imagesWithoutObjects: 3, objects: 1117, crowds: 12});
  const {config} = await loadRunConfig('retinanet_R_50_FPN_1x', {overrides: []});
  const {ratio, bias} = imbalanceStats(modelImbalance(config.model, config.input, coco), 80);
  t.log(`N / N_f = ${ratio?.toFixed(1)}, optimal bias ${bias?.toFixed(3)}`);
  // 1122.6 and -11.405 on train2017; this sample has 8.5 objects an image, train2017 7.2.
  t.true(ratio! > 700 && ratio! < 1300, `${ratio}`);
  t.true(Math.abs(bias! + 11.4) < 0.4, `${bias}`);

  const {config: fovea} = await loadRunConfig('foveabox_R_50_FPN_1x', {overrides: []});
  const points = modelImbalance(fovea.model, fovea.input, coco);
  t.log(`FoveaBox: N / N_f = ${points.examples} / ${points.foreground}`);
  // Every point of 129 images: none is ignored. On 800 x 1088 there are 18,134 and on 800 x 1344 22,400.
  t.true(points.examples > 129 * 15_000 && points.examples < 129 * 22_401);
  t.true(points.foreground > coco.images.length && points.foreground < points.examples / 20);
});
