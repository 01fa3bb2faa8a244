import test from 'ava';
import {boxIou} from '../../../src/boxes/box.js';
import {classwiseNms, nonMaximumSuppression} from '../../../src/engine/host/nms.js';
import {uniform} from '../../fixtures/torchvision/formula.js';
import {readGolden} from '../../fixtures/torchvision/golden.js';

type GoldenCase = {
  readonly name: string;
  readonly boxes: readonly number[];
  readonly scores: readonly number[];
  readonly threshold: number;
  readonly kept: readonly number[];
};
const golden = readGolden<{
  readonly cases: readonly GoldenCase[];
  readonly batched: GoldenCase & {readonly classes: readonly number[]};
}>('nms.json');

for (const {name, boxes, scores, threshold, kept} of golden.cases) {
  test(`torchvision's nms keeps the same boxes in the same order: ${name}`, t => {
    const mine = nonMaximumSuppression(Float32Array.from(boxes), Float32Array.from(scores), threshold);
    t.deepEqual([...mine], kept);
  });
}

test("torchvision's batched_nms keeps the same boxes in the same order", t => {
  const {boxes, scores, classes, threshold, kept} = golden.batched;
  const mine = classwiseNms(
    Float32Array.from(boxes),
    Float32Array.from(scores),
    Int32Array.from(classes),
    threshold,
    1000,
  );
  t.deepEqual([...mine], kept);
});

// IoU of the first two: 8 x 10 of 12 x 10, two thirds; the third lies apart.
const three = Float32Array.of(0, 0, 10, 10, 2, 0, 12, 10, 50, 50, 60, 60);

test('the better of two overlapping boxes stays', t => {
  t.deepEqual([...nonMaximumSuppression(three, Float32Array.of(0.5, 0.9, 0.1), 0.5)], [1, 2]);
});

test('an IoU equal to the threshold does not suppress', t => {
  const halves = Float32Array.of(0, 0, 10, 10, 0, 0, 10, 5);
  t.is(boxIou(halves, 0, halves, 1), 0.5);
  t.deepEqual([...nonMaximumSuppression(halves, Float32Array.of(1, 0.5), 0.5)], [0, 1]);
  t.deepEqual([...nonMaximumSuppression(halves, Float32Array.of(1, 0.5), 0.49)], [0]);
});

test('equal scores keep their order, and of equal boxes the first stays', t => {
  const twins = Float32Array.of(0, 0, 4, 4, 0, 0, 4, 4, 9, 9, 12, 12);
  t.deepEqual([...nonMaximumSuppression(twins, Float32Array.of(0.5, 0.5, 0.5), 0.5)], [0, 2]);
});

test('boxes of other classes do not suppress, and the result falls by score over all classes', t => {
  const scores = Float32Array.of(0.5, 0.9, 0.7);
  t.deepEqual([...classwiseNms(three, scores, Int32Array.of(1, 2, 1), 0.5, 10)], [1, 2, 0]);
  t.deepEqual([...classwiseNms(three, scores, Int32Array.of(1, 1, 1), 0.5, 10)], [1, 2]);
});

test('the limit keeps the best', t => {
  const scores = Float32Array.of(0.5, 0.9, 0.7);
  t.deepEqual([...nonMaximumSuppression(three, scores, 0.9, 2)], [1, 2]);
  t.deepEqual([...classwiseNms(three, scores, Int32Array.of(1, 2, 3), 0.5, 1)], [1]);
  t.is(classwiseNms(three, scores, Int32Array.of(1, 2, 3), 0.5, 0).length, 0);
});

test('no boxes, boxes without area and scores that are no numbers are survived', t => {
  t.is(nonMaximumSuppression(new Float32Array(0), new Float32Array(0), 0.5).length, 0);
  t.is(classwiseNms(new Float32Array(0), new Float32Array(0), new Int32Array(0), 0.5, 100).length, 0);
  const points = Float32Array.of(1, 1, 1, 1, 1, 1, 1, 1);
  t.deepEqual([...nonMaximumSuppression(points, Float32Array.of(0.1, 0.2), 0.5)], [1, 0]);
  const scores = Float32Array.of(Number.NaN, 0.9, Number.POSITIVE_INFINITY);
  t.deepEqual([...nonMaximumSuppression(three, scores, 0.5)], [2, 1]);
});

test('what is kept does not overlap, and what is not overlaps a better one', t => {
  const boxes = uniform('nms invariant', 4 * 300, 0, 40).map((value, i, all) =>
    i % 4 < 2 ? value : all[i - 2]! + value,
  );
  const scores = uniform('nms invariant scores', 300, 0, 1);
  const kept = [...nonMaximumSuppression(boxes, scores, 0.3)];
  for (const [position, i] of kept.entries()) {
    t.true(kept.slice(0, position).every(better => boxIou(boxes, i, boxes, better) <= 0.3 + 1e-6));
  }
  for (let i = 0; i < 300; i++) {
    const covered = kept.some(
      better => scores[better]! >= scores[i]! && boxIou(boxes, i, boxes, better) > 0.3 - 1e-6,
    );
    t.true(kept.includes(i) || covered);
  }
});
