/** PASCAL VOC's rules on scenes small enough to work by hand, and against the definition read literally. */
import test from 'ava';
import fc from 'fast-check';
import {UsageError} from '../../src/errors.js';
import type {VocGroundTruth, VocResults} from '../../src/evaluate/voc-data.js';
import {evaluateVoc, type VocClassEvaluation} from '../../src/evaluate/voc-eval.js';
import {formatVocStats, vocStatsJson} from '../../src/evaluate/voc-text.js';

type Box = readonly [xmin: number, ymin: number, xmax: number, ymax: number];
type Thing = {
  readonly image?: number;
  readonly class?: number;
  readonly box: Box;
  readonly difficult?: boolean;
};
type Found = {readonly image?: number; readonly class?: number; readonly box: Box; readonly score: number};

function groundTruthOf(objects: readonly Thing[], classNames = ['cat', 'dog']): VocGroundTruth {
  return {
    classNames,
    imageNames: ['a', 'b', 'c'],
    imageIds: [1, 2, 3],
    imageOf: Int32Array.from(objects, ({image}) => image ?? 0),
    classOf: Int32Array.from(objects, thing => thing.class ?? 0),
    boxes: Float64Array.from(objects.flatMap(({box}) => box)),
    difficult: Uint8Array.from(objects, ({difficult}) => Number(difficult ?? false)),
  };
}

function resultsOf(found: readonly Found[]): VocResults {
  return {
    imageOf: Int32Array.from(found, ({image}) => image ?? 0),
    classOf: Int32Array.from(found, thing => thing.class ?? 0),
    boxes: Float64Array.from(found.flatMap(({box}) => box)),
    scores: Float64Array.from(found, ({score}) => score),
  };
}

/** Recall and precision of class 0 after each detection at an IoU above 0.5. */
function curve(objects: readonly Thing[], found: readonly Found[]) {
  const {recall, precision, ap07, ap} = evaluateVoc(groundTruthOf(objects), resultsOf(found)).classes[0]!
    .curves[0]!;
  return {recall: [...recall], precision: [...precision], ap07, ap};
}

const TEN: Box = [1, 1, 10, 10]; // 10 x 10 pixels
const AWAY: Box = [101, 101, 110, 110];

test('an overlap of exactly the threshold is no hit, one pixel more is; widths count both corners', t => {
  // 10 x 10 in 10 x 20: 100 / 200.
  t.deepEqual(curve([{box: TEN}], [{box: [1, 1, 10, 20], score: 1}]).recall, [0]);
  // 100 / 190. By width = xmax - xmin it would be 81 / 162, no hit.
  t.deepEqual(curve([{box: TEN}], [{box: [1, 1, 10, 19], score: 1}]).recall, [1]);
  // One pixel on itself has IoU 1.
  t.deepEqual(curve([{box: [5, 5, 5, 5]}], [{box: [5, 5, 5, 5], score: 1}]).recall, [1]);
});

test('the best overlap decides even where it is taken: there is no second choice', t => {
  // The second detection overlaps the first object by 90 / 110 and the second by 80 / 120, a hit if it were asked.
  const objects = [{box: TEN}, {box: [4, 1, 13, 10] as Box}];
  const found = [
    {box: TEN, score: 0.9},
    {box: [2, 1, 11, 10] as Box, score: 0.8},
  ];
  t.deepEqual(curve(objects, found).recall, [0.5, 0.5]);
  t.deepEqual(curve(objects, found).precision, [1, 0.5]);
});

test('of equal overlaps the first object is taken', t => {
  const objects = [{box: TEN, difficult: true}, {box: TEN}];
  t.deepEqual(
    curve(objects, [{box: TEN, score: 1}]).recall,
    [0],
    'the first is difficult: neither hit nor miss',
  );
  t.deepEqual(curve(objects.toReversed(), [{box: TEN, score: 1}]).recall, [1]);
});

test('a difficult object is neither hit nor miss, any number of times, and is not to be found', t => {
  const objects = [{box: TEN, difficult: true}, {box: AWAY}];
  const found = [
    {box: TEN, score: 0.9},
    {box: TEN, score: 0.8},
    {box: AWAY, score: 0.7},
  ];
  const {recall, precision, ap07, ap} = curve(objects, found);
  t.deepEqual(
    [recall, precision],
    [
      [0, 0, 1],
      [0, 0, 1],
    ],
  );
  t.true(Math.abs(ap07 - 1) < 1e-15);
  t.is(ap, 1);
});

test('an object of another image or class is no match', t => {
  t.deepEqual(curve([{box: TEN, image: 1}], [{box: TEN, score: 1}]).recall, [0]);
  t.deepEqual(curve([{box: TEN}, {box: AWAY, class: 1}], [{box: AWAY, score: 1}]).recall, [0]);
});

