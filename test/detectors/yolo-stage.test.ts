// Labels, losses and gradients of YOLOv3's stage on predictions made by hand; darknet's yolo layer is stated again in plain
// numbers.
import * as tf from '@tensorflow/tfjs';
import type {ExecutionContext} from 'ava';
import {boxIou} from '../../src/boxes/box.js';
import {sizeIou} from '../../src/boxes/yolo-assignment.js';
import {decodeYolo} from '../../src/boxes/yolo-coder.js';
import {cellsOf, type YoloGrid, yoloGrid} from '../../src/boxes/yolo-grid.js';
import type {YoloStageConfig} from '../../src/config/yolov3.js';
import type {Targets} from '../../src/data/batch.js';
import type {StageLosses} from '../../src/detectors/detector.js';
import {labelPredictions, yoloLosses} from '../../src/detectors/yolo-stage.js';
import type {YoloPredictions} from '../../src/heads/yolo-head.js';
import {Random} from '../../src/random/random.js';
import {ENGINES, testsOn} from '../engines.js';

const test = testsOn(ENGINES);

const CLASSES = 3;
const CANVAS = {width: 32, height: 32};
/** 4 x 4, 2 x 2 and 1 cells, two anchors in the finest ones: 32 + 4 + 1 predictions. */
const grid: YoloGrid = yoloGrid(
  [
    [
      [6, 6],
      [4, 10],
    ],
    [[12, 14]],
    [[26, 24]],
  ],
  CANVAS,
);
const A = grid.predictions;

const darknetStage: YoloStageConfig = {
  sampler: {kind: 'all'},
  classificationLoss: {kind: 'cross-entropy'},
  boxLoss: {kind: 'darknet', entropy: 'included'},
  lossScaling: {kind: 'none'},
  biasInit: {kind: 'zero'},
  scoreThreshold: {kind: 'fixed', theta: 0.005},
};
const samplingFree: YoloStageConfig = {...darknetStage, lossScaling: {kind: 'guided', gain: 1}};
const assignment = {ignoreThreshold: 0.7 as number | null, truthThreshold: 1};
const perImage = {classification: 'images', box: 'images'} as const;

type Model = Parameters<typeof labelPredictions>[0] & Parameters<typeof yoloLosses>[0];
const model = (dense: YoloStageConfig, changes: Partial<Model> = {}): Model => ({
  assignment,
  normaliser: perImage,
  stages: {dense},
  ...changes,
});

/** The finest level's cell at (row, column): (2, 1) holds what is at x 8..16, y 16..24. */
const fine = (row: number, column: number, anchor: number): number => (row * 4 + column) * 2 + anchor;

const targetsOf = (
  ...objects: readonly (readonly [x1: number, y1: number, x2: number, y2: number, cls: number])[]
): Targets => ({
  boxes: Float32Array.from(objects.flatMap(object => object.slice(0, 4))),
  classes: Int32Array.from(objects, object => object[4]),
});

/** [B, A, n] of each, n 4, 1 and C. */
type Logits = {
  readonly boxes: Float32Array;
  readonly objectness: Float32Array;
  readonly classes: Float32Array;
};

function logitsOf(images: number, draw: () => number = () => 0): Logits {
  const make = (n: number) => Float32Array.from({length: images * A * n}, draw);
  return {boxes: make(4), objectness: make(1), classes: make(CLASSES)};
}

function randomLogits(images: number, purpose: string): Logits {
  const random = new Random(9, purpose);
  return logitsOf(images, () => random.normal(0, 0.8));
}

type Case = {
  readonly config: Model;
  readonly targets: readonly Targets[];
  readonly logits: Logits;
  readonly hasObjectness: boolean;
};

function tensorsOf({logits, targets, hasObjectness}: Case): tf.Tensor3D[] {
  const images = targets.length;
  return [
    tf.tensor3d(logits.boxes, [images, A, 4]),
    tf.tensor3d(logits.classes, [images, A, CLASSES]),
    ...(hasObjectness ? [tf.tensor3d(logits.objectness, [images, A, 1])] : []),
  ];
}

