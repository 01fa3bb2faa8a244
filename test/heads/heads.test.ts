/** What heads are at the start, and that they bear an empty list of proposals. */
import * as tf from '@tensorflow/tfjs';
import type {Norm} from '../../src/config/network.js';
import {boxHead} from '../../src/heads/box-head.js';
import {maskHead} from '../../src/heads/mask-head.js';
import {rpnHead} from '../../src/heads/rpn-head.js';
import {Parameters} from '../../src/layers/parameters.js';
import {ENGINES, FAST_ENGINES, testsOn} from '../engines.js';

const none = {kind: 'none'} as const;

/** Sizes of the network that the paper trains; what they are made of is the same on every engine. */
const startTest = testsOn(FAST_ENGINES.slice(0, 1));
const test = testsOn(ENGINES);

function statistics(parameters: Parameters, name: string) {
  const values = parameters.get(name).variable.dataSync<'float32'>();
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
  return {mean, deviation, most: values.reduce((most, x) => Math.max(most, Math.abs(x)), 0)};
}

const near = (actual: number, expected: number, relative: number): boolean =>
  Math.abs(actual / expected - 1) < relative;

startTest('the box head starts as the baselines do', t => {
  const parameters = new Parameters();
  const head = {layers: 2, channels: 64};
  const options = {inChannels: 64, poolSize: 7, classes: 80, classAgnostic: false};
  boxHead({parameters, seed: 1}, 'roi', head, options);
  // Kaiming-uniform with a = 1: U(-b, b) with b^2 = 3 / inputs, so a deviation of b / sqrt(3).
  for (const [name, inputs] of [
    ['roi.fc.0.weight', 3136],
    ['roi.fc.1.weight', 64],
  ] as const) {
    const {deviation, most} = statistics(parameters, name);
    t.true(near(deviation, Math.sqrt(1 / inputs), 0.03), name);
    t.true(most <= Math.sqrt(3 / inputs) && most > 0.97 * Math.sqrt(3 / inputs), name);
  }
  t.true(near(statistics(parameters, 'roi.class_logits.weight').deviation, 0.01, 0.03));
  t.true(near(statistics(parameters, 'roi.box_deltas.weight').deviation, 0.001, 0.03));
  const biases = parameters.all.filter(({kind}) => kind === 'bias');
  t.is(biases.length, 4);
  t.true(biases.every(({variable}) => variable.dataSync().every(value => value === 0)));
  t.deepEqual(
    parameters.all.map(({name, variable}) => [name, ...variable.shape]),
    [
      ['roi.fc.0.weight', 3136, 64],
      ['roi.fc.0.bias', 64],
      ['roi.fc.1.weight', 64, 64],
      ['roi.fc.1.bias', 64],
      ['roi.class_logits.weight', 64, 81],
      ['roi.class_logits.bias', 81],
      ['roi.box_deltas.weight', 64, 320],
      ['roi.box_deltas.bias', 320],
    ],
  );
  parameters.dispose();
});

startTest('the RPN head starts as N(0, 0.01^2) with the bias that it is given', t => {
  const parameters = new Parameters();
  const config = {layers: 2, channels: 48, norm: none};
  rpnHead({parameters, seed: 1}, config, {inChannels: 32, anchorsPerCell: 3, objectnessBias: -8.5});
  for (const name of ['rpn.conv.0', 'rpn.conv.1', 'rpn.objectness', 'rpn.box_deltas'])
    t.true(near(statistics(parameters, `${name}.weight`).deviation, 0.01, 0.1), name);
  t.deepEqual([...parameters.get('rpn.objectness.bias').variable.dataSync()], [-8.5, -8.5, -8.5]);
  t.is(statistics(parameters, 'rpn.box_deltas.bias').most, 0);
  t.deepEqual(parameters.get('rpn.conv.0.weight').variable.shape, [3, 3, 32, 48]);
  t.deepEqual(parameters.get('rpn.box_deltas.weight').variable.shape, [1, 1, 48, 12]);
  parameters.dispose();
});

startTest('the mask head starts Kaiming-normal', t => {
  const parameters = new Parameters();
  maskHead({parameters, seed: 1}, {layers: 4, channels: 64, norm: none}, {inChannels: 64, classes: 80});
  for (const [name, variance] of [
    ['mask.conv.3.weight', 2 / (9 * 64)],
    ['mask.deconv.weight', 2 / (4 * 64)],
    ['mask.logits.weight', 2 / 81],
  ] as const)
    t.true(near(statistics(parameters, name).deviation, Math.sqrt(variance), 0.03), name);
  t.true(
    parameters.all.every(({name}) => name.endsWith('.weight') || statistics(parameters, name).most === 0),
  );
  parameters.dispose();
});

