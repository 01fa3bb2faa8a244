/**
 * YOLOv3's only stage on the terms of the paper: which predictions are examples, and their two losses.
 *
 * With objectness (darknet): the classification loss asks every prediction whether it is an object, and those that are of
 * which classes. N counts all predictions but the ignored ones, N_f those that objects are assigned to.
 * Without (Sampling-Free): every prediction is asked about every class, as in Eq. 2; background answers no C times. The same
 * predictions are examples, so N and N_f are the same.
 *
 * Shape letters: B images, A predictions of all levels, P foreground examples, C classes.
 */
import * as tf from '@tensorflow/tfjs';
import {largestOverlaps} from '../boxes/overlaps.js';
import {matchPredictions, overlapThreshold, type YoloMatches} from '../boxes/yolo-assignment.js';
import {decodeYolo, decodeYoloTensor, encodeYolo} from '../boxes/yolo-coder.js';
import {cellsOf, levelCount, type YoloGrid} from '../boxes/yolo-grid.js';
import type {YoloStageConfig, YoloV3Config} from '../config/yolov3.js';
import type {Targets} from '../data/batch.js';
import {gatherRows} from '../engine/ops/gather-rows.js';
import type {YoloPredictions} from '../heads/yolo-head.js';
import {classificationLossSum} from '../losses/classification-loss.js';
import {darknetBoxSum, smallBoxWeights} from '../losses/darknet-box.js';
import {giouSum} from '../losses/giou.js';
import {iouSum} from '../losses/iou.js';
import type {Random} from '../random/random.js';
import type {StageLosses} from './detector.js';
import {type Examples, sampleExamples} from './examples.js';
import {normalise, readExampleLosses, scaleLosses} from './stage.js';

export type YoloExamples = Examples & {
  readonly grid: YoloGrid;
  /**
   * The classes of shared predictions besides their labels, as positions in [B, A, C]. A prediction that the sampler has left
   * out has none.
   */
  readonly furtherClasses: Int32Array;
};

export type PredictionLabellingOptions = {
  readonly grid: YoloGrid;
  readonly targets: readonly Targets[]; // [B]
  readonly predictions: YoloPredictions;
  readonly randomOf: (image: number) => Random;
};

/**
 * Labels every prediction of every image, and samples. Where good background is ignored the host waits for the predicted
 * boxes, unless there are no objects.
 */
export function labelPredictions(
  {assignment, stages: {dense}}: Pick<YoloV3Config, 'assignment' | 'stages'>,
  {grid, targets, predictions, randomOf}: PredictionLabellingOptions,
): YoloExamples {
  const classCount = predictions.classes.shape[2];
  let read: Float32Array | undefined;
  const boxLogits = (image: number): Float32Array => {
    read ??= predictions.boxes.dataSync<'float32'>();
    return read.subarray(4 * image * grid.predictions, 4 * (image + 1) * grid.predictions);
  };
  const matches = targets.map((objects, image) => {
    const needed = overlapThreshold(assignment) < 1 && objects.classes.length > 0;
    return matchPredictions(grid, objects, assignment, needed ? boxLogits(image) : undefined);
  });
  const examples = sampleExamples({
    ...{targets, matches, randomOf, sampler: dense.sampler},
    levelCounts: grid.levels.map(levelCount),
    coder: {
      encode: (boxes, positions) => encodeYolo(boxes, cellsOf(grid, positions)),
      decode: (logits, positions) => decodeYoloTensor(logits, cellsOf(grid, positions)),
    },
    lossesOf: labels => readPredictionLosses(dense.classificationLoss, predictions, labels),
    iou: {
      background: assignment.ignoreThreshold ?? 1,
      overlaps: image => {
        const all = Int32Array.from({length: grid.predictions}, (_, i) => i);
        return largestOverlaps(decodeYolo(boxLogits(image), cellsOf(grid, all)), targets[image]!.boxes);
      },
    },
  });
  return {...examples, grid, furtherClasses: furtherClasses(matches, examples, classCount)};
}

function furtherClasses(matches: readonly YoloMatches[], {labels, weights}: Examples, classCount: number) {
  const perImage = labels.length / Math.max(1, matches.length);
  const found = matches.flatMap(({furtherClasses: classes}, image) =>
    classes.map(({prediction, classNumber}) => ({position: image * perImage + prediction, classNumber})),
  );
  return Int32Array.from(
    found
      .filter(({position}) => weights[position] !== 0)
      .map(({position, classNumber}) => position * classCount + classNumber - 1),
  );
}

/** The classification loss of every prediction, of shared ones by their label alone; no gradient. [B, A] -> [B, A] */
function readPredictionLosses(
  config: YoloStageConfig['classificationLoss'],
  {objectness, classes}: YoloPredictions,
  labels: Int32Array,
): Float32Array {
  if (objectness === undefined) return readExampleLosses(config, classes, labels);
  const losses = readExampleLosses(config, objectness, objectLabels(labels));
  const foreground = Int32Array.from(labels.keys()).filter(i => labels[i]! > 0);
  if (foreground.length === 0) return losses;
  const rows = tf.tidy(() => tf.expandDims<tf.Tensor3D>(foregroundRows(classes, foreground), 0));
  const ofClasses = readExampleLosses(
    config,
    rows,
    foreground.map(i => labels[i]!),
  );
  rows.dispose();
  const sums = losses.slice();
  for (const [i, position] of foreground.entries()) sums[position] = sums[position]! + ofClasses[i]!;
  return sums;
}

