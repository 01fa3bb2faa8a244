/** Balanced L1, IoU and GIoU by hand; in stages, what divides them and what trains through them. */
import * as tf from '@tensorflow/tfjs';
import ava from 'ava';
import type {BoxLoss} from '../../src/config/stage.js';
import {termsOfBox} from '../../src/losses/box-loss.js';
import {
  assertEnginesAgree,
  assertGradient,
  floats,
  type Operation,
  type Values,
} from '../engine/ops/agreement.js';
import {ENGINES, testsOn} from '../engines.js';
import {boxLossSum} from './sums.js';

const test = testsOn(ENGINES);

const BALANCED = {kind: 'balanced-l1', alpha: 0.5, gamma: 1.5, beta: 1} as const;
const IOU = {kind: 'iou'} as const;
const GIOU = {kind: 'giou'} as const;

/** Loss and gradient with respect to what is predicted. */
function evaluate(config: BoxLoss, predicted: readonly number[][], target: readonly number[][]) {
  const before = tf.memory().numTensors;
  const result = tf.tidy(() => {
    const wanted = tf.tensor2d(target.flat(), [target.length, 4]);
    const loss = (x: tf.Tensor): tf.Scalar => boxLossSum(config, x as tf.Tensor2D, wanted);
    const {value, grad} = tf.valueAndGrad(loss)(tf.tensor2d(predicted.flat(), [predicted.length, 4]));
    return {value: value.dataSync()[0]!, gradient: [...grad.dataSync()]};
  });
  return {...result, left: tf.memory().numTensors - before};
}

const near = (actual: number, expected: number): boolean =>
  Math.abs(actual - expected) < 2e-6 * Math.max(1, Math.abs(expected));

test('balanced L1 by hand: logarithmic slope inside, gamma outside', t => {
  const {value, gradient, left} = evaluate(BALANCED, [[0.1, -1, 0, -3]], [[0, 0, 0, 0]]);
  const b = Math.exp(3) - 1;
  const inside = (x: number) => (0.5 / b) * (b * x + 1) * Math.log(b * x + 1) - 0.5 * x;
  t.true(near(value, inside(0.1) + inside(1) + 1.5 * 3 + 1.5 / b - 0.5), `${value}`);
  // alpha log(b x + 1): at 1 it is gamma.
  const slopes = [0.5 * Math.log(0.1 * b + 1), -1.5, 0, -1.5];
  t.true(
    gradient.every((slope, i) => near(slope, slopes[i]!)),
    `${gradient}`,
  );
  t.is(left, 0);
});

const TARGET = [0, 0, 10, 10];
const CASES = [
  {what: 'the same box', box: [0, 0, 10, 10], iou: 1, giou: 1},
  {what: 'half of it', box: [5, 0, 15, 10], iou: 1 / 3, giou: 1 / 3},
  {what: 'a quarter inside', box: [0, 0, 5, 5], iou: 1 / 4, giou: 1 / 4},
  // Union 100 + 25 - 6.25, hull 12.5 x 12.5.
  {what: 'a corner', box: [7.5, 7.5, 12.5, 12.5], iou: 6.25 / 118.75, giou: 6.25 / 118.75 - 37.5 / 156.25},
  {what: 'as large beside it', box: [20, 0, 30, 10], iou: 0, giou: -1 / 3},
  {what: 'without area', box: [5, 5, 5, 9], iou: 0, giou: 0},
  {what: 'turned inside out', box: [8, 8, 2, 2], iou: 0, giou: 0},
];

test('IoU and GIoU losses by hand', t => {
  for (const {what, box, iou, giou} of CASES) {
    const ofIou = evaluate(IOU, [box], [TARGET]);
    t.true(near(ofIou.value, -Math.log(Math.max(iou, 1e-6))), `IoU of ${what}: ${ofIou.value}`);
    const ofGiou = evaluate(GIOU, [box], [TARGET]);
    t.true(near(ofGiou.value, 1 - giou), `GIoU of ${what}: ${ofGiou.value}`);
    t.true([...ofIou.gradient, ...ofGiou.gradient].every(Number.isFinite), what);
    t.is(ofIou.left + ofGiou.left, 0);
  }
  const all = CASES.map(({box}) => box);
  const sum = CASES.reduce((total, {giou}) => total + 1 - giou, 0);
  t.true(
    near(
      evaluate(
        GIOU,
        all,
        all.map(() => TARGET),
      ).value,
      sum,
    ),
  );
});

test('a box that does not overlap has no gradient of IoU and one of GIoU that pulls it near', t => {
  t.deepEqual(evaluate(IOU, [[20, 0, 30, 10]], [TARGET]).gradient, [0, 0, 0, 0]);
  // 2 - IoU - union / hull = 2 - (100 + 10 (x2 - x1)) / (10 x2): derivatives 1 / x2, and -1 / x2 + 20 / x2^2, at x2 = 30.
  const {gradient} = evaluate(GIOU, [[20, 0, 30, 10]], [TARGET]);
  t.true(near(gradient[0]!, 1 / 30), `${gradient}`);
  t.true(near(gradient[2]!, -10 / 300 + (200 / 9000) * 1), `${gradient}`);
});

test('without foreground all of them are 0 with an empty gradient', t => {
  for (const config of [BALANCED, IOU, GIOU]) {
    const {value, gradient, left} = evaluate(config, [], []);
    t.is(value, 0);
    t.deepEqual(gradient, []);
    t.is(left, 0);
  }
});

/** Boxes with sides of 2 to 10 around the same place, whose sides lie at halves plus `offset`: never where others do. */
function boxes(rows: number, offset: number): Values {
  const {values, ...rest} = floats([rows, 4], 1);
  return {
    ...rest,
    values: values.map((value, i) => Math.round(4 * value) / 2 + offset + (i % 4 < 2 ? 0 : 6)),
  };
}
const operation =
  (config: BoxLoss): Operation =>
  (predicted, target) =>
    boxLossSum(config, predicted as tf.Tensor2D, target as tf.Tensor2D);

ava.serial('gradients are finite differences, and the engines agree', async t => {
  for (const config of [IOU, GIOU]) {
    const inputs = [boxes(5, 0.25), boxes(5, 0)];
    await assertGradient(t, operation(config), inputs, 1);
    await assertEnginesAgree(t, operation(config), inputs, 1, 3e-6);
  }
  const deltas = [floats([5, 4], 1.5), floats([5, 4], 1.5)];
  await assertGradient(t, operation(BALANCED), deltas, 1);
  await assertEnginesAgree(t, operation(BALANCED), deltas, 1, 3e-6);
});

ava.serial('losses of boxes have one term a box, losses of deltas one a coordinate', t => {
  t.is(termsOfBox(IOU), 1);
  t.is(termsOfBox(GIOU), 1);
  t.is(termsOfBox(BALANCED), 4);
});
