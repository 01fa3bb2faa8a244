/** Cascade R-CNN: what reaches the features, and that every parameter learns. */
import * as tf from '@tensorflow/tfjs';
import type {CascadeRcnnConfig} from '../../src/config/two-stage.js';
import type {Batch} from '../../src/data/batch.js';
import {cascadeRcnn} from '../../src/detectors/cascade-rcnn.js';
import {FAST_ENGINES, testsOn} from '../engines.js';
import {near} from '../near.js';
import {
  CLASSES,
  detectorOptions,
  guided,
  type SmallObject,
  smallBatch,
  smallCascade,
  smallCascadeWithMasks,
} from './small-rcnn.js';

const test = testsOn(FAST_ENGINES);

const ONE: readonly SmallObject[] = [[[8, 12, 40, 44], 2]];

/** Gradients of the loss of stage `roi` by parameter, of those that it depends on. */
function roiGradients(config: CascadeRcnnConfig, batch: Batch): ReadonlyMap<string, Float32Array> {
  const detector = cascadeRcnn(config, detectorOptions);
  const {trainable} = detector.parameters;
  const {value, grads} = tf.variableGrads(
    () => detector.losses(batch).roi!.total,
    trainable.map(({variable}) => variable),
  );
  const read = new Map<string, Float32Array>();
  for (const {name, variable} of trainable) {
    const gradient: tf.Tensor | null | undefined = grads[variable.name];
    if (gradient) read.set(name, gradient.dataSync<'float32'>().slice());
  }
  tf.dispose([value, grads]);
  detector.parameters.dispose();
  return read;
}

const scaled = (config: CascadeRcnnConfig, gradientScale: number): CascadeRcnnConfig => ({
  ...config,
  roi: {...config.roi, gradientScale},
});

const isHead = (name: string) => name.startsWith('roi.');

test('the gradient scale multiplies the gradient into the features and leaves that of the heads', t => {
  const batch = smallBatch([ONE, []]);
  const whole = roiGradients(scaled(smallCascade, 1), batch);
  // Halving is exact in floating point. A third rounds anew in every layer on the way to the stem: some dozen times 2^-24.
  for (const [scale, tolerance] of [
    [1 / 2, 0],
    [1 / 3, 1e-5],
  ] as const) {
    const part = roiGradients(scaled(smallCascade, scale), batch);
    t.deepEqual([...part.keys()], [...whole.keys()]);
    for (const [name, expected] of whole) {
      const factor = isHead(name) ? 1 : scale;
      const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      if (name === 'fpn.output4.weight' || isHead(name)) t.true(largest > 0, name);
      near(
        t,
        part.get(name)!,
        expected.map(value => value * factor),
        tolerance * largest,
      );
    }
  }
  t.true([...whole.keys()].some(name => !isHead(name)));
  t.is([...whole.keys()].filter(isHead).length, 3 * 8);
  batch.images.dispose();
});

test('the gradient of the masks into the features is not scaled', t => {
  const batch = smallBatch([ONE, []]);
  const [boxes, boxesHalved, both, bothHalved] = [
    ...[smallCascade, scaled(smallCascade, 1 / 6)],
    ...[smallCascadeWithMasks, scaled(smallCascadeWithMasks, 1 / 6)],
  ].map(config => roiGradients(config, batch));
  for (const [name, gradient] of boxes!) {
    const scale = both!.get(name)!.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const masks = both!.get(name)!.map((value, i) => value - gradient[i]!);
    const masksHalved = bothHalved!.get(name)!.map((value, i) => value - boxesHalved!.get(name)![i]!);
    near(t, masksHalved, masks, 1e-5 * scale);
    if (name === 'fpn.output4.weight') t.true(masks.some(value => Math.abs(value) > 1e-3 * scale));
  }
  batch.images.dispose();
});

test('with class-specific boxes, guided scaling and masks every parameter of the subnets learns', t => {
  const {rpn, roi} = smallCascade.stages;
  const config: CascadeRcnnConfig = {
    ...smallCascadeWithMasks,
    roi: {...smallCascade.roi, classAgnostic: false},
    stages: {rpn, roi: {...roi, ...guided}},
  };
  const batch = smallBatch([
    ONE,
    [
      [[2, 2, 30, 30], 1],
      [[30, 20, 60, 62], 3],
    ],
  ]);
  const gradients = roiGradients(config, batch);
  for (const [name, gradient] of gradients) {
    t.true(gradient.every(Number.isFinite), name);
    t.true(!isHead(name) || gradient.some(value => value !== 0), name);
  }
  t.is(gradients.get('roi.2.box_deltas.bias')!.length, 4 * CLASSES);
  batch.images.dispose();
});
