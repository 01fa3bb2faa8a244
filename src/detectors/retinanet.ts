/** RetinaNet: Lin et al., "Focal loss for dense object detection", ICCV 2017. One stage, `dense`. */
import * as tf from '@tensorflow/tfjs';
import {fpn} from '../backbones/fpn.js';
import {resnet} from '../backbones/resnet.js';
import {anchorCache, anchorsPerCell, levelSizes} from '../boxes/anchors.js';
import {gatherBoxes} from '../boxes/box.js';
import {decodeBoxes} from '../boxes/box-coder.js';
import type {Canvas} from '../boxes/canvas.js';
import type {RetinaNetConfig} from '../config/network.js';
import {type Batch, type ImageBatch, randomOfImages} from '../data/batch.js';
import {type DensePredictions, retinaHead} from '../heads/retina-head.js';
import {Parameters} from '../layers/parameters.js';
import {Phase} from '../layers/phase.js';
import {scoreThreshold} from '../sampling-free/adaptive-threshold.js';
import {initialBias} from '../sampling-free/optimal-bias.js';
import {type DecodeCandidates, denseCandidates, denseDetections} from './dense-detections.js';
import type {Detections, Detector, DetectorOptions} from './detector.js';
import {labelExamples} from './examples.js';
import {denseStage, readExampleLosses} from './stage.js';

/** @throws UsageError when the stage's fields need the imbalance of a training set that has no foreground. */
export function retinanet(config: RetinaNetConfig, options: DetectorOptions): Detector {
  const {classes, seed} = options;
  const imbalance = options.imbalance.dense;
  const {dense} = config.stages;
  const perCell = anchorsPerCell(config.anchors);
  const anchorsOf = anchorCache(config.anchors);
  const theta = scoreThreshold(dense.scoreThreshold, imbalance, classes);
  const {bias} = initialBias(dense.biasInit, imbalance, classes);

  const parameters = new Parameters();
  const phase = new Phase();
  const scope = {parameters, seed, phase};
  const backbone = resnet(scope, config.backbone, options.inputStd, 3);
  const pyramid = fpn(scope, config.fpn, backbone.channels);
  const head = retinaHead(scope, config.head, {
    inChannels: config.fpn.channels,
    anchorsPerCell: perCell,
    classes,
    classBias: bias,
  });
  const lossesOf = denseStage(scope, {name: 'dense', stage: dense, normaliser: config.normaliser});
  const countLevels = (canvas: Canvas): readonly number[] =>
    levelSizes(canvas).map(level => level.height * level.width * perCell);
  const predict = (images: tf.Tensor4D): DensePredictions => head(pyramid(backbone.forward(images)));

  return {
    parameters,

    losses: phase.training((batch: Batch) => {
      const [, height, width] = batch.images.shape;
      // Comes first so that the host labels while the device computes, and because a sampler may go by the losses.
      const predictions = predict(batch.images);
      const examples = labelExamples({
        anchors: anchorsOf({height, width}),
        levelCounts: countLevels({height, width}),
        targets: batch.targets,
        matcher: config.matcher,
        boxWeights: config.boxCoder.weights,
        sampler: dense.sampler,
        randomOf: randomOfImages(batch, seed, 'sample'),
        lossesOf: labels => readExampleLosses(dense.classificationLoss, predictions.logits, labels),
      });
      return {dense: lossesOf(predictions, examples)};
    }),

    async detect({images, infos}: ImageBatch): Promise<readonly Detections[]> {
      const [, height, width] = images.shape;
      const anchors = anchorsOf({height, width});
      const predictions = tf.tidy(() => predict(images));
      const candidates = await denseCandidates(predictions, {
        levelCounts: countLevels({height, width}),
        preNmsTopK: config.inference.preNmsTopK,
        scoreThreshold: theta,
      });
      tf.dispose(Object.values(predictions));
      const decode: DecodeCandidates = (deltas, positions) =>
        decodeBoxes(deltas, gatherBoxes(anchors, positions), config.boxCoder.weights);
      return infos.map((info, image) => denseDetections(candidates[image]!, decode, info, config.inference));
    },
  };
}
