/** Sums over many anchors: 1.6 million terms of 1.25e-5 each, as cross-entropy has them at the optimal bias. */
import * as tf from '@tensorflow/tfjs';
import type {ClassificationLoss} from '../../src/config/stage.js';
import {initialCrossEntropyLoss, initialFocalLoss} from '../../src/sampling-free/initial-loss.js';
import {ENGINES, testsOn} from '../engines.js';
import {classificationLossSum} from './sums.js';

const test = testsOn(ENGINES);

const ANCHORS = 20_000;
const CLASSES = 80;
const FOREGROUND = 20;

/** The loss of an untrained detector on one image, per foreground anchor; Eq. 3 and 4 say what it is. */
function initialLoss(config: ClassificationLoss, pi: number): number {
  return tf.tidy(() => {
    const logits = tf.fill<tf.Rank.R3>([1, ANCHORS, CLASSES], Math.log(pi / (1 - pi)));
    const foreground = Int32Array.from({length: ANCHORS}, (_, i) =>
      i % (ANCHORS / FOREGROUND) === 0 ? 7 : 0,
    );
    const labels = tf.tensor2d(foreground, [1, ANCHORS], 'int32');
    return classificationLossSum(config, logits, labels, tf.ones([1, ANCHORS])).dataSync()[0]! / FOREGROUND;
  });
}

const state = {ratio: ANCHORS / FOREGROUND, classes: CLASSES};

// Adding one by one in single precision would be 1 % off here and 5 % at 100,000 anchors.
test('the first loss of a detector is Eq. 3 or Eq. 4', t => {
  const before = tf.memory().numTensors;
  const crossEntropy = initialLoss({kind: 'cross-entropy'}, 1.25e-5);
  const focal = initialLoss({kind: 'focal', alpha: 0.25, gamma: 2}, 1e-2);
  t.is(tf.memory().numTensors, before);
  t.true(Math.abs(crossEntropy / initialCrossEntropyLoss({...state, pi: 1.25e-5}) - 1) < 1e-5);
  t.true(Math.abs(focal / initialFocalLoss({...state, pi: 1e-2, alpha: 0.25, gamma: 2}) - 1) < 1e-5);
});
