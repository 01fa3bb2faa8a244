import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import {functionsOf} from '../../../src/engine/torch/addon.js';
import type {MemoryFunctions} from '../../../src/engine/torch/memory.js';
import {onEngine} from '../ops/agreement.js';
import {
  allOf,
  asOnCpu,
  assertAsOnCpu,
  type Draw,
  DTYPES,
  type Dtype,
  filled,
  pick,
  shapes,
  someOf,
  torchTest,
  whole,
  wholes,
} from './against-cpu.js';

const dtypeOf = (draw: Draw): Dtype => pick(draw, DTYPES);
const axisOf = (draw: Draw, rank: number): number => draw(whole, -rank, rank - 1);
const paddingsOf = (draw: Draw, shape: readonly number[], most: (size: number) => number) =>
  shape.map(size => draw(wholes, 2, 0, most(size)) as [number, number]);

asOnCpu('transposition exchanges any axes', draw => {
  const [shape, dtype] = [draw(shapes, 1, 6), dtypeOf(draw)];
  const permutation = draw(allOf, shape.length);
  return () => tf.transpose(filled(shape, dtype), permutation);
});

// Blocks are 16 on a side, and a unit of work reaches 4096 elements.
for (const [shape, permutation] of [
  [
    [3, 17, 33, 5],
    [0, 3, 1, 2],
  ],
  [
    [3, 5, 17, 33],
    [0, 2, 3, 1],
  ],
  [
    [1, 16, 4100],
    [2, 0, 1],
  ],
  [
    [5, 2, 32, 16],
    [3, 1, 2, 0],
  ],
  [
    [40, 6, 50],
    [1, 0, 2],
  ],
  [
    [1, 1, 30, 1, 40],
    [4, 1, 0, 3, 2],
  ],
] as const)
  torchTest(`transposition of ${shape.join('x')} by ${permutation.join()}`, async t => {
    for (const dtype of DTYPES)
      await assertAsOnCpu(t, () => tf.transpose(filled([...shape], dtype), [...permutation]));
  });

asOnCpu('a slice begins and ends anywhere', draw => {
  const [shape, dtype] = [draw(shapes, 1, 5), dtypeOf(draw)];
  const begin = shape.map(size => draw(whole, 0, size - 1));
  const sizes = shape.map((size, axis) => draw(whole, 0, size - begin[axis]!));
  return () => tf.slice(filled(shape, dtype), begin, sizes);
});

asOnCpu('a strided slice steps forwards and backwards, with any masks', draw => {
  const [shape, dtype] = [draw(shapes, 1, 4), dtypeOf(draw)];
  const bounds = () => shape.map(size => draw(whole, -size, size));
  const [begin, end] = [bounds(), bounds()];
  const strides = shape.map(() => draw(whole, 1, 3) * (draw(fc.boolean) ? 1 : -1));
  const [beginMask, endMask] = draw(wholes, 2, 0, 2 ** shape.length - 1);
  return () => tf.stridedSlice(filled(shape, dtype), begin, end, strides, beginMask, endMask);
});

asOnCpu('a strided slice with new and dropped axes', draw => {
  const shape = draw(shapes, 1, 4);
  // Of each entry: where it begins, and whether it makes an axis, drops one, or keeps one from there on.
  const entries = shape.flatMap(size => {
    const kept = {begin: draw(whole, 0, size - 1), kind: pick(draw, ['drop', 'keep'] as const)};
    return draw(fc.boolean) ? [{begin: 0, kind: 'make'} as const, kept] : [kept];
  });
  const mask = (kind: string): number =>
    entries.reduce((bits, entry, i) => bits | (entry.kind === kind ? 2 ** i : 0), 0);
  const begin = entries.map(entry => entry.begin);
  const ones = begin.map(() => 1);
  return () =>
    tf.stridedSlice(filled(shape), begin, ones, ones, 0, mask('keep'), 0, mask('make'), mask('drop'));
});

