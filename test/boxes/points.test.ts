import * as tf from '@tensorflow/tfjs';
import ava from 'ava';
import {decodeDeltasFromPoints, decodeFromPoints, encodeFromPoints} from '../../src/boxes/point-coder.js';
import {type Points, pyramidPoints} from '../../src/boxes/points.js';
import {assertEnginesAgree, assertGradient, floats} from '../engine/ops/agreement.js';
import {ENGINES, testsOn} from '../engines.js';

const test = testsOn(ENGINES);

ava('points are the centres of the cells, by level, row and column', t => {
  const {centres, edges, levelCounts} = pyramidPoints({height: 32, width: 48}, [10, 20], [16, 32]);
  // 2 rows of 3 cells of 16 pixels, 1 row of 2 cells of 32 (the second reaches over the canvas).
  t.deepEqual([...centres], [8, 8, 24, 8, 40, 8, 8, 24, 24, 24, 40, 24, 16, 16, 48, 16]);
  t.deepEqual([...edges], [10, 10, 10, 10, 10, 10, 20, 20]);
  t.deepEqual(levelCounts, [6, 2]);
});

ava('a canvas of 800 x 1344 has 22,400 points', t => {
  // 100 x 168 + 50 x 84 + 25 x 42 + 13 x 21 + 7 x 11
  const {edges} = pyramidPoints({height: 800, width: 1344}, [16, 32, 64, 128, 256]);
  t.is(edges.length, 16800 + 4200 + 1050 + 273 + 77);
});

ava('there is one base edge a level', t => {
  t.throws(() => pyramidPoints({height: 32, width: 32}, [16]), {message: /1 base edges for 5 levels/});
});

/** Two points: at 12, 20 with a base edge of 16, and at 100, 50 with one of 32. */
const POINTS: Points = {
  centres: Float32Array.of(12, 20, 100, 50),
  edges: Float32Array.of(16, 32),
  levelCounts: [1, 1],
};

ava('distances of the sides in base edges become logarithms, and back', t => {
  // Of the second point: 64, 32, 16, 8 pixels to left, top, right, bottom: log of 2, 1, 1/2, 1/4.
  // Of the first: 8, 16, 32, 16 pixels: log of 1/2, 1, 2, 1.
  const boxes = Float32Array.of(36, 18, 116, 58, 4, 4, 44, 36);
  const positions = Int32Array.of(1, 0);
  const deltas = encodeFromPoints(boxes, POINTS, positions);
  const log2 = Math.fround(Math.LN2);
  t.deepEqual([...deltas], [log2, 0, -log2, -2 * log2, -log2, 0, log2, 0]);
  const decoded = decodeFromPoints(deltas, POINTS, positions);
  t.true(decoded.every((value, i) => Math.abs(value - boxes[i]!) < 1e-5));
});

ava('distances are limited to 1 / 16 and 16 base edges, sides behind the point included', t => {
  // Base edge 16: 0.5 pixels to the left, the top side 4 pixels below the point, 300 pixels to right and bottom.
  const deltas = encodeFromPoints(Float32Array.of(11.5, 24, 312, 320), POINTS, Int32Array.of(0));
  const limit = Math.fround(Math.log(16));
  t.deepEqual([...deltas], [-limit, -limit, limit, limit]);
});

ava('wild deltas give infinite sides, NaN stays NaN', t => {
  const boxes = decodeFromPoints(Float32Array.of(1000, -1000, 1000, Number.NaN), POINTS, Int32Array.of(0));
  t.deepEqual([...boxes], [Number.NEGATIVE_INFINITY, 20, Number.POSITIVE_INFINITY, Number.NaN]);
});

test('on the tape the boxes are the same, without foreground too', t => {
  const positions = Int32Array.of(1, 0, 1);
  const {values} = floats([3, 4]);
  const before = tf.memory().numTensors;
  const boxes = tf.tidy(() =>
    decodeDeltasFromPoints(tf.tensor2d(values as Float32Array, [3, 4]), POINTS, positions).dataSync(),
  );
  const expected = decodeFromPoints(values as Float32Array, POINTS, positions);
  // Coordinates are sums of numbers up to 200, where single precision has steps of 1.5e-5.
  t.true(expected.every((value, i) => Math.abs(value - boxes[i]!) < 4e-5));
  const none = tf.tidy(() => decodeDeltasFromPoints(tf.zeros([0, 4]), POINTS, new Int32Array(0)).shape);
  t.deepEqual(none, [0, 4]);
  t.is(tf.memory().numTensors, before);
});

ava.serial('boxes on the tape have the gradients of finite differences, equal on all engines', async t => {
  const decode = (deltas: tf.Tensor) =>
    decodeDeltasFromPoints(deltas as tf.Tensor2D, POINTS, Int32Array.of(1, 0, 1));
  const inputs = [floats([3, 4])];
  await assertGradient(t, decode, inputs, 1);
  await assertEnginesAgree(t, decode, inputs, 1, 1e-6);
});
