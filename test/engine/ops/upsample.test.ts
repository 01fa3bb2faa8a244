import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {upsampleAdd, upsampleNearest2x} from '../../../src/engine/ops/upsample.js';
import {ENGINES} from '../../engines.js';
import {assertEnginesAgree, floats, integer, onEngine} from './agreement.js';

for (const engine of ENGINES) {
  test.serial(`every pixel becomes four, and its gradient is the sum of theirs, on ${engine}`, async t => {
    const [y, gradient] = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const x = tf.tensor4d([1, 2], [1, 1, 2, 1]);
        const dy = tf.tensor4d([1, 10, 2, 20, 3, 30, 4, 40], [1, 2, 4, 1]);
        const dx = tf.grad((v: tf.Tensor) => upsampleNearest2x(v as tf.Tensor4D))(x, dy);
        return [[...upsampleNearest2x(x).dataSync()], [...dx.dataSync()]];
      }),
    );
    t.deepEqual(y, [1, 1, 2, 2, 1, 1, 2, 2]);
    // Columns 0 and 1 of both rows: 1 + 10 + 3 + 30, and 2 + 20 + 4 + 40.
    t.deepEqual(gradient, [44, 66]);
  });
}

test.serial('upsampling, alone and added to a lateral map, agrees between the engines', async t => {
  for (let i = 0; i < 15; i++) {
    const [batch, height, width, channels] = [integer(1, 3), integer(1, 6), integer(1, 6), integer(1, 9)];
    const coarse = floats([batch, height, width, channels]);
    const lateral = floats([batch, 2 * height, 2 * width, channels]);
    await assertEnginesAgree(t, x => upsampleNearest2x(x as tf.Tensor4D), [coarse], 1, 1e-6);
    await assertEnginesAgree(
      t,
      (a, b) => upsampleAdd(a as tf.Tensor4D, b as tf.Tensor4D),
      [lateral, coarse],
      2,
      1e-6,
    );
  }
});

test.serial('a lateral map that is not twice as large is refused', async t => {
  await onEngine(t, 'cpu', () => {
    const lateral = tf.ones([1, 3, 4, 1]) as tf.Tensor4D;
    const coarse = tf.ones([1, 2, 2, 1]) as tf.Tensor4D;
    t.throws(() => upsampleAdd(lateral, coarse), {message: /upsampleAdd: .*1,3,4,1 and 1,4,4,1/});
    tf.dispose([lateral, coarse]);
  });
});