asOnCpu('concatenation along any axis, of empty tensors too', draw => {
  const [shape, dtype, count] = [draw(shapes, 1, 4), dtypeOf(draw), draw(whole, 1, 4)];
  const axis = axisOf(draw, shape.length);
  const sizes = draw(wholes, count, 0, 5);
  const resized = (size: number) => shape.with(axis, size);
  return () =>
    tf.concat(
      sizes.map(size => filled(resized(size), dtype)),
      axis,
    );
});

asOnCpu('stacking, and what is on the stack', draw => {
  const [shape, dtype, count] = [draw(shapes, 0, 4), dtypeOf(draw), draw(whole, 1, 4)];
  const axis = draw(whole, -shape.length - 1, shape.length);
  return () => {
    const stack = tf.stack(
      Array.from({length: count}, () => filled(shape, dtype)),
      axis,
    );
    return [stack, ...tf.unstack(stack, axis)];
  };
});

asOnCpu('a split into sizes, and its gradient', draw => {
  const shape = draw(shapes, 1, 4);
  const axis = axisOf(draw, shape.length);
  const sizes = draw(wholes, 3, 1, 4);
  const total = sizes.reduce((sum, size) => sum + size);
  return () => {
    const x = filled(shape.with(axis, total));
    const gradient = tf.grad(v =>
      tf.concat(
        tf.split(v, sizes, axis).map((part, i) => tf.mul(part, i + 1)),
        axis,
      ),
    );
    return [...tf.split(x, sizes, axis), gradient(x)];
  };
});

asOnCpu('padding with a value', draw => {
  const [shape, dtype] = [draw(shapes, 1, 4), dtypeOf(draw)];
  const paddings = paddingsOf(draw, shape, () => 3);
  const value = draw(whole, 0, 1);
  return () => tf.pad(filled(shape, dtype), paddings, value);
});

asOnCpu('padding with a mirror image', draw => {
  const [shape, dtype, mode] = [
    draw(shapes, 1, 4),
    dtypeOf(draw),
    pick(draw, ['reflect', 'symmetric'] as const),
  ];
  const paddings = paddingsOf(draw, shape, size => (mode === 'reflect' ? size - 1 : size));
  return () => tf.mirrorPad(filled(shape, dtype), paddings, mode);
});

asOnCpu('repetition, its gradient, and broadcasting', draw => {
  const shape = draw(shapes, 1, 4, 3);
  const repetitions = draw(wholes, shape.length, 1, 3);
  const weights = shape.map((size, axis) => size * repetitions[axis]!);
  const broadcast = shape.map(size => (size === 1 ? 4 : size));
  return () => {
    const x = filled(shape);
    const gradient = tf.grad(v => tf.mul(tf.tile(v, repetitions), filled(weights)));
    return [tf.tile(x, repetitions), gradient(x), tf.broadcastTo(x, [2, ...broadcast])];
  };
});

asOnCpu('reversal along any axes', draw => {
  const [shape, dtype] = [draw(shapes, 1, 4), dtypeOf(draw)];
  const axes = draw(someOf, shape.length);
  return () => tf.reverse(filled(shape, dtype), axes);
});

asOnCpu('gathering along an axis, alike for several batches', draw => {
  const [shape, dtype] = [draw(shapes, 2, 4), dtypeOf(draw)];
  const axis = draw(whole, 0, shape.length - 1);
  const batches = draw(whole, 0, axis);
  const places = [...shape.slice(0, batches), ...draw(shapes, 0, 2)];
  const indices = draw(wholes, tf.util.sizeFromShape(places), 0, shape[axis]! - 1);
  return () => tf.gather(filled(shape, dtype), tf.tensor(indices, places, 'int32'), axis, batches);
});

asOnCpu('gathering and scattering by coordinates', draw => {
  const shape = draw(shapes, 1, 4);
  const [rank, count] = [draw(whole, 1, shape.length), draw(whole, 1, 6)];
  const coordinates = Array.from({length: count}, () =>
    shape.slice(0, rank).map(size => draw(whole, 0, size - 1)),
  );
  return () => {
    const at = tf.tensor2d(coordinates, [count, rank], 'int32');
    const slices = tf.gatherND(filled(shape), at);
    return [
      slices,
      tf.scatterND(at, slices, shape),
      tf.tensorScatterUpdate(filled(shape), at, tf.neg(slices)),
    ];
  };
});

