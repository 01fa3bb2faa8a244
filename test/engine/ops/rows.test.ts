import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {gatherRows} from '../../../src/engine/ops/gather-rows.js';
import {noGrad} from '../../../src/engine/ops/no-grad.js';
import {smoothL1Sum} from '../../../src/engine/ops/smooth-l1.js';
import {ENGINES, FAST_ENGINES} from '../../engines.js';
import {
  assertEnginesAgree,
  assertGradient,
  floats,
  integer,
  integers,
  onEngine,
  type Values,
} from './agreement.js';

const gather = (x: tf.Tensor, indices: tf.Tensor) => gatherRows(x as tf.Tensor2D, indices as tf.Tensor1D);
const smooth = (beta: number) => (predicted: tf.Tensor, target: tf.Tensor) =>
  smoothL1Sum(predicted as tf.Tensor2D, target as tf.Tensor2D, {beta});

for (const engine of ENGINES) {
  test.serial(`a row gathered twice receives both gradients on ${engine}`, async t => {
    const [y, dx] = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
        const indices = tf.tensor1d([2, 0, 2], 'int32');
        const dy = tf.tensor2d([1, 1, 10, 10, 100, 100], [3, 2]);
        const gradient = tf.grad((v: tf.Tensor) => gather(v, indices))(x, dy);
        return [[...gather(x, indices).dataSync()], [...gradient.dataSync()]];
      }),
    );
    t.deepEqual(y, [5, 6, 1, 2, 5, 6]);
    t.deepEqual(dx, [10, 10, 0, 0, 101, 101]);
  });

  test.serial(`no foreground gives a loss of 0 with zero gradients on ${engine}`, async t => {
    const {value, gradient} = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const none = tf.tensor1d([], 'int32');
        const target = tf.zeros([0, 4]);
        const loss = (v: tf.Tensor) => smooth(0.11)(gather(v, none), target);
        const result = tf.valueAndGrad(loss)(tf.ones([3, 4]));
        return {value: result.value.dataSync()[0], gradient: [...result.grad.dataSync()]};
      }),
    );
    t.is(value, 0);
    t.deepEqual(gradient, new Array(12).fill(0));
  });

  test.serial(`smooth L1 is quadratic within beta and linear beyond on ${engine}`, async t => {
    const [knee, plain] = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const predicted = tf.tensor2d([[0.25, -0.5, 2, -3]]);
        const target = tf.zeros([1, 4]);
        return [smooth(0.5)(predicted, target).dataSync()[0], smooth(0)(predicted, target).dataSync()[0]];
      }),
    );
    // 0.25^2 / (2 * 0.5) + 0.25 + (2 - 0.25) + (3 - 0.25) = 0.0625 + 4.75; L1 = 5.75.
    t.is(knee, 4.8125);
    t.is(plain, 5.75);
  });

  test.serial(`noGrad makes a constant of any expression and keeps nothing on ${engine}`, async t => {
    const gradient = await onEngine(t, engine, () =>
      tf.tidy(() => {
        // topk and less have no gradient; d/dx of x * constant is the constant.
        const f = (x: tf.Tensor) => {
          const selected = noGrad(v => tf.cast(tf.less(v, tf.topk(v, 1).values), 'float32'), x);
          const itself = noGrad(v => v, x);
          return tf.sum(tf.mul(x, tf.add(selected, itself)));
        };
        return [
          ...tf
            .grad(f)(tf.tensor1d([1, 4, 2]))
            .dataSync(),
        ];
      }),
    );
    t.deepEqual(gradient, [2, 4, 3]);
  });
}

test.serial('rows and the box loss agree between the engines, also without any row', async t => {
  for (let i = 0; i < 16; i++) {
    const [rows, columns, count] = [integer(1, 12), integer(1, 9), i % 4 === 0 ? 0 : integer(1, 9)];
    await assertEnginesAgree(t, gather, [floats([rows, columns]), integers([count], 0, rows - 1)], 1, 1e-6);
    await assertEnginesAgree(
      t,
      smooth(i % 2 === 0 ? 0 : 0.3),
      [floats([count, 4]), floats([count, 4])],
      1,
      1e-6,
    );
  }
});

test.serial('tf.gather trains on every engine; stock wasm has no UnsortedSegmentSum', async t => {
  for (const axis of [0, 1]) {
    const operation = (x: tf.Tensor, indices: tf.Tensor) => tf.gather(x, indices as tf.Tensor1D, axis);
    await assertEnginesAgree(t, operation, [floats([4, 4, 3]), integers([6], 0, 3)], 1, 1e-6);
  }
});

test.serial('the gradient of smooth L1 is a finite difference', async t => {
  // Distances of 0.25, 0.75, 1.5 stay clear of the knee at 0.5 and of 0.
  const predicted: Values = {
    values: Float32Array.of(0.25, -0.75, 1.5, -0.25),
    shape: [1, 4],
    dtype: 'float32',
  };
  const target: Values = {values: new Float32Array(4), shape: [1, 4], dtype: 'float32'};
  await assertGradient(t, smooth(0.5), [predicted, target], 1);
});

for (const engine of FAST_ENGINES)
  test.serial(`an index that is no row is refused on ${engine}`, async t => {
    await onEngine(t, engine, () => {
      const x = tf.ones([2, 3]) as tf.Tensor2D;
      const indices = tf.tensor1d([0, 2], 'int32');
      t.throws(() => gatherRows(x, indices), {message: /atherRows: the index at 1 is not a row of 0 .. 1$/});
      tf.dispose([x, indices]);
    });
  });
