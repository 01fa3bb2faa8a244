/** FoveaBox: Kong et al., "FoveaBox: Beyond anchor-based object detector", 2019. One stage, `dense`, whose examples are points. */
import * as tf from '@tensorflow/tfjs';
import {fpn} from '../backbones/fpn.js';
import {resnet} from '../backbones/resnet.js';
import {canvasCache} from '../boxes/canvas.js';
import {assignFoveae} from '../boxes/fovea-assignment.js';
import {decodeDeltasFromPoints, decodeFromPoints, encodeFromPoints} from '../boxes/point-coder.js';
import {type Points, pyramidPoints} from '../boxes/points.js';
import type {FoveaBoxConfig} from '../config/foveabox.js';
import {type Batch, type ImageBatch, randomOfImages} from '../data/batch.js';
import {type DensePredictions, retinaHead} from '../heads/retina-head.js';
import {Parameters} from '../layers/parameters.js';
import {Phase} from '../layers/phase.js';
import {scoreThreshold} from '../sampling-free/adaptive-threshold.js';
import {initialBias} from '../sampling-free/optimal-bias.js';
import {type DecodeCandidates, denseDetections, pointCandidates} from './dense-detections.js';
import type {Detections, Detector, DetectorOptions} from './detector.js';
import {type ExampleCoder, sampleExamples} from './examples.js';
import {denseStage, readExampleLosses} from './stage.js';

/** @throws UsageError when the stage's fields need the imbalance of a training set that has no foreground. */
export function foveabox(config: FoveaBoxConfig, options: DetectorOptions): Detector {
  const {classes, seed} = options;
  const imbalance = options.imbalance.dense;
  const {assignment} = config;
  const {dense} = config.stages;
  const edges = assignment.levels.map(level => level.baseEdge);
  const pointsOf = canvasCache(canvas => pyramidPoints(canvas, edges));
  const theta = scoreThreshold(dense.scoreThreshold, imbalance, classes);
  const {bias} = initialBias(dense.biasInit, imbalance, classes);

  const parameters = new Parameters();
  const phase = new Phase();
  const scope = {parameters, seed, phase};
  const backbone = resnet(scope, config.backbone, options.inputStd, 3);
  const pyramid = fpn(scope, config.fpn, backbone.channels);
  const head = retinaHead(scope, config.head, {
    inChannels: config.fpn.channels,
    anchorsPerCell: 1,
    classes,
    classBias: bias,
  });
  const lossesOf = denseStage(scope, {name: 'dense', stage: dense, normaliser: config.normaliser});
  const predict = (images: tf.Tensor4D): DensePredictions => head(pyramid(backbone.forward(images)));

  return {
    parameters,

    losses: phase.training((batch: Batch) => {
      const [, height, width] = batch.images.shape;
      // Comes first so that the host labels while the device computes, and because a sampler may go by the losses.
      const predictions = predict(batch.images);
      const points = pointsOf({height, width});
      const examples = sampleExamples({
        targets: batch.targets,
        matches: batch.targets.map(objects => assignFoveae(objects, {height, width}, assignment)),
        levelCounts: points.levelCounts,
        coder: pointCoder(points),
        sampler: dense.sampler,
        randomOf: randomOfImages(batch, seed, 'sample'),
        lossesOf: labels => readExampleLosses(dense.classificationLoss, predictions.logits, labels),
      });
      return {dense: lossesOf(predictions, examples)};
    }),

    async detect({images, infos}: ImageBatch): Promise<readonly Detections[]> {
      const [, height, width] = images.shape;
      const points = pointsOf({height, width});
      const predictions = tf.tidy(() => predict(images));
      const candidates = await pointCandidates(predictions, {
        levelCounts: points.levelCounts,
        preNmsTopK: config.inference.preNmsTopK,
        scoreThreshold: theta,
      });
      tf.dispose(Object.values(predictions));
      const decode: DecodeCandidates = (deltas, positions) => decodeFromPoints(deltas, points, positions);
      return infos.map((info, image) => denseDetections(candidates[image]!, decode, info, config.inference));
    },
  };
}

/** Distances of the sides from the points. */
function pointCoder(points: Points): ExampleCoder {
  return {
    encode: (boxes, positions) => encodeFromPoints(boxes, points, positions),
    decode: (deltas, positions) => decodeDeltasFromPoints(deltas, points, positions),
  };
}
