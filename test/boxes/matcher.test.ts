import test from 'ava';
import {pyramidAnchors} from '../../src/boxes/anchors.js';
import {boxIou} from '../../src/boxes/box.js';
import {countMatches, matchAnchors, type Objects} from '../../src/boxes/matcher.js';
import type {MatcherConfig} from '../../src/config/network.js';
import {singlePrecisionIou} from '../../src/engine/host/iou.js';
import {UsageError} from '../../src/errors.js';
import {uniform} from '../fixtures/torchvision/formula.js';
import {readGolden} from '../fixtures/torchvision/golden.js';

const RETINANET = {baseSize: 4, scalesPerOctave: 3, aspectRatios: [0.5, 1, 2], legacyRounding: false};
const MATCHER: MatcherConfig = {foreground: 0.5, background: 0.4, lowQuality: true, ignoreBand: 'skip'};

const objectsOf = (boxes: readonly number[]): Objects => ({
  boxes: Float32Array.from(boxes),
  classes: Int32Array.from({length: boxes.length / 4}, (_, i) => i + 1),
});

const golden = readGolden<{
  readonly cases: readonly {
    readonly name: string;
    readonly canvas?: readonly [number, number];
    readonly anchors?: readonly number[];
    readonly boxes: readonly number[];
    readonly foreground: number;
    readonly background: number;
    readonly lowQuality: boolean;
    readonly positive: readonly number[];
    readonly object: readonly number[];
    readonly ignored: readonly number[];
  }[];
}>('matcher.json');

for (const expected of golden.cases) {
  test(`torchvision's Matcher labels the same anchors: ${expected.name}`, t => {
    const [height, width] = expected.canvas ?? [0, 0];
    const anchors = expected.anchors
      ? Float32Array.from(expected.anchors)
      : pyramidAnchors(RETINANET, {height, width});
    const config: MatcherConfig = {...expected, ignoreBand: 'skip'};
    const {labels, matches} = matchAnchors(anchors, objectsOf(expected.boxes), config);
    const indices = [...labels.keys()];
    const positive = indices.filter(i => labels[i]! > 0);
    t.deepEqual(positive, expected.positive);
    t.deepEqual(
      positive.map(i => matches[i]!),
      expected.object,
    );
    t.true(positive.every(i => labels[i] === matches[i]! + 1));
    t.deepEqual(
      indices.filter(i => labels[i] === -1),
      expected.ignored,
    );
    t.true(indices.every(i => labels[i]! > 0 || matches[i] === -1));
    t.deepEqual(countMatches(anchors, Float32Array.from(expected.boxes), config), {
      foreground: expected.positive.length,
      ignored: expected.ignored.length,
    });
  });
}

// IoU with the object 0, 0, 10, 10 of area 100: 100 / 100, 45 / 100, 20 / 100, 0.
const ladder = Float32Array.of(0, 0, 10, 10, 0, 0, 10, 4.5, 0, 0, 10, 2, 30, 30, 40, 40);
const square = objectsOf([0, 0, 10, 10]);

test('an anchor is foreground, ignored or background by its best IoU', t => {
  const {labels, matches} = matchAnchors(ladder, square, MATCHER);
  t.deepEqual([...labels], [1, -1, 0, 0]);
  t.deepEqual([...matches], [0, -1, -1, -1]);
});

test('the ignore band can be trained as background', t => {
  const config: MatcherConfig = {...MATCHER, ignoreBand: 'negative'};
  t.deepEqual([...matchAnchors(ladder, square, config).labels], [1, 0, 0, 0]);
  t.deepEqual(countMatches(ladder, square.boxes, config), {foreground: 1, ignored: 0});
});

test('an IoU equal to a threshold reaches it', t => {
  const half = Float32Array.of(0, 0, 10, 5, 0, 0, 10, 4, 0, 0, 10, 10);
  t.deepEqual([...matchAnchors(half, square, {...MATCHER, lowQuality: false}).labels], [1, -1, 1]);
});

test('all anchors tied at the best IoU of an object become foreground, however low it is', t => {
  // Two anchors of 10 x 10 hold the object of 2 x 2: IoU 4 / 100. The third holds a quarter of it: 1 / 103.
  const anchors = Float32Array.of(0, 0, 10, 10, 4, 0, 14, 10, 5, 5, 15, 15);
  const small = objectsOf([4, 4, 6, 6]);
  t.deepEqual([...matchAnchors(anchors, small, MATCHER).labels], [1, 1, 0]);
  t.deepEqual([...matchAnchors(anchors, small, {...MATCHER, lowQuality: false}).labels], [0, 0, 0]);
});

test('a low-quality anchor belongs to its own best object, not to the one that enabled it', t => {
  // The only anchor is the best of both objects, IoU 0.09 and 0.25 with 10 x 10: it goes to the second.
  const objects = objectsOf([0, 0, 3, 3, 5, 5, 10, 10]);
  const {labels, matches} = matchAnchors(Float32Array.of(0, 0, 10, 10), objects, MATCHER);
  t.deepEqual([...labels], [2]);
  t.deepEqual([...matches], [1]);
});

test('of objects with the same IoU the first is taken', t => {
  const twins = objectsOf([0, 0, 10, 10, 0, 0, 10, 10]);
  t.deepEqual([...matchAnchors(ladder, twins, MATCHER).matches], [0, -1, -1, -1]);
});

