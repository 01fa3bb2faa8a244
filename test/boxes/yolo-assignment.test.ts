import test from 'ava';
import {boxIou} from '../../src/boxes/box.js';
import type {Objects} from '../../src/boxes/matcher.js';
import {
  assignedPredictions,
  matchPredictions,
  overlappingPredictions,
  sizeIou,
} from '../../src/boxes/yolo-assignment.js';
import {decodeYolo} from '../../src/boxes/yolo-coder.js';
import {cellsOf, levelCount, type YoloAnchors, yoloGrid} from '../../src/boxes/yolo-grid.js';
import {Random} from '../../src/random/random.js';

/** darknet's, cfg/yolov3.cfg. */
const ANCHORS: YoloAnchors = [
  [
    [10, 13],
    [16, 30],
    [33, 23],
  ],
  [
    [30, 61],
    [62, 45],
    [59, 119],
  ],
  [
    [116, 90],
    [156, 198],
    [373, 326],
  ],
];

const CANVAS = {width: 64, height: 96};
const rule = {ignoreThreshold: 0.7, truthThreshold: 1};

const box = (cx: number, cy: number, width: number, height: number) => [
  cx - width / 2,
  cy - height / 2,
  cx + width / 2,
  cy + height / 2,
];

const objectsOf = (...list: readonly {readonly at: readonly number[]; readonly cls: number}[]): Objects => ({
  boxes: Float32Array.from(list.flatMap(({at}) => [...at])),
  classes: Int32Array.from(list, ({cls}) => cls),
});

test('a canvas of 608 has 22743 predictions, one of 416 has 10647', t => {
  t.is(yoloGrid(ANCHORS, {width: 608, height: 608}).predictions, 22743);
  t.is(yoloGrid(ANCHORS, {width: 416, height: 416}).predictions, 10647);
});

test('predictions are numbered by level, row, column and anchor', t => {
  const grid = yoloGrid(ANCHORS, CANVAS);
  // 12 x 8, 6 x 4 and 3 x 2 cells of three anchors.
  t.deepEqual(grid.levels.map(levelCount), [288, 72, 18]);
  t.deepEqual(
    grid.levels.map(level => level.start),
    [0, 288, 360],
  );
  // Row 2, column 3, anchor 1 of the finest map; row 5, column 0, anchor 2 of the second; the last prediction of all.
  const cells = cellsOf(grid, Int32Array.of((2 * 8 + 3) * 3 + 1, 288 + 5 * 4 * 3 + 2, 377));
  t.deepEqual([...cells], [24, 16, 8, 16, 30, 0, 80, 16, 59, 119, 32, 64, 32, 373, 326]);
});

test('levels may have different numbers of anchors, or none', t => {
  const grid = yoloGrid(
    [
      [[10, 13]],
      [],
      [
        [116, 90],
        [156, 198],
      ],
    ],
    CANVAS,
  );
  t.deepEqual(grid.levels.map(levelCount), [96, 0, 12]);
  t.deepEqual(
    [...cellsOf(grid, Int32Array.of(95, 96, 107))],
    [56, 88, 8, 10, 13, 0, 0, 32, 116, 90, 32, 64, 32, 156, 198],
  );
  // 30 x 60 fits 116 x 90 better than 10 x 13: 1800 / 10440 against 130 / 1800.
  t.deepEqual([...assignedPredictions(grid, Float32Array.from(box(40, 40, 30, 60)))], [96 + (1 * 2 + 1) * 2]);
});

test('sizes are compared with a common centre', t => {
  t.is(sizeIou(10, 20, 20, 10), 100 / 300);
  t.is(sizeIou(4, 4, 8, 8), 0.25);
});

