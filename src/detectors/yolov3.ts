/**
 * YOLOv3: Redmon and Farhadi, "YOLOv3: an incremental improvement", 2018, as darknet has it; and the paper's Sampling-Free
 * version of it. One stage, `dense`.
 *
 * The paper replaces YOLOv3's objectness by its mechanism (Sec. 4) and gives no code. Read here: every prediction answers C
 * sigmoid questions, as in Eq. 2. The assignment of objects, the ignore rule and the box loss stay, since they say what is
 * right and sample nothing. N is all predictions and N_f the assigned ones; which are ignored depends on what is predicted and
 * is not subtracted. The box loss is divided by the images, as the baseline's; the classification loss by N_f, as in Eq. 2,
 * which Eq. 8 cancels. Also plausible, and a value of the config each: good background trained as background
 * (`assignment.ignoreThreshold: null`; Ultralytics' YOLOv3 has an architecture without objectness that does so), the box loss
 * divided by N_f (`normaliser.box: foreground`), the entropy of the centres left out of the loss that Eq. 8 follows
 * (`boxLoss.entropy: excluded`; classes then learn far more slowly).
 */
import * as tf from '@tensorflow/tfjs';
import {darknet} from '../backbones/darknet.js';
import {decodeYolo} from '../boxes/yolo-coder.js';
import {cellsOf, levelCount, type YoloGrid, yoloGrid} from '../boxes/yolo-grid.js';
import type {YoloV3Config} from '../config/yolov3.js';
import {type Batch, type ImageBatch, randomOfImages} from '../data/batch.js';
import type {DensePredictions} from '../heads/retina-head.js';
import {type YoloPredictions, yoloHead} from '../heads/yolo-head.js';
import {Parameters} from '../layers/parameters.js';
import {Phase} from '../layers/phase.js';
import {scoreThreshold} from '../sampling-free/adaptive-threshold.js';
import {initialBias} from '../sampling-free/optimal-bias.js';
import {type DecodeCandidates, denseCandidates, denseDetections} from './dense-detections.js';
import type {Detections, Detector, DetectorOptions} from './detector.js';
import {labelPredictions, yoloLosses} from './yolo-stage.js';

/**
 * Bias and threshold of the stage are those of the question that all predictions are asked: of objectness, or of the classes
 * where there is none. With objectness, class logits start without a bias.
 * @throws UsageError when the stage's fields need the imbalance of a training set that has no foreground.
 */
export function yolov3(config: YoloV3Config, options: DetectorOptions): Detector {
  const {classes, seed} = options;
  const {objectness, stages, inference} = config;
  const imbalance = options.imbalance.dense;
  const theta = scoreThreshold(stages.dense.scoreThreshold, imbalance, classes);
  const {bias} = initialBias(stages.dense.biasInit, imbalance, objectness === null ? classes : 1);

  const parameters = new Parameters();
  const phase = new Phase();
  const scope = {parameters, seed, phase};
  const backbone = darknet(scope, config.backbone);
  const head = yoloHead(scope, {
    channels: backbone.channels,
    norm: config.head.norm,
    anchors: config.anchors.map(level => level.length),
    classes,
    objectnessBias: objectness === null ? null : bias,
    classBias: objectness === null ? bias : 0,
  });
  const predict = (images: tf.Tensor4D): YoloPredictions => head(backbone.forward(images));
  const gridOf = ({shape: [, height, width]}: tf.Tensor4D): YoloGrid =>
    yoloGrid(config.anchors, {height, width});

  return {
    parameters,

    losses: phase.training((batch: Batch) => {
      const {images, targets} = batch;
      const predictions = predict(images);
      const randomOf = randomOfImages(batch, seed, 'sample');
      const examples = labelPredictions(config, {grid: gridOf(images), targets, predictions, randomOf});
      return {dense: yoloLosses(config, predictions, examples)};
    }),

    async detect({images, infos}: ImageBatch): Promise<readonly Detections[]> {
      const grid = gridOf(images);
      const predictions = tf.tidy(() => scoredPredictions(predict(images), objectness?.threshold ?? 0));
      const candidates = await denseCandidates(predictions, {
        levelCounts: grid.levels.map(levelCount),
        preNmsTopK: inference.preNmsTopK,
        scoreThreshold: theta,
      });
      tf.dispose(Object.values(predictions));
      const decode: DecodeCandidates = (logits, positions) => decodeYolo(logits, cellsOf(grid, positions));
      return infos.map((info, image) =>
        denseDetections(candidates[image]!, decode, info, {...inference, suppress: 'predicted'}),
      );
    },
  };
}

/** A logit that no threshold lets pass. */
const NEVER = -1e9;

/**
 * Logits of the scores: of the classes, or of the products of objectness and class. With o and c the logits of these,
 *
 *     s = sigmoid(o) sigmoid(c),    log(s / (1 - s)) = -log(e^-o + e^-c + e^-(o + c))
 *
 * Predictions whose objectness does not exceed the threshold are out.
 */
export function scoredPredictions(
  {boxes, objectness, classes}: YoloPredictions,
  threshold: number,
): DensePredictions {
  if (objectness === undefined) return {logits: classes, deltas: boxes};
  const logits = tf.tidy(() => {
    const terms = [objectness, classes, tf.add(objectness, classes)].map(z => tf.neg(z));
    const largest = terms.reduce((most, term) => tf.maximum(most, term));
    const sum = terms.map(term => tf.exp(tf.sub(term, largest))).reduce((total, e) => tf.add(total, e));
    const product = tf.neg(tf.add(largest, tf.log(sum)));
    if (threshold <= 0) return product as tf.Tensor3D;
    const isObject = tf.greater(objectness, Math.log(threshold / (1 - threshold)));
    return tf.where(isObject, product, tf.fill(product.shape, NEVER)) as tf.Tensor3D;
  });
  return {logits, deltas: boxes};
}
