/** Darknet-53 against its restatement in PyTorch (test/fixtures/darknet), and what its config changes. */
import {readFileSync} from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import ava, {type ExecutionContext} from 'ava';
import {darknet} from '../../src/backbones/darknet.js';
import type {DarknetConfig} from '../../src/config/darknet.js';
import type {ModelScope} from '../../src/layers/convolution-layer.js';
import {Parameters} from '../../src/layers/parameters.js';
import {Phase} from '../../src/layers/phase.js';
import {FAST_ENGINES, openForTest, testsOn} from '../engines.js';
import {filterToTfjs, uniform} from '../fixtures/torchvision/formula.js';

type Summary = {readonly norm: number; readonly at: readonly number[]; readonly values: readonly number[]};
type Golden = {
  readonly epsilon: number;
  readonly momentum: number;
  readonly tensors: readonly (readonly [name: string, shape: readonly number[], low: number, high: number])[];
  readonly inference: {
    readonly blocks: DarknetConfig['blocks'];
    readonly shape: Shape4;
    readonly maps: readonly Summary[];
  };
  readonly training: {
    readonly blocks: DarknetConfig['blocks'];
    readonly shape: Shape4;
    readonly loss: number;
    readonly maps: readonly Summary[];
    readonly gradientNorms: Readonly<Record<string, number>>;
    readonly gradients: Readonly<Record<string, Summary>>;
    readonly averageNorms: Readonly<Record<string, number>>;
  };
};
type Shape4 = readonly [number, number, number, number];

// From dist/test/backbones, where this runs, to the sources.
const golden: Golden = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/darknet/darknet.json', import.meta.url), 'utf8'),
);

const test = testsOn(FAST_ENGINES);

const NORM = {kind: 'batch-norm', momentum: golden.momentum, epsilon: golden.epsilon} as const;
const configOf = (blocks: DarknetConfig['blocks']): DarknetConfig => ({
  blocks,
  width: 1,
  norm: NORM,
  freezeAt: 0,
});

const scopeOf = (): ModelScope & {readonly phase: Phase} => ({
  parameters: new Parameters(),
  seed: 1,
  phase: new Phase(),
});

let weights: ReadonlyMap<string, Float32Array> | undefined;

/** The golden's weights in our order of axes; made once. */
function goldenWeights(): ReadonlyMap<string, Float32Array> {
  weights ??= new Map(
    golden.tensors.map(([name, shape, low, high]) => {
      const values = uniform(name, tf.util.sizeFromShape([...shape]), low, high);
      return [name, shape.length === 4 ? filterToTfjs(values, shape) : values];
    }),
  );
  return weights;
}

function assignGolden(parameters: Parameters): void {
  for (const {name, variable} of parameters.all) {
    const values = goldenWeights().get(name)!;
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }
}

/** PyTorch's [B, C, H, W] in NHWC. */
function images(name: string, [batch, channels, height, width]: Shape4, low = 0): tf.Tensor4D {
  return tf.tidy(() =>
    tf.transpose(
      tf.tensor4d(uniform(name, batch * channels * height * width, low, 1), [batch, channels, height, width]),
      [0, 2, 3, 1],
    ),
  );
}

/** The largest difference of norm and samples, relative to the root mean square of the tensor where that is larger. */
function differenceOf(actual: tf.Tensor, {norm, at, values}: Summary): number {
  const found = actual.dataSync<'float32'>();
  const scale = norm / Math.sqrt(found.length);
  const ownNorm = Math.sqrt(found.reduce((sum, value) => sum + value * value, 0));
  const differences = values.map(
    (value, i) => Math.abs(found[at[i]!]! - value) / Math.max(Math.abs(value), scale),
  );
  return Math.max(Math.abs(ownNorm - norm) / norm, ...differences);
}

function assertClose(t: ExecutionContext, what: string, difference: number, tolerance: number): void {
  t.true(difference < tolerance, `${what}: off by ${difference}`);
}

test('Darknet-53 at 416x416 gives the maps of PyTorch within 1e-4', t => {
  const scope = scopeOf();
  const backbone = darknet(scope, configOf(golden.inference.blocks));
  t.deepEqual(backbone.channels, [256, 512, 1024]);
  t.deepEqual(scope.parameters.all.map(({name}) => name).sort(), golden.tensors.map(([name]) => name).sort());
  assignGolden(scope.parameters);
  const before = tf.memory().numTensors;
  const image = images('image', golden.inference.shape);
  const maps = tf.tidy(() => [...backbone.forward(image)]);
  t.deepEqual(
    maps.map(map => map.shape),
    [
      [1, 52, 52, 256],
      [1, 26, 26, 512],
      [1, 13, 13, 1024],
    ],
  );
  for (const [i, map] of maps.entries()) {
    assertClose(t, `C${i + 3}`, differenceOf(map, golden.inference.maps[i]!), 1e-4);
  }
  tf.dispose([image, maps]);
  t.is(tf.memory().numTensors, before);
  scope.parameters.dispose();
});