test('an object goes to the anchor that fits its size, in the cell of its centre', t => {
  const grid = yoloGrid(ANCHORS, CANVAS);
  const at = (boxes: readonly number[]) => [...assignedPredictions(grid, Float32Array.from(boxes))];
  // 16 x 28 is nearest to 16 x 30 (anchor 1 of stride 8); (29, 45) lies in row 5, column 3.
  t.deepEqual(at(box(29, 45, 16, 28)), [(5 * 8 + 3) * 3 + 1]);
  // 60 x 50 is nearest to 62 x 45 (anchor 1 of stride 16); (33, 50) lies in row 3, column 2.
  t.deepEqual(at(box(33, 50, 60, 50)), [288 + (3 * 4 + 2) * 3 + 1]);
  // Exactly on the border of two cells: the later one. On the border of the canvas: the last one.
  t.deepEqual(at(box(32, 32, 10, 13)), [(4 * 8 + 4) * 3]);
  t.deepEqual(at(box(64, 96, 10, 13)), [(11 * 8 + 7) * 3]);
  t.deepEqual(at([...box(10, 10, 0, 20), ...box(10, 10, 10, 13)]), [-1, (1 * 8 + 1) * 3]);
});

test('of two anchors that fit equally well the first is taken', t => {
  const grid = yoloGrid(
    [
      [
        [10, 20],
        [20, 10],
      ],
      [],
      [],
    ],
    CANVAS,
  );
  t.deepEqual([...assignedPredictions(grid, Float32Array.from(box(4, 4, 10, 10)))], [0]);
});

test('objects that share a prediction: box and label of the last, the classes of all', t => {
  const grid = yoloGrid(ANCHORS, CANVAS);
  const objects = objectsOf(
    {at: box(29, 45, 16, 28), cls: 2},
    {at: box(27, 41, 15, 30), cls: 5},
    {at: box(30, 44, 16, 31), cls: 2},
    {at: box(28, 44, 16, 29), cls: 3},
  );
  const {labels, matches, furtherClasses} = matchPredictions(grid, objects, rule, undefined);
  const shared = (5 * 8 + 3) * 3 + 1;
  t.is(labels[shared], 3);
  t.is(matches[shared], 3);
  t.deepEqual(furtherClasses, [
    {prediction: shared, classNumber: 2},
    {prediction: shared, classNumber: 5},
  ]);
  t.is(labels.filter(label => label !== 0).length, 1);
  t.is(matches.filter(match => match >= 0).length, 1);
});

/** Logits whose boxes are the anchors in the middle of their cells, but for some predictions. */
function logitsWith(predictions: number, own: Readonly<Record<number, readonly number[]>>): Float32Array {
  const logits = new Float32Array(4 * predictions);
  for (const [prediction, values] of Object.entries(own)) logits.set(values, 4 * Number(prediction));
  return logits;
}

test('background whose box is good is ignored; the assigned prediction never is', t => {
  const grid = yoloGrid(ANCHORS, CANVAS);
  const objects = objectsOf({at: box(28, 44, 16, 30), cls: 4});
  const assigned = (5 * 8 + 3) * 3 + 1;
  // Logits of 0 make the anchor in the middle of its cell, which for this object is the object itself; the neighbour to the
  // right makes the same box 8 px aside: IoU 8 / 24. Anchor 2 of its own cell, 33 x 23, becomes 16 x 30 by its logits.
  const good = [0, 0, Math.log(16 / 33), Math.log(30 / 23)];
  const logits = logitsWith(grid.predictions, {[assigned + 1]: good});
  const {labels, matches} = matchPredictions(grid, objects, rule, logits);
  t.is(labels[assigned], 4);
  t.is(labels[assigned + 1], -1);
  t.is(labels[assigned + 3], 0);
  t.is(matches[assigned + 1], -1);
  t.deepEqual([...new Set(labels)].sort(), [-1, 0, 4]);
  t.is(labels.filter(label => label === -1).length, 1);
});

