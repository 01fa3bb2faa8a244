import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {roiLevels} from '../../../src/boxes/roi-levels.js';
import {DEFAULT_ENGINE_OPTIONS} from '../../../src/config/engine-choice.js';
import {openEngine} from '../../../src/engine/open.js';
import {pyramidRoiAlign, type RoiAlignOptions, roiAlign} from '../../../src/engine/ops/roi-align.js';
import {ENGINES, FAST_ENGINES} from '../../engines.js';
import {uniform} from '../../fixtures/torchvision/formula.js';
import {readGolden} from '../../fixtures/torchvision/golden.js';
import {
  assertEnginesAgree,
  assertGradient,
  floats,
  integer,
  integers,
  onEngine,
  random,
  relativeDifference,
  type Values,
} from './agreement.js';

type Shape4 = [number, number, number, number];
type Case = {aligned: boolean; samplingRatio: number; output: number[]; gradient: number[]};
const golden = readGolden<{
  single: {
    shape: Shape4;
    spatialScale: number;
    outputSize: [number, number];
    imageIndex: number[];
    boxes: number[];
    cases: Case[];
  };
  pyramid: {
    canvas: [number, number];
    channels: number;
    boxes: number[];
    levels: number[];
    output: number[];
  };
}>('roi-align.json');

const size = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** roiAlign of one map as an operation of tensors. */
const operation =
  (options: RoiAlignOptions & {spatialScale: number}) => (x: tf.Tensor, rois: tf.Tensor, image: tf.Tensor) =>
    roiAlign(x as tf.Tensor4D, rois as tf.Tensor2D, image as tf.Tensor1D, options);

