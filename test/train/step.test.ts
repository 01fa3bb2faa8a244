import * as tf from '@tensorflow/tfjs';
import {Sgd} from '../../src/train/sgd.js';
import {trainStep} from '../../src/train/step.js';
import {ENGINES, testsOn} from '../engines.js';
import {linearDetector, noiseBatch} from './linear-detector.js';
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