test('the threshold is exceeded, not reached', t => {
  const grid = yoloGrid(ANCHORS, CANVAS);
  // 10 x 13 against an object of the same centre and 20 x 13: IoU exactly 1/2.
  const boxes = Float32Array.from(box(20, 20, 20, 13));
  const found = (threshold: number) =>
    overlappingPredictions(grid, logitsWith(grid.predictions, {}), boxes, threshold).predictions;
  const prediction = (2 * 8 + 2) * 3;
  t.true(found(0.4999).includes(prediction));
  t.false(found(0.5).includes(prediction));
});

test('beyond the truth threshold a prediction learns the object that it overlaps most', t => {
  const grid = yoloGrid(ANCHORS, CANVAS);
  const objects = objectsOf({at: box(28, 44, 16, 30), cls: 4}, {at: box(30, 44, 18, 30), cls: 1});
  const assigned = (5 * 8 + 3) * 3 + 1;
  const good = [0, 0, Math.log(16 / 33), Math.log(30 / 23)];
  const logits = logitsWith(grid.predictions, {[assigned + 1]: good});
  const {labels, matches, furtherClasses} = matchPredictions(
    grid,
    objects,
    {ignoreThreshold: 0.7, truthThreshold: 0.9},
    logits,
  );
  t.deepEqual([labels[assigned + 1], matches[assigned + 1]], [4, 0]);
  // The two objects share the assigned prediction; the second one is the last.
  t.deepEqual([labels[assigned], matches[assigned]], [1, 1]);
  t.deepEqual(furtherClasses, [{prediction: assigned, classNumber: 4}]);
});

test('without the ignore rule every other prediction is background', t => {
  const grid = yoloGrid(ANCHORS, CANVAS);
  const objects = objectsOf({at: box(28, 44, 16, 30), cls: 4});
  const {labels} = matchPredictions(grid, objects, {ignoreThreshold: null, truthThreshold: 1}, undefined);
  t.is(labels.filter(label => label === 0).length, grid.predictions - 1);
});

test('an image without objects is background', t => {
  const grid = yoloGrid(ANCHORS, CANVAS);
  const {labels} = matchPredictions(grid, objectsOf(), rule, logitsWith(grid.predictions, {}));
  t.true(labels.every(label => label === 0));
});

for (const threshold of [0.2, 0.5, 0.7, 0.95]) {
  test(`looking around objects alone finds what comparing all pairs finds, at IoU ${threshold}`, t => {
    const random = new Random(1, `overlaps at ${threshold}`);
    const grid = yoloGrid(ANCHORS, {width: 224, height: 160});
    const all = Int32Array.from({length: grid.predictions}, (_, i) => i);
    const logits = Float32Array.from({length: 4 * grid.predictions}, () => random.normal(0, 0.7));
    const boxes = Float32Array.from(
      Array.from({length: 12}, () =>
        box(random.uniform(0, 224), random.uniform(0, 160), random.uniform(4, 200), random.uniform(4, 150)),
      ).flat(),
    );
    const predicted = decodeYolo(logits, cellsOf(grid, all));
    const expected = new Map<number, number>();
    for (const prediction of all) {
      let best = 0;
      for (let g = 0; 4 * g < boxes.length; g++) {
        const iou = boxIou(predicted, prediction, boxes, g);
        if (iou > threshold && iou > best) {
          best = iou;
          expected.set(prediction, g);
        }
      }
    }
    const found = overlappingPredictions(grid, logits, boxes, threshold);
    t.deepEqual(
      [...found.predictions].map((p, i) => [p, found.objects[i]!]).sort((a, b) => a[0]! - b[0]!),
      [...expected],
    );
    t.true(threshold > 0.9 || expected.size > 3);
  });
}

test('boxes that have become infinite or NaN overlap nothing', t => {
  const grid = yoloGrid(ANCHORS, CANVAS);
  const boxes = Float32Array.from(box(28, 44, 16, 30));
  const logits = new Float32Array(4 * grid.predictions).fill(1000);
  t.is(overlappingPredictions(grid, logits, boxes, 0.1).predictions.length, 0);
  t.is(overlappingPredictions(grid, logits.fill(Number.NaN), boxes, 0.1).predictions.length, 0);
});