function lossesOf({config, targets}: Case, [boxes, classes, objectness]: readonly tf.Tensor[]) {
  const predictions = {boxes, classes, objectness} as YoloPredictions;
  const randomOf = (image: number) => new Random(1, 'sample', 0, image);
  const examples = labelPredictions(config, {grid, targets, predictions, randomOf});
  return {examples, losses: yoloLosses(config, predictions, examples)};
}

/** Values, and gradients of the total with respect to boxes, classes and objectness; nothing is left. */
function evaluate(t: ExecutionContext, input: Case) {
  const before = tf.memory().numTensors;
  const inputs = tensorsOf(input);
  tf.engine().startScope();
  const {examples, losses} = lossesOf(input, inputs);
  for (const scalar of scalarsOf(losses)) tf.keep(scalar);
  tf.engine().endScope();
  const numbers = scalarsOf(losses).map(scalar => scalar.dataSync()[0]!);
  const [classification, box, w, total] = numbers as [number, number, number, number];
  const variables = inputs.map(tensor => tf.variable(tensor));
  const {value, grads} = tf.variableGrads(() => lossesOf(input, variables).losses.total, variables);
  // What no loss depends on has no gradient: the optimizer takes it for 0.
  const [boxes, classes, objectness] = variables.map(
    ({name, size}) => grads[name]?.dataSync<'float32'>().slice() ?? new Float32Array(size),
  );
  tf.dispose([inputs, variables, value, grads, ...scalarsOf(losses)]);
  t.is(tf.memory().numTensors, before);
  return {
    ...{examples, classification, box, w, total},
    ...{counts: [losses.examples, losses.foreground]},
    gradients: {boxes: boxes!, classes: classes!, objectness},
  };
}

const scalarsOf = ({classification, box, w, total}: StageLosses) => [classification, box, w, total];

const close = (actual: number, expected: number, tolerance = 1e-5): boolean =>
  Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected));

const allClose = (actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-5): boolean =>
  actual.length === expected.length &&
  Array.from(actual).every((value, i) => close(value, expected[i]!, tolerance));

test('by hand: logits of 0 and one object', t => {
  // 6 x 6 with its centre at (10, 20): anchor 0 of cell (2, 1), a quarter and half of a cell in.
  const targets = [targetsOf([7, 17, 13, 23, 2])];
  const input = {config: model(darknetStage), targets, logits: logitsOf(1), hasObjectness: true};
  const {classification, box, total, w, counts, examples} = evaluate(t, input);
  t.is(examples.labels[fine(2, 1, 0)], 2);
  t.deepEqual(counts, [A, 1]);
  // Every objectness and, of the one object, three classes at probability 1/2.
  t.true(close(classification, (A + 3) * Math.log(2)));
  // Offsets cost log 2 each whatever they are, sides nothing; the weight is 2 - 36 / 1024.
  t.true(close(box, (2 - 36 / 1024) * 2 * Math.log(2)));
  t.is(w, 1);
  t.true(close(total, classification + box));
});

test('by hand: without objectness every prediction answers for every class', t => {
  const targets = [targetsOf([7, 17, 13, 23, 2])];
  const config = model(samplingFree, {normaliser: {classification: 'foreground', box: 'images'}});
  const input = {config, targets, logits: logitsOf(1), hasObjectness: false};
  const {classification, box, total, w, counts, gradients} = evaluate(t, input);
  t.true(close(classification, A * CLASSES * Math.log(2)));
  t.deepEqual(counts, [A, 1]);
  t.true(close(w * classification, box) && close(total, 2 * box));
  // w (p - y): 1/2 for what is no, -1/2 for the second class of the assigned one.
  const expected = new Float32Array(A * CLASSES).fill(w / 2);
  expected[fine(2, 1, 0) * CLASSES + 1] = -w / 2;
  t.true(allClose(gradients.classes, expected));
});