/** 1 for every class. */
function objectLabels(labels: Int32Array): Int32Array {
  return labels.map(label => Math.min(label, 1));
}

/** [B, A, n] -> [P, n] */
function foregroundRows(maps: tf.Tensor3D, foreground: Int32Array): tf.Tensor2D {
  const rows = tf.reshape(maps, [-1, maps.shape[2]]) as tf.Tensor2D;
  return gatherRows(rows, tf.tensor1d(foreground, 'int32'));
}

/** The stage's losses of one mini-batch. */
export function yoloLosses(
  {normaliser, stages: {dense}}: Pick<YoloV3Config, 'normaliser' | 'stages'>,
  predictions: YoloPredictions,
  examples: YoloExamples,
): StageLosses {
  const classification = tf.tidy(() => classificationSum(dense.classificationLoss, predictions, examples));
  const box = tf.tidy(() => boxSum(dense.boxLoss, predictions.boxes, examples));
  const {examples: count, foreground, images} = examples;
  const counts = {examples: count, foreground: foreground.length, images};
  return scaleLosses(dense, normalise(dense, normaliser, {classification, box}, counts), counts);
}

function classificationSum(
  config: YoloStageConfig['classificationLoss'],
  {objectness, classes}: YoloPredictions,
  examples: YoloExamples,
): tf.Scalar {
  const shape: [number, number] = [classes.shape[0], classes.shape[1]];
  const weights = tf.tensor2d(examples.weights, shape);
  const sumOf = (logits: tf.Tensor3D, labels: Int32Array) =>
    classificationLossSum(config, logits, tf.tensor2d(labels, shape, 'int32'), weights);
  if (objectness === undefined) {
    const everywhere = sumOf(classes, examples.labels);
    const {length} = examples.furtherClasses;
    return length === 0 ? everywhere : tf.add(everywhere, furtherClassesSum(config, classes, examples));
  }
  const everywhere = sumOf(objectness, objectLabels(examples.labels));
  const {length} = examples.foreground;
  return length === 0 ? everywhere : tf.add(everywhere, classesOfObjectsSum(config, classes, examples));
}

/** Every class of every foreground example as a question of its own, since it may have several. */
function classesOfObjectsSum(
  config: YoloStageConfig['classificationLoss'],
  classes: tf.Tensor3D,
  {labels, foreground, furtherClasses}: YoloExamples,
): tf.Scalar {
  const count = classes.shape[2];
  const answers = new Int32Array(foreground.length * count);
  const rowOf = new Map([...foreground].map((position, row) => [position, row]));
  for (const [row, position] of foreground.entries()) answers[row * count + labels[position]! - 1] = 1;
  for (const pair of furtherClasses)
    answers[rowOf.get(Math.floor(pair / count))! * count + (pair % count)] = 1;
  return binaryQuestions(config, foregroundRows(classes, foreground), answers);
}

/** What it costs that further classes of shared examples are right as well, and were taken for wrong. */
function furtherClassesSum(
  config: YoloStageConfig['classificationLoss'],
  classes: tf.Tensor3D,
  {furtherClasses}: YoloExamples,
): tf.Scalar {
  const logits = gatherRows(
    tf.reshape(classes, [-1, 1]) as tf.Tensor2D,
    tf.tensor1d(furtherClasses, 'int32'),
  );
  const answeredBy = (answer: number) =>
    binaryQuestions(config, logits, new Int32Array(furtherClasses.length).fill(answer));
  return tf.sub(answeredBy(1), answeredBy(0));
}

/** @param answers 1 yes, 0 no, one for every logit */
function binaryQuestions(
  config: YoloStageConfig['classificationLoss'],
  logits: tf.Tensor,
  answers: Int32Array,
): tf.Scalar {
  return classificationLossSum(
    config,
    tf.reshape(logits, [1, -1, 1]) as tf.Tensor3D,
    tf.tensor2d(answers, [1, answers.length], 'int32'),
    tf.ones([1, answers.length]),
  );
}

function boxSum(config: YoloStageConfig['boxLoss'], boxes: tf.Tensor3D, examples: YoloExamples): tf.Scalar {
  const predicted = foregroundRows(boxes, examples.foreground);
  const objects = () => tf.tensor2d(examples.boxes, [examples.foreground.length, 4]);
  switch (config.kind) {
    case 'darknet': {
      const weights = smallBoxWeights(examples.boxes, examples.grid.canvas);
      return darknetBoxSum(config, predicted, examples.boxTargets, weights);
    }
    case 'iou':
      return iouSum(examples.decode(predicted), objects());
    case 'giou':
      return giouSum(examples.decode(predicted), objects());
  }
}