test('of equal scores the earlier row comes first', t => {
  const found = [
    {box: AWAY, score: 0.5},
    {box: TEN, score: 0.5},
  ];
  t.deepEqual(curve([{box: TEN}], found).precision, [0, 0.5]);
  t.deepEqual(curve([{box: TEN}], found.toReversed()).precision, [1, 0.5]);
});

test('a recall of 3 / 10 does not reach the fourth point, which is 0.30000000000000004', t => {
  const objects = Array.from({length: 10}, (_, i): Thing => ({box: [1, 20 * i + 1, 10, 20 * i + 10]}));
  const found = objects.slice(0, 3).map(({box}, i) => ({box, score: 1 - i / 10}));
  const {ap07, ap} = curve(objects, found);
  // Points 0, 0.1 and 0.2 of eleven; area 3 / 10.
  t.true(Math.abs(ap07 - 3 / 11) < 1e-15);
  t.true(Math.abs(ap - 0.3) < 1e-15);
});

test('without objects to find: recall NaN, AP07 0, area NaN with detections and 0 without, in no mean', t => {
  const only = (objects: readonly Thing[], found: readonly Found[]) =>
    evaluateVoc(groundTruthOf(objects), resultsOf(found));
  const difficult = only(
    [
      {box: TEN, difficult: true},
      {box: TEN, class: 1},
    ],
    [{box: AWAY, score: 1}],
  );
  const [cat, dog] = difficult.classes;
  t.deepEqual([...cat!.curves[0]!.recall], [Number.NaN]);
  t.deepEqual([cat!.curves[0]!.ap07, cat!.curves[0]!.ap], [0, Number.NaN]);
  t.deepEqual([dog!.curves[0]!.ap07, dog!.curves[0]!.ap, dog!.positives], [0, 0, 1]);
  t.deepEqual(difficult.leftOut, ['cat']);
  t.deepEqual(difficult.means[0], {iouThreshold: 0.5, ap07: 0, ap: 0});
  const nothing = only([], []);
  t.is(nothing.classes[0]!.curves[0]!.ap, 0);
  t.deepEqual(nothing.means[0], {iouThreshold: 0.5, ap07: Number.NaN, ap: Number.NaN});
  t.deepEqual(vocStatsJson(nothing).means[0], {iouThreshold: 0.5, ap07: null, ap: null});
});

test('a threshold that is no part of an overlap is refused', t => {
  for (const threshold of [1, -0.1, Number.NaN]) {
    t.throws(() => evaluateVoc(groundTruthOf([]), resultsOf([]), {iouThresholds: [threshold]}), {
      instanceOf: UsageError,
      message: `an IoU threshold of VOC is from 0 to below 1, not ${threshold}`,
    });
  }
});

const anyBox: fc.Arbitrary<Box> = fc
  .tuple(fc.nat({max: 4}), fc.nat({max: 4}), fc.integer({min: 0, max: 7}), fc.integer({min: 0, max: 7}))
  .map(([x, y, width, height]) => [2 * x + 1, 2 * y + 1, 2 * x + 1 + width, 2 * y + 1 + height]);
const anyPlace = {image: fc.nat({max: 2}), class: fc.nat({max: 1}), box: anyBox};
const anyObjects = fc.array(fc.record({...anyPlace, difficult: fc.nat({max: 4}).map(dice => dice === 0)}), {
  maxLength: 10,
});
const anyFound = fc
  .array(fc.record(anyPlace), {maxLength: 14})
  .chain(found =>
    fc
      .shuffledSubarray([...found.keys()], {minLength: found.length})
      .map(ranks => found.map((one, i): Found => ({...one, score: 1 / (1 + ranks[i]!)}))),
  );

/** The definition, word for word and without a thought for speed; scores differ. */
function literal(objects: readonly Thing[], found: readonly Found[], threshold: number) {
  const mine = objects.filter(thing => thing.class === 0);
  const npos = mine.filter(({difficult}) => difficult !== true).length;
  const taken = new Set<Thing>();
  const hits: number[] = [];
  const misses: number[] = [];
  for (const {image, box} of found.filter(one => one.class === 0).sort((a, b) => b.score - a.score)) {
    const overlaps = mine
      .filter(thing => thing.image === image)
      .map(thing => ({thing, overlap: iou(thing.box, box)}));
    const largest = Math.max(...overlaps.map(({overlap}) => overlap));
    const best = overlaps.find(({overlap}) => overlap === largest);
    const hit = best !== undefined && best.overlap > threshold ? best.thing : undefined;
    hits.push(hit !== undefined && hit.difficult !== true && !taken.has(hit) ? 1 : 0);
    misses.push(hit === undefined || taken.has(hit) ? 1 : 0);
    if (hit !== undefined && hit.difficult !== true) taken.add(hit);
  }
  const sumTo = (values: readonly number[], end: number) =>
    values.slice(0, end + 1).reduce((a, b) => a + b, 0);
  const recall = hits.map((_, i) => sumTo(hits, i) / npos);
  const precision = hits.map(
    (_, i) => sumTo(hits, i) / Math.max(sumTo(hits, i) + sumTo(misses, i), 2 ** -52),
  );
  const bestFrom = (r: number) => Math.max(0, ...precision.filter((_, i) => recall[i]! >= r));
  let ap07 = 0;
  for (let i = 0; i <= 10; i++) ap07 += bestFrom(i * 0.1) / 11;
  const area = [...new Set(recall)].reduce(
    (sum, r, i, all) => sum + (r - (all[i - 1] ?? 0)) * bestFrom(r),
    0,
  );
  return {recall, precision, ap07, ap: npos === 0 && hits.length > 0 ? Number.NaN : area};
}