asOnCpu('one hot among many', draw => {
  const [shape, depth, dtype] = [draw(shapes, 1, 3), draw(whole, 2, 6), dtypeOf(draw)];
  const indices = draw(wholes, tf.util.sizeFromShape(shape), -1, depth);
  return () => tf.oneHot(tf.tensor(indices, shape, 'int32'), depth, 1, 0, dtype);
});

asOnCpu('blocks of space in the batch and back', draw => {
  const [channels, block] = [draw(whole, 1, 4), draw(wholes, 2, 1, 3)];
  const paddings = draw(wholes, 2, 0, 2).map((before, axis) => [before, block[axis]! * 2 - before]);
  const sizes = block.map(size => size * draw(whole, 1, 3));
  const shape = [draw(whole, 1, 3), ...sizes, channels];
  return () => {
    const batch = tf.spaceToBatchND(filled(shape), block, paddings);
    return [batch, tf.batchToSpaceND(batch, block, paddings)];
  };
});

asOnCpu('channels as blocks of space', draw => {
  const [block, channels] = [draw(whole, 2, 3), draw(whole, 1, 3)];
  const shape = [...draw(wholes, 3, 1, 4), channels * block ** 2] as [number, number, number, number];
  return () => tf.depthToSpace(filled(shape) as tf.Tensor4D, block);
});

asOnCpu('a diagonal', draw => {
  const [shape, dtype] = [draw(shapes, 1, 3, 3), dtypeOf(draw)];
  return () => tf.diag(filled(shape, dtype));
});

torchTest('what has no elements keeps its shape', async t => {
  await assertAsOnCpu(t, () => [
    tf.transpose(tf.zeros([2, 0, 3])),
    tf.slice(tf.zeros([4, 3]), [1, 0], [0, 3]),
    tf.gather(tf.zeros([4, 3]), tf.tensor1d([], 'int32')),
    tf.gather(tf.zeros([4, 0]), tf.tensor1d([1], 'int32')),
    tf.tile(tf.zeros([2, 0]), [2, 2]),
    tf.reverse(tf.zeros([0, 3])),
    tf.pad(tf.zeros([0, 3]), [
      [0, 0],
      [1, 1],
    ]),
    tf.concat([tf.zeros([0, 3]), tf.zeros([0, 3])]),
    tf.oneHot(tf.tensor1d([], 'int32'), 3),
  ]);
});

torchTest('an index without a place is an error, not another element', async t => {
  const on = (compute: () => tf.Tensor) => () => tf.tidy(() => void compute().dataSync());
  await onEngine(t, 'torch', () => {
    for (const index of [-1, 4]) {
      const at = () => tf.tensor1d([0, index], 'int32');
      t.throws(
        on(() => tf.gather(tf.zeros([4, 2]), at())),
        {message: /not in \[0, 3\]/},
      );
      t.throws(on(() => tf.gatherND(tf.zeros([4, 2]), tf.tensor2d([[index]], [1, 1], 'int32'))));
      t.throws(on(() => tf.scatterND(tf.tensor2d([[index]], [1, 1], 'int32'), tf.ones([1, 2]), [4, 2])));
    }
  });
});

torchTest('a part has memory of its own: it does not keep the whole', async t => {
  await onEngine(t, 'torch', () => {
    const inUse = () => functionsOf<MemoryFunctions>().memoryStatistics().inUse;
    const before = inUse();
    const large = tf.ones([1000, 1000]);
    const parts = [
      tf.slice(large, 0, 600),
      ...tf.split(large, [400, 600]),
      ...tf.tidy(() => tf.unstack(tf.reshape(large, [2, 500, 1000]))),
    ];
    large.dispose();
    const bytes = parts.reduce((sum, {size}) => sum + 4 * size, 0);
    const held = inUse() - before;
    t.true(held >= bytes && held < 1.01 * bytes, `${held} for ${bytes}`);
    tf.dispose(parts);
  });
});
