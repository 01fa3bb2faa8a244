import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {nonMaximumSuppression, classwiseNms as onHost} from '../../../src/engine/host/nms.js';
import {classwiseNms, type NmsOptions, nms} from '../../../src/engine/ops/nms.js';
import {ENGINES} from '../../engines.js';
import {readGolden} from '../../fixtures/torchvision/golden.js';
import {onEngine, random} from './agreement.js';

type GoldenCase = {boxes: number[]; scores: number[]; threshold: number; kept: number[]};
const golden = readGolden<{cases: GoldenCase[]; batched: GoldenCase & {classes: number[]}}>('nms.json');

/** NMS of plain numbers, per class where there are classes. */
function kept(
  boxes: ArrayLike<number>,
  scores: ArrayLike<number>,
  options: NmsOptions,
  classes?: ArrayLike<number>,
) {
  return tf.tidy(() => {
    const boxTensor = tf.tensor2d(Float32Array.from(boxes), [scores.length, 4]);
    const scoreTensor = tf.tensor1d(Float32Array.from(scores));
    const result =
      classes === undefined
        ? nms(boxTensor, scoreTensor, options)
        : classwiseNms(boxTensor, scoreTensor, tf.tensor1d(Int32Array.from(classes), 'int32'), options);
    return [...result.dataSync()];
  });
}

// IoU of the first two: 8 x 10 of 12 x 10, two thirds; the third lies apart.
const three = [0, 0, 10, 10, 2, 0, 12, 10, 50, 50, 60, 60];
const half = {iouThreshold: 0.5};

for (const engine of ENGINES) {
  test.serial(
    `torchvision's nms and batched_nms keep the same boxes in the same order on ${engine}`,
    async t => {
      for (const {boxes, scores, threshold, kept: expected} of golden.cases) {
        t.deepEqual(
          await onEngine(t, engine, () => kept(boxes, scores, {iouThreshold: threshold})),
          expected,
        );
      }
      const {boxes, scores, classes, threshold, kept: expected} = golden.batched;
      t.deepEqual(
        await onEngine(t, engine, () => kept(boxes, scores, {iouThreshold: threshold}, classes)),
        expected,
      );
    },
  );

  test.serial(`an IoU equal to the threshold does not suppress on ${engine}`, async t => {
    const halves = [0, 0, 10, 10, 0, 0, 10, 5];
    const results = await onEngine(t, engine, () => [
      kept(halves, [1, 0.5], half),
      kept(halves, [1, 0.5], {iouThreshold: 0.49}),
    ]);
    t.deepEqual(results, [[0, 1], [0]]);
  });

  test.serial(
    `boxes of other classes do not suppress, equal scores keep their order on ${engine}`,
    async t => {
      const results = await onEngine(t, engine, () => [
        kept(three, [0.5, 0.9, 0.7], half),
        kept(three, [0.5, 0.9, 0.7], half, [1, -2, 1]),
        kept(three, [0.5, 0.5, 0.5], half, [3, 3, 7]),
      ]);
      t.deepEqual(results, [
        [1, 2],
        [1, 2, 0],
        [0, 2],
      ]);
    },
  );

  test.serial(`the limit keeps the best over all classes on ${engine}`, async t => {
    const results = await onEngine(t, engine, () => [
      kept(three, [0.5, 0.9, 0.7], {iouThreshold: 0.9, maxOutput: 2}),
      kept(three, [0.5, 0.9, 0.7], {...half, maxOutput: 1}, [1, 2, 3]),
      kept(three, [0.5, 0.9, 0.7], {...half, maxOutput: 0}),
    ]);
    t.deepEqual(results, [[1, 2], [1], []]);
  });

  test.serial(`NaN scores are left out, boxes with NaN or without area stay on ${engine}`, async t => {
    const results = await onEngine(t, engine, () => [
      kept(three, [Number.NaN, 0.9, Number.POSITIVE_INFINITY], half),
      kept([0, 0, 10, 10, 0, Number.NaN, 10, 10, 3, 3, 3, 3, 3, 3, 3, 3], [0.9, 0.8, 0.7, 0.6], half),
      kept([], [], half),
      kept([], [], half, []),
    ]);
    t.deepEqual(results, [[2, 1], [0, 1, 2, 3], [], []]);
  });

  test.serial(`many boxes are kept as on the host on ${engine}`, async t => {
    for (const [count, span, iouThreshold] of [
      [3000, 400, 0.5],
      [1000, 60, 0.7],
      [700, 30, 0],
      [2000, 900, 1],
    ] as const) {
      // Coarse corners and scores make ties; every tenth score is no number.
      const grid = (limit: number) => Math.round(random.uniform(0, limit) * 4) / 4;
      const boxes = new Float32Array(4 * count);
      for (let o = 0; o < boxes.length; o += 4) {
        boxes.set([grid(span), grid(span)], o);
        boxes.set([boxes[o]! + grid(40) - 1, boxes[o + 1]! + grid(40) - 1], o + 2);
      }
      const scores = Float32Array.from({length: count}, (_, i) =>
        i % 10 === 9 ? Number.NaN : random.int(200) / 200,
      );
      const classes = Int32Array.from({length: count}, () => random.int(5));
      for (const maxOutput of [count, 100]) {
        const results = await onEngine(t, engine, () => [
          kept(boxes, scores, {iouThreshold, maxOutput}),
          kept(boxes, scores, {iouThreshold, maxOutput}, classes),
        ]);
        t.deepEqual(results[0], [...nonMaximumSuppression(boxes, scores, iouThreshold, maxOutput)]);
        t.deepEqual(results[1], [...onHost(boxes, scores, classes, iouThreshold, maxOutput)]);
      }
    }
  });
}

test.serial('what does not fit is refused', async t => {
  await onEngine(t, 'cpu', () =>
    tf.tidy(() => {
      const boxes = tf.zeros([2, 4]) as tf.Tensor2D;
      const scores = tf.zeros([2]) as tf.Tensor1D;
      const classes = tf.zeros([2], 'int32') as tf.Tensor1D;
      t.throws(() => nms(boxes, tf.zeros([3]) as tf.Tensor1D, half), {message: /boxes and scores/});
      t.throws(() => nms(tf.zeros([2, 4], 'int32') as tf.Tensor2D, scores, half), {
        message: 'nms: boxes must be float32, not int32',
      });
      t.throws(() => classwiseNms(boxes, scores, scores, half), {
        message: 'nms: classes must be int32, not float32',
      });
      t.throws(() => classwiseNms(boxes, scores, tf.zeros([3], 'int32') as tf.Tensor1D, half), {
        message: /classes and scores/,
      });
      for (const iouThreshold of [-0.1, 1.1, Number.NaN]) {
        t.throws(() => nms(boxes, scores, {iouThreshold}), {message: /threshold must be in 0 \.\. 1/});
      }
      t.throws(() => classwiseNms(boxes, scores, classes, {...half, maxOutput: -1}), {
        message: 'nms: maxOutput must be a whole number, not -1',
      });
    }),
  );
});
