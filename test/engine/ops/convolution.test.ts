import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {convolution} from '../../../src/engine/ops/convolution.js';
import {ENGINES, FAST_ENGINES} from '../../engines.js';
import {
  assertEnginesAgree,
  assertGradient,
  floats,
  integer,
  type Operation,
  onEngine,
  type Values,
} from './agreement.js';

/** Of no activation, leaky ReLU and ReLU. */
const SLOPES = [1, 0.1, 0] as const;

const operation =
  (stride: number, padding: number, negativeSlope: number): Operation =>
  (x, filter, bias) =>
    convolution(x as tf.Tensor4D, filter as tf.Tensor4D, {
      stride,
      padding,
      relu: true,
      negativeSlope,
      ...(bias === undefined ? {} : {bias: bias as tf.Tensor1D}),
    });

/** With scale and residual; differentiated by x, filter, bias and, before the scale, the residual. */
const joined =
  (stride: number, padding: number, negativeSlope: number): Operation =>
  (x, filter, bias, residual, scale) =>
    convolution(x as tf.Tensor4D, filter as tf.Tensor4D, {
      stride,
      padding,
      relu: true,
      negativeSlope,
      bias: bias as tf.Tensor1D,
      residual: residual as tf.Tensor4D,
      scale: scale as tf.Tensor1D,
    });

for (const engine of ENGINES) {
  test.serial(`convolution sums a padded window, adds the bias and cuts at zero on ${engine}`, async t => {
    const y = await onEngine(t, engine, () =>
      tf.tidy(() => {
        // 3x3 image 1..9, 3x3 filter of ones, padding 1: the corner sums 1+2+4+5 = 12, the centre 45.
        const x = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]);
        const bias = tf.tensor1d([-20]);
        const options = {stride: 1, padding: 1, bias, relu: true};
        return convolution(x, tf.ones([3, 3, 1, 1]), options)
          .arraySync()[0]!
          .map(row => row.map(v => v[0]));
      }),
    );
    t.deepEqual(y, [
      [0, 1, 0],
      [7, 25, 13],
      [4, 19, 8],
    ]);
  });
}

test.serial(
  'convolution and its three gradients agree between engines over shapes, strides and paddings',
  async t => {
    let cases = 0;
    while (cases < 60) {
      const size = [1, 1, 2, 3, 3, 5, 7][integer(0, 6)]!;
      const stride = integer(1, 3);
      const padding = integer(0, size >> 1);
      const [batch, height, width] = [integer(1, 3), integer(1, 10), integer(1, 10)];
      if (height + 2 * padding < size || width + 2 * padding < size) continue;
      const [channels, outChannels] = [integer(1, 13), integer(1, 20)];
      const inputs = [floats([batch, height, width, channels]), floats([size, size, channels, outChannels])];
      if (cases % 2 === 0) inputs.push(floats([outChannels]));
      await assertEnginesAgree(
        t,
        operation(stride, padding, SLOPES[cases % 3]!),
        inputs,
        inputs.length,
        1e-5,
      );
      cases++;
    }
  },
);

for (const engine of ENGINES) {
  test.serial(`scale multiplies the filter, the residual is added before the ReLU on ${engine}`, async t => {
    const y = await onEngine(t, engine, () =>
      tf.tidy(() => {
        // Channels of x * filter: 1, 2; scaled by 3 and -1: 3, -2; plus bias 1, 1 and residual -5, 2: -1, 1.
        const x = tf.tensor4d([1], [1, 1, 1, 1]);
        const filter = tf.tensor4d([1, 2], [1, 1, 1, 2]);
        const [scale, bias] = [tf.tensor1d([3, -1]), tf.tensor1d([1, 1])];
        const residual = tf.tensor4d([-5, 2], [1, 1, 1, 2]);
        const options = {stride: 1, padding: 0, scale, bias, residual};
        return [
          [...convolution(x, filter, options).dataSync()],
          [...convolution(x, filter, {...options, relu: true}).dataSync()],
          [...convolution(x, filter, {...options, relu: true, negativeSlope: 0.5}).dataSync()],
        ];
      }),
    );
    t.deepEqual(y, [
      [-1, 1],
      [0, 1],
      [-0.5, 1],
    ]);
  });
}

test.serial('convolution with scale and residual, and its four gradients, agree between engines', async t => {
  for (const [[height, width], size, stride, channels, out] of [
    [[6, 7], 1, 1, 5, 18],
    [[7, 5], 1, 2, 16, 32],
    [[8, 9], 3, 1, 16, 16],
    [[9, 8], 3, 2, 32, 16],
    [[6, 6], 5, 1, 3, 7],
  ] as const) {
    for (const slope of SLOPES) {
      const side = (length: number) => Math.floor((length - 1) / stride) + 1;
      const inputs = [
        floats([2, height, width, channels]),
        floats([size, size, channels, out]),
        floats([out]),
        floats([2, side(height), side(width), out]),
        floats([out], 2),
      ];
      await assertEnginesAgree(t, joined(stride, size >> 1, slope), inputs, 4, 1e-5);
    }
  }
});

test.serial(
  '1x1 with its residual agrees where the sum over the input channels is cut into segments',
  async t => {
    const inputs = [
      floats([1, 3, 5, 2100]),
      floats([1, 1, 2100, 20]),
      floats([20]),
      floats([1, 3, 5, 20]),
      floats([20], 2),
    ];
    await assertEnginesAgree(t, joined(1, 0, 0), inputs, 4, 1e-5);
  },
);

