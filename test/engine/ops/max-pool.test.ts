import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {maxPool} from '../../../src/engine/ops/max-pool.js';
import {ENGINES} from '../../engines.js';
import {assertEnginesAgree, floats, integer, integers, type Operation, onEngine} from './agreement.js';

const operation =
  (size: number, stride: number, padding: number): Operation =>
  x =>
    maxPool(x as tf.Tensor4D, {size, stride, padding});

for (const engine of ENGINES) {
  test.serial(`padding never wins the maximum on ${engine}`, async t => {
    const y = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const x = tf.tensor4d([-1, -2, -3, -4], [1, 2, 2, 1]);
        return [...maxPool(x, {size: 3, stride: 2, padding: 1}).dataSync()];
      }),
    );
    t.deepEqual(y, [-1]);
  });

  test.serial(`the gradient goes to the first maximum in row-major order on ${engine}`, async t => {
    const gradient = await onEngine(t, engine, () =>
      tf.tidy(() => {
        // Windows of 2x2 at stride 1 over [[1, 2, 2], [2, 0, 2]]: both have their first 2 in column 1 of row 0.
        const x = tf.tensor4d([1, 2, 2, 2, 0, 2], [1, 2, 3, 1]);
        const options = {size: 2, stride: 1, padding: 0};
        return [
          ...tf
            .grad((v: tf.Tensor) => tf.sum(maxPool(v as tf.Tensor4D, options)))(x)
            .dataSync(),
        ];
      }),
    );
    t.deepEqual(gradient, [0, 2, 0, 0, 0, 0]);
  });
}

test.serial('maxPool and its gradient agree between the engines, with and without ties', async t => {
  for (let i = 0; i < 40; i++) {
    const size = integer(1, 4);
    const padding = integer(0, size >> 1);
    const shape = [integer(1, 3), integer(size, 9), integer(size, 9), integer(1, 11)];
    const ties = integers(shape, -2, 2);
    const x = i % 2 === 0 ? floats(shape) : ({...ties, dtype: 'float32'} as const);
    await assertEnginesAgree(t, operation(size, integer(1, 3), padding), [x], 1, 1e-6);
  }
});

test.serial('padding of more than half a window is refused', async t => {
  await onEngine(t, 'cpu', () => {
    const x = tf.ones([1, 4, 4, 1]) as tf.Tensor4D;
    t.throws(() => maxPool(x, {size: 3, stride: 1, padding: 2}), {
      message: 'maxPool: padding 2 is more than half of the window of 3',
    });
    x.dispose();
  });
});
