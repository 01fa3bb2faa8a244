import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import {onEngine, relativeDifference} from '../ops/agreement.js';
import {asOnCpu, type Draw, filled, pick, shapes, signed, torchTest, whole, wholes} from './against-cpu.js';

type Image = tf.Tensor4D;
type Size = [number, number];

/** alignCorners and halfPixelCenters; tfjs knows no image with both. */
const CONVENTIONS = [
  [false, false],
  [true, false],
  [false, true],
] as const;

const imageShape = (draw: Draw): number[] => [draw(whole, 1, 2), ...draw(wholes, 2, 1, 7), draw(whole, 1, 4)];
const sizeOf = (draw: Draw): Size => draw(wholes, 2, 1, 12) as Size;
const image = (shape: number[]): Image => signed(shape) as Image;

for (const name of ['resizeBilinear', 'resizeNearestNeighbor'] as const) {
  asOnCpu(
    `${name} in each of its conventions`,
    draw => {
      const [shape, size] = [imageShape(draw), sizeOf(draw)];
      const convention = pick(draw, CONVENTIONS);
      return () => tf.image[name](image(shape), size, ...convention);
    },
    {runs: 60, tolerance: 1e-6},
  );

  asOnCpu(
    `the gradient of ${name}`,
    draw => {
      // tfjs's kernels exchange height and width in the bilinear gradient's shape, read the gradient of a second image
      // from the wrong place, know no half-pixel centres, and do not end where a pixel is both corners.
      const [side, channels, size] = [draw(whole, 2, 7), draw(whole, 1, 4), sizeOf(draw)];
      const alignCorners = draw(fc.boolean);
      const resize = (x: tf.Tensor) => tf.image[name](x as Image, size, alignCorners);
      return () =>
        tf.grad(x => tf.mul(resize(x), filled([1, ...size, channels])))(image([1, side, side, channels]));
    },
    {tolerance: 1e-6},
  );

  torchTest(`the gradient of ${name} with half-pixel centres is its adjoint`, async t => {
    // For a linear map, sum(A(x) dy) = sum(x A'(dy)).
    await onEngine(t, 'torch', () => {
      for (const size of [
        [3, 11],
        [9, 2],
        [4, 8],
      ] as const) {
        const products = tf.tidy(() => {
          const [x, dy] = [image([2, 4, 5, 3]), signed([2, ...size, 3])];
          const resize = (v: tf.Tensor) => tf.image[name](v as Image, [...size], false, true);
          const gradient = tf.grad(v => tf.mul(resize(v), dy))(x);
          return [tf.sum(tf.mul(resize(x), dy)), tf.sum(tf.mul(x, gradient))].map(sum => sum.dataSync()[0]!);
        });
        t.true(relativeDifference([products[1]!], [products[0]!]) < 1e-5, `${products}`);
      }
    });
  });
}

asOnCpu(
  'crops of boxes, on the image and off it',
  draw => {
    const [shape, size, count] = [imageShape(draw), sizeOf(draw), draw(whole, 1, 4)];
    const boxes = Array.from({length: count}, () => draw(wholes, 4, -4, 12).map(end => end / 8));
    const images = draw(wholes, count, 0, shape[0]! - 1);
    const method = pick(draw, ['bilinear', 'nearest'] as const);
    return () =>
      tf.image.cropAndResize(
        image(shape),
        tf.tensor2d(boxes),
        tf.tensor1d(images, 'int32'),
        size,
        method,
        0.5,
      );
  },
  {runs: 60, tolerance: 1e-6},
);

asOnCpu(
  'images turned, mirrored and transformed',
  draw => {
    // tfjs's kernel transforms the first image of a batch only.
    const shape = imageShape(draw).with(0, 1);
    const matrix = draw(wholes, 8, -8, 8).map(
      (value, i) => (i % 4 === 0 ? 1 : 0) + value / (i > 5 ? 400 : i % 3 === 2 ? 2 : 16),
    );
    const interpolation = pick(draw, ['bilinear', 'nearest'] as const);
    const fillMode = pick(draw, ['constant', 'reflect', 'wrap', 'nearest'] as const);
    const [radians, size] = [draw(whole, -6, 6) / 3, sizeOf(draw)];
    return () => [
      tf.image.rotateWithOffset(image(shape), radians, 0.25, 0.5),
      tf.image.flipLeftRight(image(shape)),
      tf.image.transform(image(shape), tf.tensor2d([matrix]), interpolation, fillMode, 0.5, size),
    ];
  },
  {runs: 60, tolerance: 1e-5},
);