for (const engine of ENGINES) {
  test.serial(`roiAlign and its gradient are torchvision's on boxes of every kind on ${engine}`, async t => {
    const {shape, spatialScale, outputSize, imageIndex, boxes, cases} = golden.single;
    for (const {aligned, samplingRatio, output, gradient} of cases) {
      const [y, dx] = await onEngine(t, engine, () =>
        tf.tidy(() => {
          const features = tf.tensor4d(uniform('roi features', size(shape), -1, 1), shape);
          const rois = tf.tensor2d(boxes, [imageIndex.length, 4]);
          const align = operation({outputSize, spatialScale, samplingRatio, aligned});
          const f = (x: tf.Tensor) => align(x, rois, tf.tensor1d(imageIndex, 'int32'));
          const result = f(features);
          const dy = tf.tensor(uniform('roi gradient', result.size, -1, 1), result.shape);
          return [result.dataSync().slice(), tf.grad(f)(features, dy).dataSync().slice()];
        }),
      );
      const name = `aligned ${aligned}, sampling ratio ${samplingRatio}`;
      t.true(relativeDifference(y!, output) < 5e-7, `${name}: ${relativeDifference(y!, output)}`);
      t.true(relativeDifference(dx!, gradient) < 5e-7, `${name}: ${relativeDifference(dx!, gradient)}`);
    }
  });

  test.serial(`boxes of a pyramid take torchvision's level and features on ${engine}`, async t => {
    const {canvas, channels, boxes, levels, output} = golden.pyramid;
    const level = roiLevels(Float32Array.from(boxes), {finest: 2, coarsest: 5});
    t.deepEqual([...level], levels);
    const y = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const maps = [2, 3, 4, 5].map(k => {
          const shape: Shape4 = [1, canvas[0] >> k, canvas[1] >> k, channels];
          return {
            features: tf.tensor4d(uniform(`roi p${k}`, size(shape), -1, 1), shape),
            spatialScale: 2 ** -k,
          };
        });
        const rois = tf.tensor2d(boxes, [level.length, 4]);
        const images = tf.zeros([level.length], 'int32') as tf.Tensor1D;
        return pyramidRoiAlign(maps, rois, images, tf.tensor1d(level, 'int32'), {
          outputSize: [2, 2],
          samplingRatio: 2,
          aligned: false,
        })
          .dataSync()
          .slice();
      }),
    );
    t.true(relativeDifference(y, output) < 5e-7);
  });

  test.serial(`one point in the middle of four pixels is their mean on ${engine}`, async t => {
    // Centre of the box 0.5, 0.5 .. 1.5, 1.5 in continuous coordinates: (1, 1), between the pixels (0, 0) .. (1, 1).
    const options = {outputSize: [1, 1], spatialScale: 1, samplingRatio: 1, aligned: true} as const;
    const [y, dx] = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const x = tf.tensor4d([1, 2, 4, 5, 0, 0], [1, 3, 2, 1]);
        const image = tf.tensor1d([0], 'int32');
        const f = (v: tf.Tensor) => operation(options)(v, tf.tensor2d([[0.5, 0.5, 1.5, 1.5]]), image);
        return [
          [...f(x).dataSync()],
          [
            ...tf
              .grad(f)(x, tf.tensor4d([8], [1, 1, 1, 1]))
              .dataSync(),
          ],
        ];
      }),
    );
    t.deepEqual(y, [3]);
    t.deepEqual(dx, [2, 2, 2, 2, 0, 0]);
  });

  test.serial(`no boxes give no features and a gradient of zeros on ${engine}`, async t => {
    const options = {outputSize: [7, 7], spatialScale: 0.5, samplingRatio: 0, aligned: true} as const;
    const [shape, dx] = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const none = tf.zeros([0, 4]);
        const f = (v: tf.Tensor) => operation(options)(v, none, tf.tensor1d([], 'int32'));
        const x = tf.ones([1, 2, 3, 2]);
        return [
          f(x).shape,
          [
            ...tf
              .grad((v: tf.Tensor) => tf.sum(f(v)))(x)
              .dataSync(),
          ],
        ];
      }),
    );
    t.deepEqual(shape, [0, 7, 7, 2]);
    t.deepEqual(dx, new Array(12).fill(0));
  });

  test.serial(
    `a box that is not finite has NaN features and no gradient, a huge one is 0 on ${engine}`,
    async t => {
      const boxes = [
        [0, 0, Number.NaN, 4],
        [0, Number.NEGATIVE_INFINITY, 4, 4],
        [1, 1, 1e30, 1e30],
        [0, 0, 2, 2],
      ];
      for (const samplingRatio of [0, 2]) {
        const options = {outputSize: [1, 1], spatialScale: 1, samplingRatio, aligned: true} as const;
        const [y, dx] = await onEngine(t, engine, () =>
          tf.tidy(() => {
            const f = (v: tf.Tensor) => operation(options)(v, tf.tensor2d(boxes), tf.zeros([4], 'int32'));
            const x = tf.ones([1, 4, 4, 1]);
            return [
              [...f(x).dataSync()],
              [
                ...tf
                  .grad((v: tf.Tensor) => tf.sum(f(v)))(x)
                  .dataSync(),
              ],
            ];
          }),
        );
        t.deepEqual(y, [Number.NaN, Number.NaN, 0, 1]);
        t.true(Math.abs(dx!.reduce((sum, v) => sum + v, 0) - 1) < 1e-6);
      }
    },
  );

  test.serial(`an image or a level that is not there is refused on ${engine}`, async t => {
    await onEngine(t, engine, () =>
      tf.tidy(() => {
        const options = {outputSize: [1, 1], samplingRatio: 2, aligned: true} as const;
        const features = tf.ones([2, 3, 3, 1]) as tf.Tensor4D;
        const rois = tf.tensor2d([0, 0, 2, 2, 0, 0, 2, 2], [2, 4]);
        const align = (images: number[], levels: number[]) =>
          pyramidRoiAlign(
            [{features, spatialScale: 1}],
            rois,
            tf.tensor1d(images, 'int32'),
            tf.tensor1d(levels, 'int32'),
            options,
          );
        t.throws(() => align([0, 2], [0, 0]), {message: /box 1 is in image 2 of 2/});
        t.throws(() => align([-1, 0], [0, 0]), {message: /box 0 is in image -1 of 2/});
        t.throws(() => align([0, 0], [0, 1]), {message: /box 1 is on level 1 of 1/});
      }),
    );
  });
}

/** Boxes of up to `side` pixels around an image of that many, some over its border, some empty. */
function randomBoxes(count: number, side: number): Values {
  const values = new Float32Array(4 * count);
  for (let o = 0; o < values.length; o += 4) {
    for (let axis = 0; axis < 2; axis++) {
      values[o + axis] = random.uniform(-0.2 * side, side);
      values[o + axis + 2] = values[o + axis]! + Math.max(random.uniform(-0.1 * side, side), 0);
    }
  }
  return {values, shape: [count, 4], dtype: 'float32'};
}

test.serial('roiAlign and its gradient agree between engines over shapes and options', async t => {
  for (let i = 0; i < 24; i++) {
    const [images, channels, count] = [integer(1, 3), [1, 3, 16, 37, 130][i % 5]!, integer(0, 12)];
    const options = {
      outputSize: [integer(1, 5), integer(1, 5)],
      spatialScale: [1, 0.5, 0.1][i % 3]!,
      samplingRatio: i % 4 === 3 ? 3 : (i % 4) * 1,
      aligned: i % 2 === 0,
    } as const;
    const inputs = [
      floats([images, integer(1, 12), integer(1, 12), channels]),
      randomBoxes(count, 10 / options.spatialScale),
      integers([count], 0, images - 1),
    ];
    await assertEnginesAgree(t, operation(options), inputs, 1, 1e-6);
  }
});