/** What forward_yolo_layer of darknet puts into delta, of one image: t - p. */
function darknetDeltas(logits: Logits, image: number, {boxes, classes}: Targets): Logits {
  const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));
  const rows = (values: Float32Array, n: number) => values.subarray(image * A * n, (image + 1) * A * n);
  const [box, objectness, classOf] = [
    rows(logits.boxes, 4),
    rows(logits.objectness, 1),
    rows(logits.classes, CLASSES),
  ];
  const delta = logitsOf(1);
  const all = Int32Array.from({length: A}, (_, i) => i);
  const cells = cellsOf(grid, all);
  const predicted = decodeYolo(box, cells);
  for (const p of all) {
    let best = 0;
    for (let g = 0; g < classes.length; g++) best = Math.max(best, boxIou(predicted, p, boxes, g));
    delta.objectness[p] = best > 0.7 ? 0 : -sigmoid(objectness[p]!);
  }
  const seen = new Set<number>();
  for (const [g, cls] of classes.entries()) {
    const [x1, y1, x2, y2] = [...boxes.subarray(4 * g, 4 * g + 4)] as [number, number, number, number];
    const [x, y, width, height] = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1];
    let best = {iou: 0, p: -1};
    for (const p of all) {
      const [left, top, side, aw, ah] = [...cells.subarray(5 * p, 5 * p + 5)] as [
        number,
        number,
        number,
        number,
        number,
      ];
      if (!(x >= left && x < left + side && y >= top && y < top + side)) continue;
      const iou = sizeIou(width, height, aw, ah);
      if (iou > best.iou) best = {iou, p};
    }
    const {p} = best;
    const [left, top, side, aw, ah] = [...cells.subarray(5 * p, 5 * p + 5)] as [
      number,
      number,
      number,
      number,
      number,
    ];
    const scale = 2 - (width * height) / (CANVAS.width * CANVAS.height);
    delta.boxes[4 * p] = scale * ((x - left) / side - sigmoid(box[4 * p]!));
    delta.boxes[4 * p + 1] = scale * ((y - top) / side - sigmoid(box[4 * p + 1]!));
    delta.boxes[4 * p + 2] = scale * (Math.log(width / aw) - box[4 * p + 2]!);
    delta.boxes[4 * p + 3] = scale * (Math.log(height / ah) - box[4 * p + 3]!);
    delta.objectness[p] = 1 - sigmoid(objectness[p]!);
    for (let c = 0; c < CLASSES; c++) {
      const i = p * CLASSES + c;
      if (c === cls - 1) delta.classes[i] = 1 - sigmoid(classOf[i]!);
      else if (!seen.has(p)) delta.classes[i] = -sigmoid(classOf[i]!);
    }
    seen.add(p);
  }
  return delta;
}

test("the gradients on the logits are darknet's, over the images of the batch", t => {
  const targets = [
    // The first three share anchor 0 of cell (2, 1), with classes 2, 1 and 2; the last one goes to the middle level.
    targetsOf([7, 17, 13, 23, 2], [8, 17, 14, 23, 1], [7, 18, 13, 24, 2], [14, 2, 27, 15, 3]),
    targetsOf([1, 1, 29, 27, 1]),
    targetsOf(),
  ];
  const logits = randomLogits(3, 'gradients');
  // Boxes close to an object of another prediction: ignored.
  logits.boxes.set([-1, 0.1, Math.log(6 / 4), Math.log(6 / 10)], 4 * fine(2, 1, 1));
  const {gradients, examples} = evaluate(t, {
    config: model(darknetStage),
    targets,
    logits,
    hasObjectness: true,
  });
  t.is(examples.labels[fine(2, 1, 1)], -1);
  t.is(examples.furtherClasses.length, 1);
  for (const [image, objects] of targets.entries()) {
    const expected = darknetDeltas(logits, image, objects);
    for (const [key, n] of [
      ['boxes', 4],
      ['objectness', 1],
      ['classes', CLASSES],
    ] as const) {
      const actual = gradients[key]!.subarray(image * A * n, (image + 1) * A * n);
      t.true(
        allClose(
          actual.map(g => -3 * g),
          expected[key],
        ),
        `${key} of image ${image}`,
      );
    }
  }
});

