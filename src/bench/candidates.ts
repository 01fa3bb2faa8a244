/**
 * Scores of a network that has not been trained, spread as those of one that has: a random one gives all anchors nearly
 * the same score, so that either none of them is a candidate for detection or all are, and inference is not what it is.
 *
 * RetinaNet: every CANDIDATE_OUTPUTS-th output of the class predictor has the logit of the score threshold as its bias, the
 * others are far below. Each filter sums to zero over its window, so that it responds to what changes in the map and not to
 * the map's mean: half of the places of each level exceed the threshold for those outputs, 1 % of all (anchor, class) pairs.
 * At 800x1344 that fills the 1000 candidates of P3 to P6, with 17 classes.
 *
 * Faster and Mask R-CNN: in every one of the 1000 proposals one class is a candidate, of the others none. Several
 * hundred survive suppression, and the best 100 of them are detections with masks.
 *
 * `against_torchvision.py` does the same.
 */
import * as tf from '@tensorflow/tfjs';
import type {RunConfig} from '../config/run.js';
import type {ScoreThreshold} from '../config/stage.js';
import type {Detector} from '../detectors/detector.js';
import {RunError} from '../errors.js';

/** No divisor of 91, so that the outputs are of different classes. */
const CANDIDATE_OUTPUTS = 51;

/** Makes the logits of N(0, 0.01^2) filters differ by about 1 within an output. */
const GAIN = 1000;

/** Logit of the pairs that are never candidates: a probability of 5e-5. */
const BACKGROUND_LOGIT = -10;

/** The class that every proposal may be of. */
const CANDIDATE_CLASS = 1;

/** Its logit where background has 0: a probability of 0.12, so that what the filters add brings it under no threshold. */
const CANDIDATE_LOGIT = -2;

/** @throws RunError when the score threshold is not a constant */
export function spreadScores(detector: Detector, {model}: RunConfig): void {
  switch (model.kind) {
    case 'retinanet':
      spreadAnchors(detector, model.stages.dense.scoreThreshold);
      return;
    case 'faster-rcnn':
    case 'mask-rcnn':
      spreadRegions(detector);
      return;
    case 'cascade-rcnn':
      throw new Error(`${model.kind} has no benchmark`);
  }
}

function spreadAnchors({parameters}: Detector, scoreThreshold: ScoreThreshold): void {
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

function spreadRegions({parameters}: Detector): void {
  const bias = parameters.get('roi.class_logits.bias').variable;
  tf.tidy(() => {
    const biases = new Float32Array(bias.size).fill(BACKGROUND_LOGIT);
    biases[0] = 0;
    biases[CANDIDATE_CLASS] = CANDIDATE_LOGIT;
    bias.assign(tf.tensor1d(biases));
  });
}
