/**
 * The region proposal network, stage `rpn` of two-stage detectors: Ren et al., "Faster R-CNN", Sec. 3.1, over the levels
 * P2 to P6 of Lin et al. 2017. One class: object or not.
 */
import * as tf from '@tensorflow/tfjs';
import {anchorCache, anchorsPerCell, levelSizes} from '../boxes/anchors.js';
import type {Canvas} from '../boxes/canvas.js';
import type {StageConfig} from '../config/stage.js';
import type {RpnConfig} from '../config/two-stage.js';
import {type Batch, type ImageInfo, randomOfImages, type Targets} from '../data/batch.js';
import type {DensePredictions} from '../heads/retina-head.js';
import {rpnHead} from '../heads/rpn-head.js';
import type {ModelScope} from '../layers/convolution-layer.js';
import {scoreThreshold} from '../sampling-free/adaptive-threshold.js';
import type {Imbalance} from '../sampling-free/imbalance.js';
import {initialBias} from '../sampling-free/optimal-bias.js';
import type {StageLosses} from './detector.js';
import {labelExamples} from './examples.js';
import {type Proposals, propose} from './proposals.js';
import {denseStage, readExampleLosses} from './stage.js';

/** Strides of P2 to P6. */
export const RPN_STRIDES: readonly number[] = [4, 8, 16, 32, 64];

export type RegionProposals = {
  predict(levels: readonly tf.Tensor4D[]): DensePredictions;
  losses(predictions: DensePredictions, batch: Batch): StageLosses;
  /** Constants, read by the host: the one wait between the two stages. */
  propose(
    predictions: DensePredictions,
    canvas: Canvas,
    infos: readonly ImageInfo[],
    when: 'training' | 'inference',
  ): readonly Proposals[];
};

export type RegionProposalOptions = {
  readonly inChannels: number;
  /** N and N_f of the anchors, for the optimal bias and the adaptive threshold. */
  readonly imbalance: Imbalance | undefined;
};

/** @throws UsageError when the stage's fields need the imbalance of a training set that has no foreground. */
export function regionProposals(
  scope: ModelScope,
  config: RpnConfig,
  stage: StageConfig,
  {inChannels, imbalance}: RegionProposalOptions,
): RegionProposals {
  const perCell = anchorsPerCell(config.anchors);
  const anchorsOf = anchorCache(config.anchors, RPN_STRIDES);
  const head = rpnHead(scope, config.head, {
    inChannels,
    anchorsPerCell: perCell,
    objectnessBias: initialBias(stage.biasInit, imbalance, 1).bias,
  });
  const lossesOf = denseStage(scope, {
    name: 'rpn',
    stage,
    normaliser: config.normaliser,
    boxLossWeight: config.boxLossWeight,
  });
  const countLevels = (canvas: Canvas): readonly number[] =>
    levelSizes(canvas, RPN_STRIDES).map(({height, width}) => height * width * perCell);
  const {proposals} = config;
  const threshold = scoreThreshold(stage.scoreThreshold, imbalance, 1);

  return {
    predict: head,

    losses(predictions, batch) {
      const [, height, width] = batch.images.shape;
      const anchors = anchorsOf({height, width});
      const examples = labelExamples({
        anchors,
        levelCounts: countLevels({height, width}),
        targets: batch.targets.map(asObjects),
        matcher: config.matcher,
        boxWeights: config.boxCoder.weights,
        sampler: stage.sampler,
        randomOf: randomOfImages(batch, scope.seed, 'sample rpn'),
        lossesOf: labels => readExampleLosses(stage.classificationLoss, predictions.logits, labels),
        ...(config.straddle === null ? {} : {isTrained: insideOf(anchors, batch.infos, config.straddle)}),
      });
      return lossesOf(predictions, examples);
    },

    propose(predictions, canvas, infos, when) {
      const anchors = tf.tensor2d(anchorsOf(canvas), [anchorsOf(canvas).length / 4, 4]);
      const proposed = propose(predictions, anchors, infos, {
        ...proposals[when],
        boxWeights: config.boxCoder.weights,
        levelCounts: countLevels(canvas),
        nmsThreshold: proposals.nmsThreshold,
        minSize: proposals.minSize,
        scoreThreshold: threshold,
      });
      anchors.dispose();
      return proposed;
    },
  };
}

/** The objects as what this stage tells apart from background: all of one class. */
function asObjects({boxes, classes}: Targets): Targets {
  return {boxes, classes: new Int32Array(classes.length).fill(1)};
}

/** Whether an anchor leaves its image by at most `straddle` pixels. */
function insideOf(
  anchors: Float32Array,
  infos: readonly ImageInfo[],
  straddle: number,
): (image: number, anchor: number) => boolean {
  return (image, anchor) => {
    const {left = 0, top = 0, width, height} = infos[image]!;
    const o = 4 * anchor;
    return (
      anchors[o]! >= left - straddle &&
      anchors[o + 1]! >= top - straddle &&
      anchors[o + 2]! <= left + width + straddle &&
      anchors[o + 3]! <= top + height + straddle
    );
  };
}