test('an object that no anchor overlaps and one without area enable nothing', t => {
  for (const boxes of [
    [100, 100, 110, 110],
    [5, 5, 5, 5],
    [9, 9, 3, 3],
  ]) {
    t.deepEqual([...matchAnchors(ladder, objectsOf(boxes), MATCHER).labels], [0, 0, 0, 0]);
    t.deepEqual(countMatches(ladder, Float32Array.from(boxes), MATCHER), {foreground: 0, ignored: 0});
  }
});

test('without objects everything is background, without anchors there is nothing', t => {
  t.deepEqual([...matchAnchors(ladder, objectsOf([]), MATCHER).labels], [0, 0, 0, 0]);
  t.is(matchAnchors(new Float32Array(0), square, MATCHER).labels.length, 0);
});

test('thresholds in the wrong order are refused in one line', t => {
  const error = t.throws(() => matchAnchors(ladder, square, {...MATCHER, background: 0.6}), {
    instanceOf: UsageError,
  });
  t.regex(error.message, /background 0\.6 is above foreground 0\.5/);
});

/** The definition, over every pair. */
function matchEveryPair(anchors: Float32Array, {boxes, classes}: Objects, config: MatcherConfig): number[] {
  const iou = (a: number, g: number) =>
    singlePrecisionIou(boxes[4 * g]!, boxes[4 * g + 1]!, boxes[4 * g + 2]!, boxes[4 * g + 3]!, anchors, a);
  const indices = Array.from({length: anchors.length / 4}, (_, a) => a);
  const own = indices.map(a =>
    [...classes.keys()].reduce((best, g) => (iou(a, g) > iou(a, best) ? g : best), 0),
  );
  const labels = indices.map(a => {
    const best = iou(a, own[a]!);
    if (best >= Math.fround(config.foreground)) return classes[own[a]!]!;
    return best >= Math.fround(config.background) && config.ignoreBand === 'skip' ? -1 : 0;
  });
  for (const g of config.lowQuality ? classes.keys() : []) {
    const best = Math.max(...indices.map(a => iou(a, g)));
    for (const a of indices) if (best > 0 && iou(a, g) === best) labels[a] = classes[own[a]!]!;
  }
  return labels;
}

test('the search that passes over distant anchors finds what comparing every pair finds', t => {
  const canvas = {height: 96, width: 128};
  for (const [round, aspectRatios] of [[0.5, 1, 2], [1], [0.2, 1, 5]].entries()) {
    for (const baseSize of [1, 2, 4]) {
      const anchors = pyramidAnchors({...RETINANET, baseSize, aspectRatios}, canvas);
      const sides = round === 1 ? 12 : 90;
      const boxes = uniform(`pairs ${round} ${baseSize}`, 4 * 12, 0, 1).map((u, i, all) => {
        if (i % 4 < 2) return Math.round(u * 100 * 4) / 4;
        return Math.round(all[i - 2]! * 100 * 4) / 4 + 0.25 + Math.round(u * sides * 4) / 4;
      });
      // Corners were made from the untouched uniform numbers of the near corner, so far > near.
      const objects = objectsOf([...boxes]);
      for (const config of [
        MATCHER,
        {...MATCHER, lowQuality: false},
        {...MATCHER, foreground: 0.7, background: 0.3},
      ]) {
        t.deepEqual(
          [...matchAnchors(anchors, objects, config).labels],
          matchEveryPair(anchors, objects, config),
        );
      }
    }
  }
});

test('the anchor that an object is matched to is among those of its highest IoU', t => {
  const anchors = pyramidAnchors(RETINANET, {height: 800, width: 1344});
  const objects = objectsOf([100.5, 200.25, 180.75, 320.5, 700, 300, 703, 304]);
  const {matches} = matchAnchors(anchors, objects, MATCHER);
  for (const g of [0, 1]) {
    let best = 0;
    for (let a = 0; a < anchors.length / 4; a++) best = Math.max(best, boxIou(anchors, a, objects.boxes, g));
    const own = [...matches.keys()].filter(a => matches[a] === g);
    t.true(Math.max(...own.map(a => boxIou(anchors, a, objects.boxes, g))) > best - 1e-6);
  }
});

test('201,600 anchors and 100 objects are matched in bounded time and memory', t => {
  const anchors = pyramidAnchors(RETINANET, {height: 800, width: 1344});
  for (const count of [10, 100]) {
    const boxes = uniform(`time ${count}`, 4 * count, 0, 1).map((u, i, all) => {
      if (i % 4 < 2) return u * 700;
      return all[i - 2]! * 700 + 8 + 400 * u * u;
    });
    const objects = objectsOf([...boxes]);
    matchAnchors(anchors, objects, MATCHER);
    const start = performance.now();
    for (let i = 0; i < 5; i++) matchAnchors(anchors, objects, MATCHER);
    const matching = (performance.now() - start) / 5;
    const startCounting = performance.now();
    for (let i = 0; i < 5; i++) countMatches(anchors, objects.boxes, MATCHER);
    const counting = (performance.now() - startCounting) / 5;
    t.log(`${count} objects: matchAnchors ${matching.toFixed(1)} ms, countMatches ${counting.toFixed(1)} ms`);
    t.true(matching < 500);
  }
});
