import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {type BoxCoderWeights, decodeBoxes} from '../../src/boxes/box-coder.js';
import {decodeDeltas} from '../../src/boxes/decode-deltas.js';
import {giouSum} from '../../src/losses/giou.js';
import {assertGradient, floats, onEngine, type Values} from '../engine/ops/agreement.js';
import {ENGINES} from '../engines.js';

const WEIGHTS: BoxCoderWeights = [10, 10, 5, 5];
const ANCHORS = Float32Array.of(0, 0, 10, 20, -8, 4, 24, 12, 100, 50, 164, 178);

for (const engine of ENGINES)
  test.serial(`boxes are those of the host, wild and degenerate deltas included, on ${engine}`, async t => {
    const deltas = Float32Array.of(1, -2, 3, 0.5, 4, 0, 1e6, -1e6, -7, 9, 20, 21);
    const boxes = await onEngine(t, engine, () =>
      tf.tidy(() => decodeDeltas(tf.tensor2d(deltas, [3, 4]), ANCHORS, WEIGHTS).dataSync()),
    );
    for (const [i, expected] of decodeBoxes(deltas, ANCHORS, WEIGHTS).entries()) {
      t.true(Math.abs(boxes[i]! - expected) <= 1e-6 * Math.max(100, Math.abs(expected)), `${boxes[i]}`);
    }
    const none = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const decoded = (x: tf.Tensor): tf.Scalar =>
          tf.sum(decodeDeltas(x as tf.Tensor2D, new Float32Array(0), WEIGHTS));
        const {value, grad} = tf.valueAndGrad(decoded)(tf.zeros([0, 4]));
        return [value.dataSync()[0], grad.shape];
      }),
    );
    t.deepEqual(none, [0, [0, 4]]);
    const loss = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const boxes = decodeDeltas(tf.zeros([0, 4]), new Float32Array(0), WEIGHTS);
        return giouSum(boxes, tf.zeros([0, 4])).dataSync()[0];
      }),
    );
    t.is(loss, 0, 'no boxes are boxes that losses can be taken of');
  });

test.serial('the gradient is that of finite differences, and 0 beyond the limit of a side', async t => {
  const deltas = floats([3, 4], 2);
  const decode = (x: tf.Tensor): tf.Tensor => decodeDeltas(x as tf.Tensor2D, ANCHORS, WEIGHTS);
  await assertGradient(t, decode, [deltas], 1, 1e-4);
  const wide: Values = {...deltas, values: deltas.values.map((v, i) => (i === 2 ? 25 : v))};
  await assertGradient(t, decode, [wide], 1, 1e-4);
});