function iou(a: Box, b: Box): number {
  const overlap = (low: 0 | 1) =>
    Math.max(0, Math.min(a[low + 2]!, b[low + 2]!) - Math.max(a[low]!, b[low]!) + 1);
  const area = (box: Box) => (box[2] - box[0] + 1) * (box[3] - box[1] + 1);
  const intersection = overlap(0) * overlap(1);
  return intersection / (area(a) + area(b) - intersection);
}

test('any scene gives what the definition says', t => {
  fc.assert(
    fc.property(anyObjects, anyFound, fc.constantFrom(0, 0.3, 0.5, 0.75), (objects, found, threshold) => {
      const {classes} = evaluateVoc(groundTruthOf(objects), resultsOf(found), {iouThresholds: [threshold]});
      const expected = literal(objects, found, threshold);
      const actual = classes[0]!.curves[0]!;
      t.deepEqual([...actual.recall], expected.recall);
      t.deepEqual([...actual.precision], expected.precision);
      if (Number.isNaN(expected.ap)) t.is(actual.ap, Number.NaN);
      else t.true(Math.abs(actual.ap - expected.ap) < 1e-12);
      t.true(Math.abs(actual.ap07 - expected.ap07) < 1e-12);
    }),
    {numRuns: 300},
  );
});

test('the order of images, objects of different images and rows changes nothing while scores differ', t => {
  const figures = ({curves, scores}: VocClassEvaluation) => [curves, scores];
  fc.assert(
    fc.property(anyObjects, anyFound, (objects, found) => {
      const forward = evaluateVoc(groundTruthOf(objects), resultsOf(found)).classes.map(figures);
      const turn = <T extends Thing>(things: readonly T[]) =>
        things.map(thing => ({...thing, image: 2 - (thing.image ?? 0)})).sort((a, b) => a.image - b.image);
      const backward = evaluateVoc(groundTruthOf(turn(objects)), resultsOf(turn(found).toReversed()));
      t.deepEqual(backward.classes.map(figures), forward);
    }),
    {numRuns: 200},
  );
});

test('AP does not fall when a false positive is removed', t => {
  fc.assert(
    fc.property(anyObjects, anyFound, (objects, found) => {
      const {classes} = evaluateVoc(groundTruthOf(objects), resultsOf(found));
      const {scores, curves, positives} = classes[0]!;
      const {recall, precision} = curves[0]!;
      // Precision falls where a detection is a false positive; at 0 it cannot, so look for the first fall.
      const miss = precision.findIndex(
        (value, d) => d > 0 && value < precision[d - 1]! && recall[d] === recall[d - 1],
      );
      if (positives === 0 || miss < 0) return;
      const fewer = found.filter(one => one.class !== 0 || one.score !== scores[miss]);
      const after = evaluateVoc(groundTruthOf(objects), resultsOf(fewer)).classes[0]!.curves[0]!;
      t.true(after.ap >= curves[0]!.ap - 1e-12);
      t.true(after.ap07 >= curves[0]!.ap07 - 1e-12);
    }),
    {numRuns: 300},
  );
});

test('the table names the metric, says which classes are in no mean and leaves out empty rows', t => {
  const groundTruth = groundTruthOf(
    [{box: TEN}, {box: AWAY}, {box: TEN, class: 2, difficult: true}],
    ['cat', 'dog', 'eel'],
  );
  const text = formatVocStats(evaluateVoc(groundTruth, resultsOf([{box: TEN, score: 1}])));
  t.is(
    text,
    [
      '                                   IoU  value',
      'mean AP07 (VOC2007, 11 points)  > 0.50  0.545',
      'mean AP (VOC2010 on, area)      > 0.50  0.500',
      'mean AP07 (VOC2007, 11 points)  > 0.75  0.545',
      'mean AP (VOC2010 on, area)      > 0.75  0.500',
      'means over 1 of 3 classes; no objects to find: dog, eel',
      '',
      'class  AP07@50  AP@50  AP07@75  AP@75  recall@50  objects  difficult  detections',
      'cat      0.545  0.500    0.545  0.500      0.500        2          0           1',
      'eel          -      -        -      -          -        0          1           0',
      '',
    ].join('\n'),
  );
});