test('shared predictions answer yes to several classes without objectness too', t => {
  const targets = [targetsOf([7, 17, 13, 23, 2], [8, 17, 14, 23, 1])];
  const shared = fine(2, 1, 0) * CLASSES;
  for (const classificationLoss of [
    {kind: 'cross-entropy'},
    {kind: 'focal', alpha: 0.25, gamma: 2},
  ] as const) {
    const config = model({...darknetStage, classificationLoss});
    const logits = randomLogits(1, 'shared');
    const {classification} = evaluate(t, {config, targets, logits, hasObjectness: false});
    let expected = 0;
    for (const [i, z] of logits.classes.entries()) {
      if (config.assignment.ignoreThreshold === null) continue;
      const yes = i === shared || i === shared + 1;
      const p = 1 / (1 + Math.exp(-z));
      const right = yes ? p : 1 - p;
      const focal = (yes ? 0.25 : 0.75) * (1 - right) ** 2;
      expected += (classificationLoss.kind === 'focal' ? focal : 1) * -Math.log(right);
    }
    t.true(close(classification, expected, 1e-4), `${classificationLoss.kind} ${classification} ${expected}`);
  }
});

test('by hand: IoU and GIoU of the boxes that logits of 0 make', t => {
  // The anchor in the middle (12, 20) of its cell, 6 x 6, is 2 px aside of the object: they share 4 x 6 of 8 x 6, which is
  // their union and its hull.
  const targets = [targetsOf([7, 17, 13, 23, 2])];
  for (const [kind, expected] of [
    ['iou', Math.log(2)],
    ['giou', 0.5],
  ] as const) {
    const input = {
      config: model({...darknetStage, boxLoss: {kind}}),
      targets,
      logits: logitsOf(1),
      hasObjectness: true,
    };
    const {box, gradients} = evaluate(t, input);
    t.true(close(box, expected), kind);
    const own = fine(2, 1, 0);
    // The box is to move to the left.
    t.true(gradients.boxes[4 * own]! > 0);
    t.true([...gradients.boxes.keys()].every(i => gradients.boxes[i] === 0 || Math.floor(i / 4) === own));
    const none = evaluate(t, {...input, targets: [targetsOf()]});
    t.is(none.box, 0);
  }
});

test('without objects the loss is that of background, and guided scaling has nothing to follow', t => {
  const targets = [targetsOf(), targetsOf()];
  const baseline = evaluate(t, {
    config: model(darknetStage),
    targets,
    logits: logitsOf(2),
    hasObjectness: true,
  });
  t.true(close(baseline.classification, A * Math.log(2)));
  t.deepEqual([baseline.box, ...baseline.counts], [0, 2 * A, 0]);
  t.true(baseline.gradients.boxes.every(g => g === 0) && baseline.gradients.classes.every(g => g === 0));
  const guided = evaluate(t, {
    config: model(samplingFree),
    targets,
    logits: logitsOf(2),
    hasObjectness: false,
  });
  t.deepEqual([guided.box, guided.w, guided.total], [0, 0, 0]);
  t.true(guided.gradients.classes.every(g => g === 0));
});

