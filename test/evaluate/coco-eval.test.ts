import test from 'ava';
import {type CocoEvaluation, evaluateCoco} from '../../src/evaluate/coco-eval.js';
import {readCocoGroundTruth, readCocoResults} from '../../src/evaluate/coco-files.js';
import {IGNORED, makePair, matchPair, outcomeOf, TRUE_POSITIVE} from '../../src/evaluate/coco-matching.js';
import {boxOverlaps} from '../../src/evaluate/coco-overlaps.js';
import {AREA_RANGES, IOU_THRESHOLDS, RECALL_THRESHOLDS} from '../../src/evaluate/coco-parameters.js';
import {COCO_STATS, type CocoStats} from '../../src/evaluate/coco-stats.js';
import {type Box, groundTruthOf, resultsOf, type Scene} from './scenes.js';

const fixture = (name: string) =>
  new URL(`../../../test/fixtures/coco-by-hand/${name}`, import.meta.url).pathname;

function evaluate({images, categories, annotations, found}: Scene): CocoEvaluation {
  return evaluateCoco(groundTruthOf(images, categories, annotations), resultsOf(found));
}

test('Two small images give the figures that were worked out by hand', async t => {
  const {groundTruth, warnings} = await readCocoGroundTruth(fixture('annotations.json'));
  const results = await readCocoResults(fixture('results.json'), groundTruth);
  const {stats, perCategory} = evaluateCoco(groundTruth, results);
  t.deepEqual(warnings, []);

  // Cups: objects A 10x10, B 40x40, C 20x20. Detections by score, with the IoU of the object they lie on:
  //   0.9 A 1.0,  0.8 B 800/1600 = 0.5,  0.7 nothing,  0.6 C 300/400 = 0.75
  // IoU 0.50:      hit hit miss hit    precision 1, 1, 3/4 at recall 1/3, 2/3, 1
  //                recall points 0.00-0.66 are 67, 0.67-1.00 are 34: AP = (67 + 34 * 0.75) / 101 = 92.5 / 101
  // IoU 0.55-0.75: hit miss miss hit   precision 1, 1/2 at recall 1/3, 2/3: (34 + 33 / 2) / 101 = 50.5 / 101
  // IoU 0.80-0.95: hit miss miss miss  34 / 101
  // Small objects are A and C; B is ignored, and so is 0.8 while it matches B:
  //   0.50: (51 + 50 * 2/3) / 101,  0.55-0.75: (51 + 50 / 2) / 101,  0.80-0.95: 51 / 101
  // Medium is B: found at 0.50 alone; the other detections are too small to be misses.
  const cups = {
    AP: (92.5 + 5 * 50.5 + 4 * 34) / 1010,
    AP50: 92.5 / 101,
    AP75: 50.5 / 101,
    APs: (51 + 100 / 3 + 5 * 76 + 4 * 51) / 1010,
    APm: 0.1,
    APl: -1,
    AR1: 1 / 3, // the best detection of image 1 is a hit, that of image 2 (0.7) is not
    AR10: (1 + 5 * (2 / 3) + 4 * (1 / 3)) / 10,
    AR100: 17 / 30,
    ARs: (6 * 1 + 4 * 0.5) / 10,
    ARm: 0.1,
    ARl: -1,
  };
  // Plates: a crowd, and a 100x100 object. Two detections inside the crowd have intersection / own area = 1 and are
  // ignored, both of them; the third is a perfect hit. The best of the image is an ignored one, so AR1 is 0.
  const plates = {
    AP: 1,
    AP50: 1,
    AP75: 1,
    APs: -1,
    APm: -1,
    APl: 1,
    AR1: 0,
    AR10: 1,
    AR100: 1,
    ARs: -1,
    ARm: -1,
    ARl: 1,
  };
  near(t, perCategory[0]!, cups);
  near(t, perCategory[1]!, plates);
  t.like(perCategory[0], {id: 1, name: 'cup', groundTruths: 3, detections: 4});
  t.like(perCategory[1], {id: 5, name: 'plate', groundTruths: 1, detections: 3});
  const mean = (a: number, b: number) => (a === -1 ? b : b === -1 ? a : (a + b) / 2);
  const overall = Object.fromEntries(COCO_STATS.map(name => [name, mean(cups[name], plates[name])]));
  near(t, stats, overall as CocoStats);
});

function near(
  t: {true(value: boolean, message?: string): void},
  measured: CocoStats,
  expected: CocoStats,
): void {
  for (const name of COCO_STATS) {
    t.true(
      Math.abs(measured[name] - expected[name]) < 1e-12,
      `${name}: ${measured[name]}, by hand ${expected[name]}`,
    );
  }
}

