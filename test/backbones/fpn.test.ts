import * as tf from '@tensorflow/tfjs';
import {fpn, rcnnFpn} from '../../src/backbones/fpn.js';
import {type FirstMap, resnet} from '../../src/backbones/resnet.js';
import type {BackboneConfig} from '../../src/config/network.js';
import {Parameters} from '../../src/layers/parameters.js';
import {floats} from '../engine/ops/agreement.js';
import {ENGINES, FAST_ENGINES, testsOn} from '../engines.js';

const test = testsOn(ENGINES);

const CONFIG = {
  ...{depth: 50, width: 0.0625, strideIn: '3x3'},
  norm: {kind: 'frozen-bn'},
} as const satisfies Partial<BackboneConfig>;

type Shape4 = [number, number, number, number];

function noise(shape: Shape4): tf.Tensor4D {
  return tf.tensor<tf.Rank.R4>(floats(shape).values, shape);
}

test('P6 is P5 at every second row and column, and only those pixels receive its gradient', t => {
  const parameters = new Parameters();
  const pyramid = rcnnFpn({parameters, seed: 1}, {channels: 4, norm: {kind: 'none'}}, [3, 5]);
  t.deepEqual(
    parameters.all.map(({name}) => name).filter(name => name.endsWith('weight')),
    ['fpn.lateral4.weight', 'fpn.lateral5.weight', 'fpn.output4.weight', 'fpn.output5.weight'],
  );
  const maps = [noise([2, 6, 10, 3]), noise([2, 3, 5, 5])];
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const [p4, p5, p6] = pyramid(maps) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
    t.deepEqual(p4.shape, [2, 6, 10, 4]);
    t.deepEqual(p6.shape, [2, 2, 3, 4]);
    const even = p5
      .arraySync()
      .map(rows => rows.filter((_, y) => y % 2 === 0).map(row => row.filter((_, x) => x % 2 === 0)));
    t.deepEqual(p6.arraySync(), even);
  });
  const {value, grads} = tf.variableGrads(
    () => tf.tidy(() => tf.sum<tf.Scalar>(pyramid(maps)[2]!)),
    [parameters.get('fpn.output5.bias').variable],
  );
  // Six pixels of two images.
  t.deepEqual([...Object.values(grads)[0]!.dataSync()], [12, 12, 12, 12]);
  tf.dispose([value, grads]);
  t.is(tf.memory().numTensors, before);
  tf.dispose(maps);
  parameters.dispose();
});

testsOn(FAST_ENGINES)(
  'the backbone gives C2 to C5, or C3 to C5 with the same values and nothing more alive',
  t => {
    const images = noise([1, 64, 96, 3]);
    for (const freezeAt of [0, 2, 3]) {
      const backbone = (first?: FirstMap) => {
        const scope = {parameters: new Parameters(), seed: 3};
        const network = resnet(scope, {...CONFIG, freezeAt}, 57, first);
        const before = tf.memory().numTensors;
        const maps = network.forward(images);
        const result = {
          channels: network.channels,
          shapes: maps.map(({shape}) => shape),
          values: maps.map(map => map.dataSync()),
          alive: tf.memory().numTensors - before,
        };
        tf.dispose([...maps]);
        scope.parameters.dispose();
        return result;
      };
      const all = backbone();
      t.deepEqual(all.channels, [16, 32, 64, 128]);
      t.deepEqual(all.shapes, [
        [1, 16, 24, 16],
        [1, 8, 12, 32],
        [1, 4, 6, 64],
        [1, 2, 3, 128],
      ]);
      const three = backbone(3);
      t.deepEqual(three.channels, all.channels.slice(1));
      t.deepEqual(three.values, all.values.slice(1));
      t.is(three.alive, 3);
      t.is(all.alive, 4);
    }
    images.dispose();
  },
);

test('both pyramids share the top-down path', t => {
  const [ours, theirs] = [new Parameters(), new Parameters()];
  const config = {channels: 4, norm: {kind: 'none'}} as const;
  const levels = [3, 5, 6];
  const retina = fpn(
    {parameters: ours, seed: 1},
    {...config, p6From: 'p5', p7From: 'relu-p6', initial: 'kaiming-uniform'},
    levels,
  );
  const rcnn = rcnnFpn({parameters: theirs, seed: 1}, config, levels);
  const maps = [noise([1, 8, 12, 3]), noise([1, 4, 6, 5]), noise([1, 2, 3, 6])];
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const values = (outputs: readonly tf.Tensor[]) => outputs.slice(0, 3).map(map => map.dataSync());
    t.deepEqual(values(rcnn(maps)), values(retina(maps)));
    t.deepEqual(
      retina(maps).map(({shape}) => shape.slice(1, 3)),
      [
        [8, 12],
        [4, 6],
        [2, 3],
        [1, 2],
        [1, 1],
      ],
    );
  });
  t.is(tf.memory().numTensors, before);
  tf.dispose(maps);
  ours.dispose();
  theirs.dispose();
});

test('P7 is a convolution of ReLU(P6), or of P6 as it is', t => {
  const parameters = new Parameters();
  const config = {channels: 4, norm: {kind: 'none'}, p6From: 'c5', initial: 'xavier-uniform'} as const;
  const maps = [noise([1, 16, 16, 3]), noise([1, 8, 8, 5]), noise([1, 4, 4, 6])];
  for (const p7From of ['relu-p6', 'p6'] as const) {
    const pyramid = fpn({parameters, seed: 1}, {...config, p7From}, [3, 5, 6]);
    // P6 has 2 x 2 pixels and P7 one, and at the centre of its filter lies the first of P6.
    const filter = parameters.get('fpn.p7.weight').variable as tf.Variable<tf.Rank.R4>;
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const [, , , p6, p7] = pyramid(maps) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor4D, tf.Tensor4D];
      t.deepEqual(p6.shape, [1, 2, 2, 4]);
      const values = p6
        .arraySync()[0]!
        .map(row => row.map(pixel => pixel.map(value => (p7From === 'p6' ? value : Math.max(value, 0)))));
      const weights = filter.arraySync();
      const expected = [0, 1, 2, 3].map(channel => {
        let sum = 0;
        for (const [y, row] of values.entries()) {
          for (const [x, pixel] of row.entries()) {
            for (const [c, value] of pixel.entries()) sum += value * weights[1 + y]![1 + x]![c]![channel]!;
          }
        }
        return sum;
      });
      const found = p7.dataSync();
      t.true(expected.every((value, i) => Math.abs(value - found[i]!) < 1e-5));
    });
    t.is(tf.memory().numTensors, before);
    parameters.dispose();
  }
  tf.dispose(maps);
});