test('a training step with one block a stage gives the maps, gradients and averages of PyTorch', t => {
  const {training} = golden;
  const scope = scopeOf();
  const {parameters} = scope;
  const backbone = darknet(scope, configOf(training.blocks));
  assignGolden(parameters);
  const before = tf.memory().numTensors;
  const batch = images('batch', training.shape);
  const kept: tf.Tensor[] = [];
  const step = scope.phase.training(() =>
    tf.variableGrads(
      () => {
        const maps = backbone.forward(batch);
        kept.push(...maps.map(map => tf.keep(map.clone())));
        const terms = maps.map((map, i) => {
          const [b, h, w, c] = map.shape;
          return tf.mean<tf.Scalar>(tf.mul(map, images(`weights ${i}`, [b, c, h, w], -1)));
        });
        return terms.reduce((sum, term) => tf.add<tf.Scalar>(sum, term));
      },
      parameters.trainable.map(({variable}) => variable),
    ),
  );
  const {value, grads} = step();
  // The loss is a sum of terms of either sign, some hundred times smaller than their root mean square.
  assertClose(t, 'loss', Math.abs(value.dataSync()[0]! - training.loss) / Math.abs(training.loss), 1e-4);
  for (const [i, map] of kept.entries())
    assertClose(t, `C${i + 3}`, differenceOf(map, training.maps[i]!), 1e-4);
  for (const {name, variable} of parameters.trainable) {
    const norm = Math.sqrt(tf.tidy(() => tf.sum(tf.square(grads[variable.name]!)).dataSync()[0]!));
    const expected = training.gradientNorms[name]!;
    assertClose(t, `gradient of ${name}`, Math.abs(norm - expected) / expected, 1e-4);
  }
  for (const [name, expected] of Object.entries(training.gradients)) {
    assertClose(t, name, differenceOf(grads[parameters.get(name).variable.name]!, expected), 1e-4);
  }
  for (const [name, expected] of Object.entries(training.averageNorms)) {
    const norm = Math.sqrt(
      parameters
        .get(name)
        .variable.dataSync<'float32'>()
        .reduce((sum, v) => sum + v * v, 0),
    );
    assertClose(t, name, Math.abs(norm - expected) / expected, 1e-4);
  }
  tf.dispose([kept, value, Object.values(grads), batch]);
  t.is(tf.memory().numTensors, before);
  parameters.dispose();
});

ava.serial(
  'width and blocks make a small network; frozen stages have no gradient and keep their averages',
  async t => {
    await openForTest('cpu');
    const before = tf.memory().numTensors;
    const scope = scopeOf();
    const {parameters} = scope;
    const backbone = darknet(scope, {blocks: [0, 1, 1, 0, 1], width: 0.125, norm: NORM, freezeAt: 3});
    t.deepEqual(backbone.channels, [32, 64, 128]);
    // 4 channels of the stem and 8 of the first stage become 8 and 8.
    t.deepEqual(parameters.get('backbone.stage1.down.weight').variable.shape, [3, 3, 8, 8]);
    t.deepEqual(
      parameters.trainable
        .map(({name}) => name)
        .filter(name => name.endsWith('.weight') && !name.includes('norm')),
      [
        'backbone.stage3.down.weight',
        'backbone.stage3.0.conv1.weight',
        'backbone.stage3.0.conv2.weight',
        'backbone.stage4.down.weight',
        'backbone.stage5.down.weight',
        'backbone.stage5.0.conv1.weight',
        'backbone.stage5.0.conv2.weight',
      ],
    );
    const image = tf.ones<tf.Rank.R4>([1, 64, 32, 3]);
    const {value, grads} = scope.phase.training(() =>
      tf.variableGrads(() => tf.sum<tf.Scalar>(backbone.forward(image).at(-1)!)),
    )();
    t.is(Object.keys(grads).length, parameters.trainable.length);
    const mean = (layer: string): number =>
      parameters.get(`backbone.${layer}.norm.running_mean`).variable.abs().max().dataSync()[0]!;
    t.deepEqual([tf.tidy(() => mean('stage2.down')), tf.tidy(() => mean('stage3.down')) > 0], [0, true]);
    tf.dispose([value, grads, image]);
    parameters.dispose();
    t.is(tf.memory().numTensors, before);
  },
);
