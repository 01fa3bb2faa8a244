/**
 * Scores of a network that has not been trained, spread as those of one that has: a random one gives all anchors nearly
 * the same score, so that either none of them is a candidate for detection or all are, and inference is not what it is.
 *
 * Every CANDIDATE_OUTPUTS-th output of the class predictor has the logit of the score threshold as its bias, the others
 * are far below. Each filter sums to zero over its window, so that it responds to what changes in the map and not to the
 * map's mean: half of the places of each level exceed the threshold for those outputs, 1 % of all (anchor, class) pairs. At
 * 800x1344 that fills the 1000 candidates of P3 to P6, with 17 classes. `against_torchvision.py` does the same.
 */
import * as tf from '@tensorflow/tfjs';
import type {RetinaNetConfig} from '../config/network.js';
import type {Detector} from '../detectors/detector.js';
import {RunError} from '../errors.js';

/** No divisor of 91, so that the outputs are of different classes. */
const CANDIDATE_OUTPUTS = 51;

/** Makes the logits of N(0, 0.01^2) filters differ by about 1 within an output. */
const GAIN = 1000;

/** Logit of the pairs that are never candidates: a probability of 5e-5. */
const BACKGROUND_LOGIT = -10;

/** @throws RunError when the score threshold is not a constant */
export function spreadScores({parameters}: Detector, {stages}: RetinaNetConfig): void {
  const {scoreThreshold} = stages.dense;
  if (scoreThreshold.kind !== 'fixed') throw new RunError('a benchmark needs a fixed score threshold');
  const {theta} = scoreThreshold;
  const weight = parameters.get('head.class_logits.weight').variable;
  const bias = parameters.get('head.class_logits.bias').variable;
  tf.tidy(() => {
    weight.assign(tf.mul(tf.sub(weight, tf.mean(weight, [0, 1], true)), GAIN));
    const biases = Array.from({length: bias.size}, (_, output) =>
      output % CANDIDATE_OUTPUTS === 0 ? Math.log(theta / (1 - theta)) : BACKGROUND_LOGIT,
    );
    bias.assign(tf.tensor1d(biases));
  });
}