test('Thresholds are the doubles of the reference, not rounded decimals', t => {
  t.is(IOU_THRESHOLDS[8], 0.8999999999999999);
  t.is(IOU_THRESHOLDS[9], 0.95);
  t.is(RECALL_THRESHOLDS[35], 0.35000000000000003);
  t.is(RECALL_THRESHOLDS.length, 101);
});

test('Without ground truth every figure is -1, without detections recall is 0', t => {
  const object = {id: 1, image: 1, category: 1, box: [0, 0, 50, 50]} as const;
  const detection = {...object, score: 0.5};
  const none = evaluate({images: [1], categories: [1], annotations: [], found: [detection]});
  t.deepEqual(Object.values(none.stats), Array(12).fill(-1));
  const blind = evaluate({images: [1], categories: [1], annotations: [object], found: []});
  t.like(blind.stats, {AP: 0, AP50: 0, APm: 0, APs: -1, APl: -1, AR100: 0, ARs: -1});
  const empty = evaluate({images: [], categories: [], annotations: [], found: []});
  t.is(empty.stats.AP, -1);
});

test('An object marked ignore without being a crowd absorbs one detection, by plain IoU', t => {
  // As VOC's difficult objects: the first detection on it is ignored, the second a false positive; half of it is IoU 0.5.
  const annotations = [
    {id: 1, image: 1, category: 1, box: [0, 0, 100, 100], ignore: true},
    {id: 2, image: 1, category: 1, box: [200, 0, 100, 100]},
  ] as const;
  const on = (score: number, box: readonly [number, number, number, number]) => ({
    image: 1,
    category: 1,
    box,
    score,
  });
  const hit = on(0.5, [200, 0, 100, 100]);
  const ap = (...found: readonly ReturnType<typeof on>[]) =>
    evaluate({images: [1], categories: [1], annotations, found}).stats.AP50;
  t.true(Math.abs(ap(on(0.9, [0, 0, 100, 100]), hit) - 1) < 1e-12);
  t.true(Math.abs(ap(on(0.9, [0, 0, 100, 100]), on(0.8, [0, 0, 100, 100]), hit) - 0.5) < 1e-12);
  // Inside the object, a quarter of it: a crowd would absorb it, this does not.
  t.true(Math.abs(ap(on(0.9, [0, 0, 50, 50]), hit) - 0.5) < 1e-12);
});

test('A detection that finds annotation 0 counts as a false positive, as in the reference', t => {
  const annotations = [{id: 0, image: 1, category: 1, box: [0, 0, 50, 50]}] as const;
  const found = [{image: 1, category: 1, box: [0, 0, 50, 50], score: 0.5}] as const;
  t.is(evaluate({images: [1], categories: [1], annotations, found}).stats.AP, 0);
});

test('With three maxDets and no 100 among them AP is -1, as in the reference, and averagePrecision has it', t => {
  const annotations = [{id: 1, image: 1, category: 1, box: [0, 0, 50, 50]}] as const;
  const found = [{image: 1, category: 1, box: [0, 0, 50, 50], score: 0.5}] as const;
  const evaluation = evaluateCoco(groundTruthOf([1], [1], annotations), resultsOf(found), {
    maxDetections: [300, 5, 50],
  });
  t.deepEqual(evaluation.parameters.maxDetections, [5, 50, 300]);
  t.is(evaluation.stats.AP, -1);
  t.true(evaluation.stats.AP50 > 0.999);
  t.true(evaluation.averagePrecision > 0.999);
});