test('predictions come in the order of level, row, column and anchor', t => {
  const parameters = new Parameters();
  const config = {layers: 1, channels: 4, norm: none};
  const head = rpnHead({parameters, seed: 1}, config, {inChannels: 4, anchorsPerCell: 2, objectnessBias: 0});
  // The hidden layer passes its centre on; objectness of anchor k is channel k, delta d of it is channel 2 plus 10 k + d.
  tf.tidy(() => {
    const assign = (name: string, values: tf.Tensor) => parameters.get(name).variable.assign(values);
    assign(
      'rpn.conv.0.weight',
      tf.pad4d(tf.reshape(tf.eye(4), [1, 1, 4, 4]), [
        [1, 1],
        [1, 1],
        [0, 0],
        [0, 0],
      ]),
    );
    assign('rpn.objectness.weight', tf.reshape(tf.eye(4, 2), [1, 1, 4, 2]));
    const deltas = [0, 1].flatMap(k => [0, 1, 2, 3].map(d => 10 * k + d));
    assign(
      'rpn.box_deltas.weight',
      tf.tensor4d(
        [...Array<number>(16).fill(0), ...Array<number>(8).fill(1), ...Array<number>(8).fill(0)],
        [1, 1, 4, 8],
      ),
    );
    assign('rpn.box_deltas.bias', tf.tensor1d(deltas));
  });
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    // Two levels of 1x2 and 1x1 cells; the channels of cell c are 10 c, 10 c + 1, 100 (c + 1), 0.
    const cell = (c: number) => [10 * c, 10 * c + 1, 100 * (c + 1), 0];
    const levels = [tf.tensor4d([...cell(0), ...cell(1)], [1, 1, 2, 4]), tf.tensor4d(cell(2), [1, 1, 1, 4])];
    const {logits, deltas} = head(levels);
    t.deepEqual(logits.shape, [1, 6, 1]);
    t.deepEqual([...logits.dataSync()], [0, 1, 10, 11, 20, 21]);
    t.deepEqual(deltas.shape, [1, 6, 4]);
    const expected = [0, 1, 2].flatMap(c =>
      [0, 1].flatMap(k => [0, 1, 2, 3].map(d => 100 * (c + 1) + 10 * k + d)),
    );
    t.deepEqual([...deltas.dataSync()], expected);
  });
  t.is(tf.memory().numTensors, before);
  parameters.dispose();
});

test('a class-agnostic head has one box for all classes', t => {
  const parameters = new Parameters();
  const options = {inChannels: 3, poolSize: 2, classes: 5, classAgnostic: true};
  const head = boxHead({parameters, seed: 1}, 'roi.1', {layers: 1, channels: 8}, options);
  const before = tf.memory().numTensors;
  const pooled = tf.ones<tf.Rank.R4>([4, 2, 2, 3]);
  const {logits, deltas} = head(pooled);
  t.deepEqual(
    [logits.shape, deltas.shape],
    [
      [4, 6],
      [4, 4],
    ],
  );
  t.true(parameters.all.every(({name}) => name.startsWith('roi.1.')));
  tf.dispose([pooled, logits, deltas]);
  t.is(tf.memory().numTensors, before);
  parameters.dispose();
});

/** Shapes of the outputs, and the gradients of their sum by the trainable parameters and the input. */
function withNothing(
  parameters: Parameters,
  input: [number, number, number, number],
  compute: (x: tf.Tensor4D) => readonly tf.Tensor[],
) {
  const x = tf.tidy(() => tf.variable(tf.zeros<tf.Rank.R4>(input)));
  const shapes = tf.tidy(() => compute(x).map(({shape}) => shape));
  const {value, grads} = tf.variableGrads(
    () => tf.tidy(() => tf.addN(compute(x).map(y => tf.sum(y))) as tf.Scalar),
    [x, ...parameters.trainable.map(({variable}) => variable)],
  );
  const zero = parameters.trainable.every(({variable}) => {
    const gradient = grads[variable.name]!;
    return tf.util.arraysEqual(gradient.shape, variable.shape) && gradient.dataSync().every(g => g === 0);
  });
  const result = {shapes, sum: value.dataSync()[0], zero, dx: grads[x.name]!.shape};
  tf.dispose([x, value, grads]);
  return result;
}

test('without proposals the box head predicts nothing and learns nothing', t => {
  const parameters = new Parameters();
  const options = {inChannels: 4, poolSize: 7, classes: 3, classAgnostic: false};
  const head = boxHead({parameters, seed: 1}, 'roi', {layers: 2, channels: 16}, options);
  const before = tf.memory().numTensors;
  const result = withNothing(parameters, [0, 7, 7, 4], x => {
    const {logits, deltas} = head(x);
    return [logits, deltas];
  });
  t.deepEqual(result, {
    shapes: [
      [0, 4],
      [0, 12],
    ],
    sum: 0,
    zero: true,
    dx: [0, 7, 7, 4],
  });
  t.is(tf.memory().numTensors, before);
  parameters.dispose();
});

// Channels that torch convolves by its own kernels, and some that it leaves to the library.
for (const norm of [
  none,
  {kind: 'group-norm', groups: 2},
  {kind: 'frozen-bn'},
] as const satisfies readonly Norm[])
  for (const channels of [6, 32])
    test(`without foreground the mask head predicts nothing and learns nothing: ${norm.kind}, ${channels} channels`, t => {
      const parameters = new Parameters();
      const head = maskHead(
        {parameters, seed: 1},
        {layers: 2, channels, norm},
        {inChannels: channels, classes: 3},
      );
      const before = tf.memory().numTensors;
      const result = withNothing(parameters, [0, 14, 14, channels], x => [head(x)]);
      t.deepEqual(result, {shapes: [[0, 28, 28, 3]], sum: 0, zero: true, dx: [0, 14, 14, channels]});
      t.is(tf.memory().numTensors, before);
      parameters.dispose();
    });