test.serial('roiAlign and its gradient on torch do not depend on the number of threads', async t => {
  if (!FAST_ENGINES.includes('torch')) {
    t.pass('the torch engine is not built');
    return;
  }
  const inputs = [floats([2, 12, 16, 100]), randomBoxes(40, 60), integers([40], 0, 1)].map(
    ({values, shape, dtype}) =>
      () =>
        tf.tensor(values, shape, dtype),
  );
  const align = operation({outputSize: [3, 3], spatialScale: 0.25, samplingRatio: 0, aligned: true});
  const results = [];
  for (const threads of [1, 2, 5]) {
    await openEngine('torch', {...DEFAULT_ENGINE_OPTIONS, threads});
    const [y, dx] = tf.tidy(() => {
      const [x, rois, image] = inputs.map(make => make()) as [tf.Tensor, tf.Tensor, tf.Tensor];
      const f = (features: tf.Tensor) => align(features, rois, image);
      return [
        f(x).dataSync(),
        tf
          .grad(f)(x, tf.ones([40, 3, 3, 100]))
          .dataSync(),
      ];
    });
    results.push([y, dx]);
  }
  t.deepEqual(results[1], results[0]);
  t.deepEqual(results[2], results[0]);
  await openEngine('torch');
});

test.serial('the gradient of roiAlign is a finite difference', async t => {
  for (const samplingRatio of [0, 2]) {
    const options = {outputSize: [2, 3], spatialScale: 0.5, samplingRatio, aligned: true} as const;
    const inputs = [floats([2, 4, 5, 2]), randomBoxes(5, 9), integers([5], 0, 1)];
    await assertGradient(t, operation(options), inputs, 1);
  }
});

test.serial('every level of a pyramid gets its own gradient', async t => {
  await onEngine(t, 'cpu', () =>
    tf.tidy(() => {
      const rois = tf.tensor2d([0, 0, 2, 2, 0, 0, 4, 4], [2, 4]);
      const align = (fine: tf.Tensor, coarse: tf.Tensor) =>
        pyramidRoiAlign(
          [
            {features: fine as tf.Tensor4D, spatialScale: 1},
            {features: coarse as tf.Tensor4D, spatialScale: 0.5},
          ],
          rois,
          tf.tensor1d([0, 0], 'int32'),
          tf.tensor1d([1, 0], 'int32'),
          {outputSize: [1, 1], samplingRatio: 1, aligned: true},
        );
      const dy = tf.tensor4d([1, 4], [2, 1, 1, 1]);
      const [fine, coarse] = tf.grads(align)([tf.ones([1, 4, 4, 1]), tf.ones([1, 2, 2, 1])], dy);
      // The first box is pixel (0, 0) of the coarse map, the second one the middle of pixels 1 and 2 of the fine map.
      t.deepEqual([...fine!.dataSync()], [0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
      t.deepEqual([...coarse!.dataSync()], [1, 0, 0, 0]);
    }),
  );
});

test.serial('shapes, dtypes and options that do not fit are refused', async t => {
  await onEngine(t, 'cpu', () =>
    tf.tidy(() => {
      const features = tf.ones([1, 3, 3, 2]) as tf.Tensor4D;
      const rois = tf.zeros([2, 4]) as tf.Tensor2D;
      const images = tf.zeros([2], 'int32') as tf.Tensor1D;
      const options = {outputSize: [2, 2], samplingRatio: 0, aligned: true, spatialScale: 1} as const;
      t.throws(() => roiAlign(features, tf.zeros([2, 5]) as tf.Tensor2D, images, options), {message: /rois/});
      t.throws(() => roiAlign(features, rois, tf.zeros([3], 'int32') as tf.Tensor1D, options), {
        message: /imageIndex and rois/,
      });
      t.throws(() => roiAlign(features, rois, tf.zeros([2]) as tf.Tensor1D, options), {
        message: 'roiAlign: imageIndex must be int32, not float32',
      });
      t.throws(() => roiAlign(features, rois, images, {...options, outputSize: [0, 2]}), {
        message: 'roiAlign: an output of 0 x 2 bins is no size',
      });
      t.throws(() => roiAlign(features, rois, images, {...options, samplingRatio: 1.5}), {
        message: /sampling ratio must be a whole number/,
      });
      t.throws(() => roiAlign(features, rois, images, {...options, spatialScale: 0}), {
        message: /spatial scale must be positive/,
      });
      const levels = [features, tf.ones([1, 3, 3, 4]) as tf.Tensor4D].map(map => ({
        features: map,
        spatialScale: 1,
      }));
      t.throws(() => pyramidRoiAlign(levels, rois, images, images, options), {
        message: 'roiAlign: features of level 1 are 1,3,3,4, those of level 0 1,3,3,2',
      });
    }),
  );
});