torchTest('every image of a batch is transformed, by its own matrix', async t => {
  await onEngine(t, 'torch', () => {
    const shifted = tf.tidy(() => {
      const shift = (x: number) => [1, 0, x, 0, 1, 0, 0, 0];
      const images = tf.tensor4d([1, 2, 3, 4, 5, 6], [2, 1, 3, 1]);
      return [...tf.image.transform(images, tf.tensor2d([shift(1), shift(-1)])).dataSync()];
    });
    t.deepEqual(shifted, [2, 3, 0, 0, 4, 5]);
  });
});

asOnCpu('suppression of overlapping boxes, hard and soft', draw => {
  const count = draw(whole, 1, 12);
  const boxes = Array.from({length: count}, () => {
    const [y, x, height, width] = draw(wholes, 4, 1, 6);
    return [y!, x!, y! + height!, x! + width!];
  });
  const scores = Array.from({length: count}, (_, i) => ((i * 37) % 64) / 64);
  const [most, sigma] = [draw(whole, 1, 8), draw(whole, 0, 2) / 2];
  return () => {
    const given = [tf.tensor2d(boxes), tf.tensor1d(scores), most, 0.4, 0.1] as const;
    const padded = tf.image.nonMaxSuppressionPadded(...given, true);
    const soft = tf.image.nonMaxSuppressionWithScore(...given, sigma);
    return [
      tf.image.nonMaxSuppression(...given),
      ...Object.values(padded),
      ...Object.values(soft),
    ] as tf.Tensor[];
  };
});

asOnCpu(
  'normalisation of a batch, with and without scale and offset',
  draw => {
    const shape = draw(shapes, 2, 4);
    const of = draw(fc.boolean) ? shape.slice(-1) : shape;
    const [scaled, moved] = [draw(fc.boolean), draw(fc.boolean)];
    return () => {
      const [mean, variance] = [signed(of), tf.abs(signed(of))] as [tf.Tensor1D, tf.Tensor1D];
      const [offset, scale] = [moved ? mean : undefined, scaled ? variance : undefined];
      const x = signed(shape) as tf.Tensor2D;
      return tf.batchNorm(x, mean, variance, offset, scale, 0.01);
    };
  },
  {tolerance: 1e-6},
);

asOnCpu(
  'local response normalisation and its gradient',
  draw => {
    const [shape, radius] = [imageShape(draw), draw(whole, 0, 3)];
    const of = (x: tf.Tensor) => tf.localResponseNormalization(x as Image, radius, 1.5, 0.5, 0.75);
    return () => [of(image(shape)), tf.grad(x => tf.mul(of(x), filled(shape)))(image(shape))];
  },
  {tolerance: 1e-5},
);

asOnCpu(
  'greyscale dilation and its gradients',
  draw => {
    const shape = [1, ...draw(wholes, 2, 4, 8), draw(whole, 1, 3)];
    const filterShape = [...draw(wholes, 2, 1, 3), shape[3]!];
    const [stride, pad] = [draw(whole, 1, 2), pick(draw, ['same', 'valid'] as const)];
    const dilation = stride === 1 && pad === 'same' ? draw(whole, 1, 2) : 1;
    const of = (x: tf.Tensor, filter: tf.Tensor) =>
      tf.dilation2d(x as Image, filter as tf.Tensor3D, stride, pad, dilation);
    return () => {
      const [x, filter] = [image(shape), signed(filterShape)];
      const y = of(x, filter);
      return [y, ...tf.grads((a, b) => tf.mul(of(a!, b!), filled(y.shape)))([x, filter])];
    };
  },
  {tolerance: 1e-5},
);