test('good background is left out of the loss, or trained as background', t => {
  const targets = [targetsOf([7, 17, 13, 23, 2])];
  const logits = logitsOf(1);
  logits.boxes.set([-1, 0, Math.log(6 / 4), Math.log(6 / 10)], 4 * fine(2, 1, 1));
  for (const hasObjectness of [true, false]) {
    const skipped = evaluate(t, {config: model(darknetStage), targets, logits, hasObjectness});
    const config = model(darknetStage, {assignment: {...assignment, ignoreThreshold: null}});
    const trained = evaluate(t, {config, targets, logits, hasObjectness});
    t.deepEqual(
      [skipped.counts, trained.counts],
      [
        [A - 1, 1],
        [A, 1],
      ],
    );
    const questions = hasObjectness ? 1 : CLASSES;
    t.true(close(trained.classification - skipped.classification, questions * Math.log(2)));
  }
});

test('samplers choose among the predictions', t => {
  const targets = [targetsOf([7, 17, 13, 23, 2], [20, 4, 26, 10, 1])];
  const logits = randomLogits(1, 'samplers');
  for (const hasObjectness of [true, false]) {
    for (const kind of ['minibatch-biased', 'ohem', 'iou-balanced'] as const) {
      const sampler =
        kind === 'iou-balanced'
          ? ({kind, n: 8, fraction: 0.5, bins: 3, floor: null, quirks: 'none'} as const)
          : ({kind, n: 8, fraction: 0.5} as const);
      const config = model({...darknetStage, sampler});
      const {counts, classification, examples} = evaluate(t, {config, targets, logits, hasObjectness});
      t.deepEqual(counts, [8, 2], kind);
      t.true(classification > 0);
      if (kind !== 'ohem' || !hasObjectness) continue;
      // Of the background those with the largest objectness logit.
      const background = [...logits.objectness.keys()].filter(i => examples.labels[i] === 0);
      background.sort((a, b) => logits.objectness[b]! - logits.objectness[a]!);
      t.true(background.slice(0, 6).every(i => examples.weights[i] === 1));
    }
  }
});

test('what a sampler leaves out has no class and no box either', t => {
  // One of two objects is kept: n = 2 with half foreground. The second is shared by two classes.
  const targets = [targetsOf([7, 17, 13, 23, 2], [20, 4, 26, 10, 1], [20, 4, 26, 10, 3])];
  const config = model({...darknetStage, sampler: {kind: 'minibatch-biased', n: 2, fraction: 0.5}});
  for (const hasObjectness of [true, false]) {
    const {counts, examples, gradients} = evaluate(t, {config, targets, logits: logitsOf(1), hasObjectness});
    t.deepEqual(counts, [2, 1]);
    const [kept] = examples.foreground;
    const isShared = kept === fine(0, 2, 0);
    t.is(examples.furtherClasses.length, isShared ? 1 : 0);
    t.true([...gradients.boxes.keys()].every(i => gradients.boxes[i] === 0 || Math.floor(i / 4) === kept));
  }
});

testsOn(['cpu'])('the gradients of the total are finite differences', t => {
  const targets = [targetsOf([7, 17, 13, 23, 2], [8, 17, 14, 23, 1]), targetsOf([1, 1, 29, 27, 1])];
  for (const [hasObjectness, boxLoss] of [
    [true, darknetStage.boxLoss],
    [false, {kind: 'giou'}],
  ] as const) {
    const logits = randomLogits(2, 'differences');
    const config = model({...darknetStage, boxLoss}, {assignment: {...assignment, ignoreThreshold: null}});
    const input = {config, targets, logits, hasObjectness};
    const {gradients} = evaluate(t, input);
    const total = () => tf.tidy(() => lossesOf(input, tensorsOf(input)).losses.total.dataSync()[0]!);
    for (const key of hasObjectness
      ? (['boxes', 'classes', 'objectness'] as const)
      : (['boxes', 'classes'] as const)) {
      const values = logits[key];
      for (let i = 0; i < values.length; i += 7) {
        const held = values[i]!;
        const step = 1 / 64;
        values[i] = held + step;
        const above = total();
        values[i] = held - step;
        const below = total();
        values[i] = held;
        t.true(Math.abs((above - below) / (2 * step) - gradients[key]![i]!) < 2e-3, `${key} ${i}`);
      }
    }
  }
});
