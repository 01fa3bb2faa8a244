import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {dense} from '../../../src/engine/ops/dense.js';
import {ENGINES} from '../../engines.js';
import {
  assertEnginesAgree,
  assertGradient,
  floats,
  integer,
  type Operation,
  onEngine,
  relativeDifference,
} from './agreement.js';

const operation =
  (relu: boolean, shape?: readonly number[]): Operation =>
  (x, filter, bias) =>
    dense<tf.Tensor>(x, filter as tf.Tensor2D, {
      relu,
      ...(bias === undefined ? {} : {bias: bias as tf.Tensor1D}),
      ...(shape === undefined ? {} : {shape}),
    });

for (const engine of ENGINES) {
  test.serial(`a fully connected layer and its gradients by hand on ${engine}`, async t => {
    const {y, dx, dfilter, dbias} = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const x = tf.tensor3d([1, 2, 3, -1], [2, 1, 2]);
        const filter = tf.tensor2d([1, 0, 10, 1, 1, 1], [2, 3]);
        const bias = tf.tensor1d([0, -3, 0]);
        const [dx, dfilter, dbias] = tf.grads((...inputs) => operation(true)(...inputs))(
          [x, filter, bias],
          tf.tensor2d([1, 10, 100, 1, 10, 100], [2, 3]),
        ) as [tf.Tensor, tf.Tensor, tf.Tensor];
        const values = (tensor: tf.Tensor) => [...tensor.dataSync()];
        t.deepEqual(dx.shape, [2, 1, 2]);
        const y = operation(true)(x, filter, bias);
        return {y: values(y), dx: values(dx), dfilter: values(dfilter), dbias: values(dbias)};
      }),
    );
    // (1, 2) filter + bias = (3, -1, 12), (3, -1) filter + bias = (2, -4, 29): ReLU cuts the middle one of both.
    t.deepEqual(y, [3, 0, 12, 2, 0, 29]);
    // dz = (1, 0, 100) twice; dx = dz filter^T: 1 + 1000 and 1 + 100.
    t.deepEqual(dx, [1001, 101, 1001, 101]);
    // x^T dz: (1 + 3) and (2 - 1) times dz.
    t.deepEqual(dfilter, [4, 0, 400, 1, 0, 100]);
    t.deepEqual(dbias, [2, 0, 200]);
  });

  test.serial(`no vectors give nothing, and zeros for gradients, on ${engine}`, async t => {
    await onEngine(t, engine, () =>
      tf.tidy(() => {
        const inputs = [tf.zeros([0, 7, 7, 4]), tf.ones([196, 5]), tf.ones([5])];
        const [dx, ...others] = tf.grads((...given) => operation(true)(...given))(inputs);
        t.deepEqual(operation(true)(...inputs).shape, [0, 5]);
        t.deepEqual(dx!.shape, [0, 7, 7, 4]);
        t.deepEqual(
          others.map(({shape}) => shape),
          [[196, 5], [5]],
        );
        for (const gradient of others) t.true(gradient.dataSync().every(value => value === 0));
      }),
    );
  });
}

test.serial('it agrees between engines over shapes, with and without bias and ReLU', async t => {
  for (let i = 0; i < 30; i++) {
    const [rows, height, channels, out] = [integer(1, 9), integer(1, 4), integer(1, 20), integer(1, 40)];
    const inputs = [floats([rows, height, channels]), floats([height * channels, out])];
    if (i % 2 === 0) inputs.push(floats([out]));
    const shape = i % 3 === 0 ? [1, rows, out] : undefined;
    await assertEnginesAgree(t, operation(i % 5 < 2, shape), inputs, inputs.length, 1e-5);
  }
});

test.serial('it agrees where a product is cut into blocks', async t => {
  const inputs = [floats([70, 7, 7, 32]), floats([1568, 300], 0.1), floats([300])];
  await assertEnginesAgree(t, operation(false), inputs, 3, 1e-5);
});

test.serial('its gradients are finite differences', async t => {
  await assertGradient(t, operation(false), [floats([3, 2, 2]), floats([4, 5]), floats([5])], 3);
});

test.serial('ReLU cuts the gradient where the output is 0', async t => {
  const inputs = [floats([6, 8]), floats([8, 7]), floats([7])];
  await assertEnginesAgree(t, operation(true), inputs, 3, 1e-5);
  // The same as ReLU after the layer.
  await onEngine(t, 'cpu', () =>
    tf.tidy(() => {
      const tensors = inputs.map(({values, shape}) => tf.tensor(values, shape));
      const fused = tf.grads((...given) => operation(true)(...given))(tensors);
      const apart = tf.grads((...given) => tf.relu(operation(false)(...given)))(tensors);
      for (const [i, gradient] of fused.entries())
        t.true(relativeDifference(gradient.dataSync(), apart[i]!.dataSync()) < 1e-6);
    }),
  );
});

test.serial('vectors of another length than the filter wants are refused', async t => {
  await onEngine(t, 'cpu', () =>
    tf.tidy(() => {
      t.throws(() => dense(tf.zeros([4, 3, 2]), tf.zeros([5, 2]), {relu: false}), {
        message: "dense: x [4,3,2] does not end in vectors of the filter's 5 inputs",
      });
    }),
  );
});
