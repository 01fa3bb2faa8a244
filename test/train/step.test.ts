import * as tf from '@tensorflow/tfjs';
import {Sgd} from '../../src/train/sgd.js';
import {TrainingStep, trainStep} from '../../src/train/step.js';
import {ENGINES, testsOn} from '../engines.js';
import {linearDetector, noiseBatch, noiseParts, noiseWholes} from './linear-detector.js';
import {runConfig} from './run-config.js';

const test = testsOn(ENGINES);

const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b));

test('losses, gradient norm and update of the first step are those of the formulas', async t => {
  const detector = linearDetector();
  const optimizer = new Sgd(detector.parameters, runConfig().schedule);
  const batch = noiseBatch(0);
  const pixels = await batch.images.data<'float32'>();
  const half = pixels.length / 2;
  const images = [pixels.subarray(0, half), pixels.subarray(half)];
  const brightness = images.map(image => image.reduce((sum, value) => sum + value, 0) / half);
  // All parameters are zero: the errors are the targets y and y / 2, the losses their mean squares, w is 2.
  const classification = (brightness[0]! ** 2 + brightness[1]! ** 2) / 2;
  const {stages, ...step} = await trainStep(detector, batch, optimizer, 0.5);
  t.true(near(stages.dense!.classification, classification));
  t.true(near(stages.dense!.box, classification / 4));
  t.true(near(stages.dense!.total, 2.25 * classification));
  t.is(stages.dense!.w, 2);
  t.is(stages.dense!.examples, half);
  t.is(stages.dense!.foreground, 2);
  t.true(near(step.total, 2.25 * classification));
  t.true(step.applied);

  // d total / d output = (2 w (-y), 2 (-y / 2)) / 2 = (-2 y, -y / 2) for each image.
  const bias = [-2, -0.5].map(factor => factor * (brightness[0]! + brightness[1]!));
  let square = bias[0]! ** 2 + bias[1]! ** 2;
  for (let i = 0; i < half; i++) {
    const sum = brightness[0]! * images[0]![i]! + brightness[1]! * images[1]![i]!;
    square += (2 * sum) ** 2 + (sum / 2) ** 2;
  }
  t.true(near(step.gradNorm, Math.sqrt(square)));
  // Biases: twice the rate.
  const updated = await detector.parameters.get('head.bias').variable.data();
  t.true(near(updated[0]!, -0.5 * 2 * bias[0]!));
  t.true(near(updated[1]!, -0.5 * 2 * bias[1]!));

  batch.images.dispose();
  optimizer.dispose();
  detector.parameters.dispose();
});

test('sub-batches are the batch: averages of losses and gradients, sums of counts, one update', async t => {
  const before = tf.memory().numTensors;
  const {schedule} = runConfig();
  const update = async (parts: number) => {
    const detector = linearDetector();
    const optimizer = new Sgd(detector.parameters, schedule);
    const step = new TrainingStep(detector, parts);
    const source = (parts === 1 ? noiseWholes(3) : noiseParts(3))(2);
    while (!step.isComplete) {
      const {value} = await source.next();
      step.add(value!);
      value!.images.dispose();
    }
    const record = await step.finish(optimizer, 0.1);
    step.dispose();
    const weights = [...detector.parameters.get('head.weight').variable.dataSync()];
    optimizer.dispose();
    detector.parameters.dispose();
    return {record, weights};
  };
  const whole = await update(1);
  const parts = await update(3);
  t.is(tf.memory().numTensors, before);
  for (const key of ['classification', 'box', 'total', 'w'] as const)
    t.true(near(parts.record.stages.dense![key], whole.record.stages.dense![key]), key);
  t.true(near(parts.record.total, whole.record.total));
  t.true(near(parts.record.gradNorm, whole.record.gradNorm));
  // Six images in either case; a linear detector has as many examples as pixels, in every part.
  t.is(parts.record.stages.dense!.foreground, 6);
  t.is(parts.record.stages.dense!.examples, 3 * whole.record.stages.dense!.examples);
  for (const [i, weight] of parts.weights.entries()) t.true(near(weight, whole.weights[i]!));
  t.true(parts.weights.some(weight => Math.abs(weight) > 1e-3));
});

test('a sub-batch that is not finite stops the whole step', async t => {
  const detector = linearDetector();
  const optimizer = new Sgd(detector.parameters, runConfig().schedule);
  const step = new TrainingStep(detector, 2);
  for (const batch of [noiseBatch(0, true), noiseBatch(1)]) {
    step.add(batch);
    batch.images.dispose();
  }
  const {applied, total} = await step.finish(optimizer, 0.1);
  t.deepEqual([applied, total], [false, Number.NaN]);
  t.true(
    detector.parameters
      .get('head.weight')
      .variable.dataSync()
      .every(weight => weight === 0),
  );
  step.dispose();
  optimizer.dispose();
  detector.parameters.dispose();
});

test('a hundred steps leave no tensor behind', async t => {
  const detector = linearDetector();
  const optimizer = new Sgd(detector.parameters, {...runConfig().schedule, clipGradientNorm: 0.1});
  const before = tf.memory().numTensors;
  for (let i = 0; i < 100; i++) {
    const batch = noiseBatch(i);
    await trainStep(detector, batch, optimizer, 0.01);
    batch.images.dispose();
    t.is(tf.memory().numTensors, before);
  }
  optimizer.dispose();
  detector.parameters.dispose();
});

test('a step that is not finite changes nothing and leaks nothing', async t => {
  const detector = linearDetector();
  const optimizer = new Sgd(detector.parameters, runConfig().schedule);
  const good = noiseBatch(0);
  await trainStep(detector, good, optimizer, 0.01);
  const weight = [...(await detector.parameters.get('head.weight').variable.data())];
  const bad = noiseBatch(1, true);
  const before = tf.memory().numTensors;
  const record = await trainStep(detector, bad, optimizer, 0.01);
  t.false(record.applied);
  t.true(Number.isNaN(record.total));
  t.is(tf.memory().numTensors, before);
  t.deepEqual([...(await detector.parameters.get('head.weight').variable.data())], weight);
  tf.dispose([good.images, bad.images]);
  optimizer.dispose();
  detector.parameters.dispose();
});