test.serial('the gradients of scale and residual are finite differences', async t => {
  const residual: Values = {values: new Float32Array(18).fill(3), shape: [1, 3, 3, 2], dtype: 'float32'};
  const inputs = [
    floats([1, 3, 3, 2], 0.3),
    floats([3, 3, 2, 2], 0.3),
    floats([2], 0.5),
    residual,
    floats([2]),
  ];
  // At most 18 products of 0.09, so that 3 keeps every output above zero.
  await assertGradient(t, joined(1, 1, 0), inputs, 4);
});

test.serial('convolution agrees where blocks of pixels, channels and tiles end', async t => {
  // 700 columns exceed the filter gradient's block of 512 pixels; 5x5x96 leave 3 tiles to a block of windows.
  for (const [shape, size, out, stride] of [
    [[1, 2, 700, 2], 3, 3, 1],
    [[2, 23, 24, 4], 3, 9, 2],
    [[1, 7, 6, 96], 5, 12, 1],
    [[3, 4, 4, 8], 1, 36, 2],
    [[1, 40, 40, 1], 1, 1, 1],
  ] as const) {
    const inputs = [floats([...shape]), floats([size, size, shape[3], out]), floats([out])];
    await assertEnginesAgree(t, operation(stride, size >> 1, 1), inputs, 3, 1e-5);
  }
});

test.serial('3x3 at stride 1 agrees for odd sizes and many tiles, channels and images', async t => {
  for (const [shape, out, padding] of [
    [[2, 33, 35, 8], 12, 1],
    [[1, 9, 9, 36], 8, 0],
    [[3, 1, 5, 12], 9, 1],
    [[1, 6, 7, 132], 33, 1],
    [[1, 3, 3, 10], 17, 2],
  ] as const) {
    const inputs = [floats([...shape]), floats([3, 3, shape[3], out]), floats([out])];
    await assertEnginesAgree(t, operation(1, padding, 1), inputs, 2, 1e-5);
  }
});

test.serial('kernels need not be square', async t => {
  for (const size of [
    [1, 9],
    [9, 1],
    [2, 3],
  ] as const) {
    const inputs = [floats([1, 11, 12, 8]), floats([...size, 8, 9])];
    await assertEnginesAgree(t, operation(1, 0, 1), inputs, 2, 1e-5);
  }
});

test.serial('the gradients of convolution are finite differences', async t => {
  await assertGradient(t, operation(2, 1, 1), [floats([2, 5, 4, 2]), floats([3, 3, 2, 3]), floats([3])], 3);
  // With ReLU: a bias of +-4 keeps every output on its side of zero, |sum of 8 products| < 4 on these inputs.
  const bias: Values = {values: Float32Array.of(4, -4), shape: [2], dtype: 'float32'};
  const inputs = [floats([1, 3, 3, 2], 0.5), floats([2, 2, 2, 2], 0.5), bias];
  await assertGradient(t, operation(1, 1, 0), inputs, 3);
});

test.serial("tf.conv2d trains: 'same', explicit padding and stride 2", async t => {
  const paddings = [
    'same',
    'valid',
    [
      [0, 0],
      [2, 1],
      [0, 2],
      [0, 0],
    ],
  ] as const; // prettier-ignore
  for (const padding of paddings) {
    for (const stride of [1, 2]) {
      await assertEnginesAgree(
        t,
        (x, filter) =>
          tf.conv2d(
            x as tf.Tensor4D,
            filter as tf.Tensor4D,
            stride,
            padding as tf.backend_util.ExplicitPadding | 'same' | 'valid',
          ),
        [floats([2, 6, 7, 3]), floats([3, 3, 3, 5])],
        2,
        1e-5,
      );
    }
  }
});

test.serial('a frozen filter or an image without gradient costs no gradient kernel', async t => {
  for (const engine of FAST_ENGINES) {
    const names = await onEngine(t, engine, () => {
      const ones = tf.ones([1, 1, 1, 1]);
      const filter = tf.variable(ones);
      const x = tf.ones([1, 2, 2, 1]) as tf.Tensor4D;
      const called: string[] = [];
      const config = tf.getKernel('SfConvolutionInputGrad', engine);
      const {kernelFunc} = config;
      config.kernelFunc = call => {
        called.push('input');
        return kernelFunc(call);
      };
      const {value, grads} = tf.variableGrads(() =>
        tf.sum(convolution(x, filter as tf.Tensor4D, {stride: 1, padding: 0})),
      );
      config.kernelFunc = kernelFunc;
      tf.dispose([value, grads, x, filter, ones]);
      return called;
    });
    t.deepEqual(names, [], engine);
  }
});

test.serial('a filter for other channels than the input is refused', async t => {
  for (const engine of FAST_ENGINES) {
    await onEngine(t, engine, () => {
      const x = tf.ones([1, 2, 2, 3]) as tf.Tensor4D;
      const filter = tf.ones([1, 1, 4, 1]) as tf.Tensor4D;
      t.throws(() => convolution(x, filter, {stride: 1, padding: 0}), {
        message: /onvolution: input has 3 channels, filter expects 4$/,
      });
      tf.dispose([x, filter]);
    });
  }
});

test.serial('a residual or a bias of another shape than the result is refused', async t => {
  for (const engine of FAST_ENGINES) {
    await onEngine(t, engine, () => {
      const x = tf.ones([1, 2, 2, 3]) as tf.Tensor4D;
      const filter = tf.ones([1, 1, 3, 2]) as tf.Tensor4D;
      const residual = tf.ones([1, 2, 1, 2]) as tf.Tensor4D;
      t.throws(() => convolution(x, filter, {stride: 1, padding: 0, residual}), {message: /residual/});
      tf.dispose([x, filter, residual]);
    });
  }
});