test('Any number of maxDets gives AP at the largest and AR at each', t => {
  // Ten objects, found one after the other by falling score, with a miss before each: at maxDets m, floor(m / 2) of
  // ten are found; at 20 all of them, with precision 1/2 at every recall.
  const annotations = Array.from({length: 10}, (_, i) => ({id: i + 1, image: 1, category: 1, box: boxAt(i)}));
  const found = annotations.flatMap((annotation, i) => [
    {...annotation, box: boxAt(50 + i), score: 0.9 - 0.02 * i},
    {...annotation, score: 0.89 - 0.02 * i},
  ]);
  const evaluation = (...maxDetections: readonly number[]) =>
    evaluateCoco(groundTruthOf([1], [1], annotations), resultsOf(found), {maxDetections});
  const near = (measured: number, expected: number) =>
    t.true(Math.abs(measured - expected) < 1e-12, `${measured}`);

  const one = evaluation(20);
  t.deepEqual(one.averageRecalls, [1]);
  near(one.averagePrecision, 0.5);
  t.is(one.stats.AP, one.averagePrecision);
  // Names with a number mean that number: maxDets has neither 1, 10 nor 100.
  t.like(one.stats, {AR1: -1, AR10: -1, AR100: -1, ARs: 1});
  near(one.perCategory[0]!.AP, 0.5);

  const four = evaluation(100, 1, 10, 4);
  [0, 0.2, 0.5, 1].forEach((recall, m) => {
    near(four.averageRecalls[m]!, recall);
  });
  t.like(four.stats, {AR1: 0, AR10: 0.5, AR100: 1});
  near(four.stats.AP, 0.5);

  // At 10, five of ten are found: recall points 0.00 to 0.50 are 51 of 101.
  const two = evaluation(2, 10);
  near(two.averageRecalls[0]!, 0.1);
  near(two.averageRecalls[1]!, 0.5);
  near(two.stats.AP, (0.5 * 51) / 101);
  t.like(two.stats, {AR1: -1, AR10: 0.5, AR100: -1});

  const three = evaluation(1, 10, 100);
  t.deepEqual(three.averageRecalls, [three.stats.AR1, three.stats.AR10, three.stats.AR100]);
  t.is(three.averagePrecision, three.stats.AP);
});

/** Boxes of 20 x 20, side by side. */
function boxAt(place: number): Box {
  return [30 * place, 0, 20, 20];
}

test('Masks cannot be compared where there are none', t => {
  t.throws(() => evaluateCoco(groundTruthOf([1], [1], []), resultsOf([]), {iouType: 'segm'}), {
    name: 'RangeError',
    message: 'iouType is segm and the ground truth has no masks; read them with {masks: true}',
  });
});

test('A detection on an unknown image, and parameters that make no evaluation, are errors', t => {
  const groundTruth = groundTruthOf([1], [1], []);
  const results = resultsOf([{image: 7, category: 1, box: [0, 0, 1, 1], score: 1}]);
  t.throws(() => evaluateCoco(groundTruth, results), {
    message: /result 0: image_id 7 is not among the images/,
  });
  const broken = (box: Box, score: number) => resultsOf([{image: 1, category: 1, box, score}]);
  t.throws(() => evaluateCoco(groundTruth, broken([0, 0, 1, 1], Number.NaN)), {
    message:
      'detection 0 on image 1 has a score that is not a finite number; the model that made it has diverged',
  });
  t.throws(() => evaluateCoco(groundTruth, broken([0, 0, Infinity, 1], 1)), {
    message: /has a box that is not/,
  });
  const none = resultsOf([]);
  t.throws(() => evaluateCoco(groundTruth, none, {maxDetections: []}), {
    message: /give whole numbers above 0/,
  });
  t.throws(() => evaluateCoco(groundTruth, none, {iouThresholds: [0]}), {message: /above 0 and at most 1/});
  t.throws(() => evaluateCoco(groundTruth, none, {areaRanges: []}), {message: /one is named all/});
});

test('Among objects with equal IoU the last one is taken', t => {
  const twice = [1, 2].map(id => ({id, image: 1, category: 1, box: [0, 0, 10, 10]}) as const);
  const groundTruth = groundTruthOf([1], [1], twice);
  const results = resultsOf([{image: 1, category: 1, box: [0, 0, 10, 10], score: 1}]);
  const pair = makePair(Int32Array.of(0), Int32Array.of(0, 1), boxOverlaps(groundTruth, results));
  t.deepEqual(matchPair(pair, groundTruth, AREA_RANGES[0]!, [0.5]).matches, Int32Array.of(1));
});

test('A detection prefers an object that counts to an ignored one with a larger IoU', t => {
  const groundTruth = groundTruthOf(
    [1],
    [1],
    [
      {id: 1, image: 1, category: 1, box: [0, 0, 10, 10], ignore: true},
      {id: 2, image: 1, category: 1, box: [0, 0, 10, 16]},
    ],
  );
  const results = resultsOf([{image: 1, category: 1, box: [0, 0, 10, 10], score: 1}]);
  const pair = makePair(Int32Array.of(0), Int32Array.of(0, 1), boxOverlaps(groundTruth, results));
  const [all] = AREA_RANGES;
  // IoU with the second is 100 / 160 = 0.625: taken at 0.6, not at 0.65, where the ignored one is left.
  const {order, counted, matches} = matchPair(pair, groundTruth, all!, [0.6, 0.65]);
  t.deepEqual([...order], [1, 0]);
  t.is(counted, 1);
  t.deepEqual([...matches], [1, 0]);
  t.is(outcomeOf(0, 1, groundTruth, results, all!), TRUE_POSITIVE);
  t.is(outcomeOf(0, 0, groundTruth, results, all!), IGNORED);
});
