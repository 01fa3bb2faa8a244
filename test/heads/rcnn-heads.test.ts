/** The parts of two-stage detectors against torchvision's: outputs, and the gradients of a weighted sum of them. */
import * as tf from '@tensorflow/tfjs';
import type {ExecutionContext} from 'ava';
import {rcnnFpn} from '../../src/backbones/fpn.js';
import {boxHead} from '../../src/heads/box-head.js';
import {maskHead} from '../../src/heads/mask-head.js';
import {rpnHead} from '../../src/heads/rpn-head.js';
import type {ModelScope} from '../../src/layers/convolution-layer.js';
import {Parameters} from '../../src/layers/parameters.js';
import {FAST_ENGINES, testsOn} from '../engines.js';
import {uniform} from '../fixtures/torchvision/formula.js';
import {type GoldenTensor, largestDifference, readGolden} from '../fixtures/torchvision/golden.js';
import {assignRcnnWeights, ourRcnnName} from '../fixtures/torchvision/rcnn.js';

const test = testsOn(FAST_ENGINES);

type Section = {
  /** Of all outputs, each times the formula under `d <name>`. */
  readonly sum: number;
  readonly outputs: Readonly<
    Record<
      string,
      {readonly shape: readonly number[]; readonly step: number; readonly values: readonly number[]}
    >
  >;
  readonly gradientNorms: Readonly<Record<string, number>>;
  readonly inputGradientNorms: Readonly<Record<string, number>>;
};

const golden = readGolden<{
  readonly tensors: readonly GoldenTensor[];
  readonly backboneChannels: readonly number[];
  readonly channels: number;
  readonly fcChannels: number;
  readonly classes: number;
  readonly anchors: number;
  /** Height and width of P2 to P6. */
  readonly sizes: readonly (readonly [number, number])[];
  readonly poolSize: number;
  readonly maskPoolSize: number;
  readonly rois: number;
  readonly masks: number;
  readonly fpn: Section;
  readonly rpn: Section;
  readonly box: Section;
  readonly mask: Section;
}>('rcnn-heads.json');
const {channels, classes, poolSize, maskPoolSize} = golden;
const norm = {kind: 'none'} as const;
/** Relative; of an output below 0.1 to that. On torch the transforms of 3x3 convolutions round: 1.3e-5 was measured. */
const OUTPUT_TOLERANCE = 2e-5;
/** Of sums over thousands of elements: 5.2e-7 was measured. */
const NORM_TOLERANCE = 2e-6;

const formula = (name: string, shape: readonly number[]): tf.Tensor =>
  tf.tensor(uniform(name, tf.util.sizeFromShape([...shape]), -1, 1), [...shape]);

/** Square root of the sum of squares, in double precision. */
const lengthOf = (tensor: tf.Tensor): number =>
  Math.sqrt(tensor.dataSync<'float32'>().reduce((sum, x) => sum + x * x, 0));

type Part = (inputs: readonly tf.Tensor4D[]) => Readonly<Record<string, tf.Tensor>>;

/** Builds the part with torchvision's weights, and compares outputs and gradients. */
function partAgrees(
  t: ExecutionContext,
  section: Section,
  inputShapes: Readonly<Record<string, readonly number[]>>,
  build: (scope: ModelScope) => Part,
): void {
  const parameters = new Parameters();
  const part = build({parameters, seed: 1});
  const own = golden.tensors.filter(([name]) => name in section.gradientNorms);
  t.is(own.length, parameters.all.length);
  assignRcnnWeights(parameters, own, {poolSize});
  const inputs = Object.entries(inputShapes).map(([name, shape]) => tf.variable(formula(name, shape)));
  const before = tf.memory().numTensors;

  const outputs = tf.tidy(() => part(inputs as tf.Tensor4D[]));
  t.deepEqual(Object.keys(outputs), Object.keys(section.outputs));
  for (const [name, {shape, step, values}] of Object.entries(section.outputs)) {
    t.deepEqual(outputs[name]!.shape, shape);
    const sampled = outputs[name]!.dataSync().filter((_, i) => i % step === 0);
    t.true(largestDifference(sampled, values, 0.1) < OUTPUT_TOLERANCE, name);
  }
  tf.dispose(Object.values(outputs));

  const variables = [...parameters.all.map(({variable}) => variable), ...inputs];
  const {value, grads} = tf.variableGrads(
    () =>
      tf.tidy(() => {
        const sums = Object.entries(part(inputs as tf.Tensor4D[])).map(([name, y]) =>
          tf.sum<tf.Scalar>(tf.mul(y, formula(`d ${name}`, y.shape))),
        );
        return tf.addN(sums) as tf.Scalar;
      }),
    variables,
  );
  t.true(largestDifference(value.dataSync(), [section.sum], 1) < OUTPUT_TOLERANCE);
  const norms = own.map(([name]) => lengthOf(grads[parameters.get(ourRcnnName(name)).variable.name]!));
  const expected = own.map(([name]) => section.gradientNorms[name]!);
  t.true(largestDifference(norms, expected, 0) < NORM_TOLERANCE, 'gradients of parameters');
  const inputNorms = inputs.map(({name}) => lengthOf(grads[name]!));
  const expectedInput = Object.values(section.inputGradientNorms);
  t.true(largestDifference(inputNorms, expectedInput, 0) < NORM_TOLERANCE, 'gradients of inputs');
  tf.dispose([value, grads]);
  t.is(tf.memory().numTensors, before);
  parameters.dispose();
  tf.dispose(inputs);
}

test("the pyramid from P2 to P6 is torchvision's", t => {
  const maps = golden.backboneChannels.map((count, i) => [`c${i + 2}`, [2, ...golden.sizes[i]!, count]]);
  partAgrees(t, golden.fpn, Object.fromEntries(maps), scope => {
    const pyramid = rcnnFpn(scope, {channels, norm}, golden.backboneChannels);
    return inputs => Object.fromEntries(pyramid(inputs).map((map, i) => [`p${i + 2}`, map]));
  });
});

test("the RPN head is torchvision's", t => {
  const levels = golden.sizes.map((size, i) => [`p${i + 2}`, [2, ...size, channels]]);
  partAgrees(t, golden.rpn, Object.fromEntries(levels), scope =>
    rpnHead(
      scope,
      {layers: 1, channels, norm},
      {inChannels: channels, anchorsPerCell: golden.anchors, objectnessBias: 0},
    ),
  );
});

test("the box head is torchvision's, without the boxes of the background", t => {
  const pooled = [golden.rois, poolSize, poolSize, channels];
  partAgrees(t, golden.box, {'box pooled': pooled}, scope => {
    const head = boxHead(
      scope,
      'roi',
      {layers: 2, channels: golden.fcChannels},
      {inChannels: channels, poolSize, classes, classAgnostic: false},
    );
    return ([x]) => head(x!);
  });
});

test("the mask head is torchvision's, without the masks of the background", t => {
  const pooled = [golden.masks, maskPoolSize, maskPoolSize, channels];
  partAgrees(t, golden.mask, {'mask pooled': pooled}, scope => {
    const head = maskHead(scope, {layers: 4, channels, norm}, {inChannels: channels, classes});
    return ([x]) => ({logits: head(x!)});
  });
});
