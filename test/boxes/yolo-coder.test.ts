import * as tf from '@tensorflow/tfjs';
import ava from 'ava';
import {decodeYolo, decodeYoloTensor, encodeYolo} from '../../src/boxes/yolo-coder.js';
import {Random} from '../../src/random/random.js';
import {assertGradient, floats, type Operation} from '../engine/ops/agreement.js';
import {ENGINES, testsOn} from '../engines.js';

const test = testsOn(ENGINES);

/** Cells of strides 8 and 32 with an anchor each: left, top, side, width, height. */
const CELLS = Float32Array.of(24, 40, 8, 16, 30, 64, 0, 32, 116, 90);

const near = (actual: ArrayLike<number>, expected: readonly number[], tolerance = 1e-5): boolean =>
  actual.length === expected.length &&
  expected.every((value, i) => Math.abs(actual[i]! - value) <= tolerance * Math.max(1, Math.abs(value)));

ava(
  'logits of 0 are the anchor in the middle of the cell; by hand: a quarter of a cell, twice as wide',
  t => {
    const logits = Float32Array.of(0, 0, 0, 0, -Math.log(3), Math.log(3), Math.log(2), 0);
    // Middle (28, 44), 16 x 30; centre 64 + 32 / 4 = 72 and 0 + 32 * 3 / 4 = 24, 232 x 90.
    t.true(near(decodeYolo(logits, CELLS), [20, 29, 36, 59, -44, -21, 188, 69]));
  },
);

ava('by hand: the targets of a box are where in the cell its centre lies, and logs of ratios', t => {
  // Centre (26, 46): a quarter and three quarters of the cell at (24, 40); 32 x 15 against 16 x 30.
  const targets = encodeYolo(Float32Array.of(10, 38.5, 42, 53.5), CELLS.subarray(0, 5));
  t.true(near(targets, [0.25, 0.75, Math.log(2), -Math.log(2)]));
});

ava('what is encoded is decoded', t => {
  const random = new Random(3, 'boxes');
  for (let repeat = 0; repeat < 20; repeat++) {
    const [x, y] = [random.uniform(64.1, 95.9), random.uniform(0.1, 31.9)];
    const [width, height] = [random.uniform(2, 300), random.uniform(2, 300)];
    const box = [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
    const [u, v, w, h] = encodeYolo(Float32Array.from(box), CELLS.subarray(5));
    const logit = (p: number) => Math.log(p / (1 - p));
    const logits = Float32Array.of(logit(u!), logit(v!), w!, h!);
    t.true(near(decodeYolo(logits, CELLS.subarray(5)), box, 1e-4));
  }
});

ava('a centre outside of the cell counts as on its border, a box without sides as a very small one', t => {
  const [x, y, width, height] = encodeYolo(Float32Array.of(0, 200, 0, 200), CELLS.subarray(0, 5));
  t.deepEqual([x, y], [0, 1]);
  t.true(Number.isFinite(width) && width! < -15 && Number.isFinite(height));
});

test('on the tape boxes are the same', t => {
  const logits = Float32Array.of(0.3, -2, 0.5, -0.1, 4, 0.1, -1, 1.5);
  const boxes = tf.tidy(() => decodeYoloTensor(tf.tensor2d(logits, [2, 4]), CELLS).dataSync());
  t.true(near(boxes, [...decodeYolo(logits, CELLS)]));
  t.deepEqual(
    tf.tidy(() => decodeYoloTensor(tf.zeros([0, 4]), new Float32Array(0)).shape),
    [0, 4],
  );
});

testsOn(['cpu'])('their gradient is finite differences', async t => {
  const scaled = Float32Array.of(2, 1, 3, 1.5, 2, 0, 4, 2, 1, 3);
  const decode: Operation = logits => decodeYoloTensor(logits as tf.Tensor2D, scaled);
  await assertGradient(t, decode, [floats([2, 4], 1)], 1);
});
