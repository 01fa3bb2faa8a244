/**
 * Faster R-CNN on a feature pyramid (Ren et al. 2015; Lin et al. 2017), stages `rpn` and `roi`, and Mask R-CNN (He et al.
 * 2017), which adds a mask head to it.
 */
import * as tf from '@tensorflow/tfjs';
import {rcnnFpn} from '../backbones/fpn.js';
import {resnet} from '../backbones/resnet.js';
import type {FasterRcnnConfig, MaskRcnnConfig} from '../config/two-stage.js';
import type {Batch, ImageBatch} from '../data/batch.js';
import {Parameters} from '../layers/parameters.js';
import {Phase} from '../layers/phase.js';
import type {Detections, Detector, DetectorOptions} from './detector.js';
import {maskBranch} from './mask-branch.js';
import {inFilePixels, roiDetections} from './roi-detections.js';
import {readOutputs, readRoiLosses, roiSubnet} from './roi-subnet.js';
import {joinRois, labelRois, sampleRois, withGroundTruth} from './rois.js';
import {regionProposals} from './rpn.js';
import {normalise, scaleLosses, withMask} from './stage.js';

/** @throws UsageError when the stages' fields need the imbalance of a training set that has no foreground. */
export function fasterRcnn(config: FasterRcnnConfig | MaskRcnnConfig, options: DetectorOptions): Detector {
  const {classes, seed, imbalance} = options;
  const {stages, roi} = config;
  const parameters = new Parameters();
  const phase = new Phase();
  const scope = {parameters, seed, phase};
  const backbone = resnet(scope, config.backbone, options.inputStd);
  const pyramid = rcnnFpn(scope, config.fpn, backbone.channels);
  const inChannels = config.fpn.channels;
  const rpn = regionProposals(scope, config.rpn, stages.rpn, {inChannels, imbalance: imbalance.rpn});
  const subnet = roiSubnet(scope, 'roi', {...roi, boxLoss: stages.roi.boxLoss}, {inChannels, classes});
  const {theta} = stages.roi.scoreThreshold;
  const masks =
    config.kind === 'mask-rcnn'
      ? maskBranch(scope, config.mask, {inChannels, classes, levels: roi.levels})
      : undefined;

  return {
    parameters,

    losses: phase.training((batch: Batch) => {
      const [, height, width] = batch.images.shape;
      const levels = pyramid(backbone.forward(batch.images));
      const predictions = rpn.predict(levels);
      const rpnLosses = rpn.losses(predictions, batch);
      const proposals = rpn.propose(predictions, {height, width}, batch.infos, 'training');
      const boxes = proposals.map(proposal => proposal.boxes);
      const candidates = labelRois(
        joinRois(roi.appendGroundTruth ? withGroundTruth(boxes, batch.targets) : boxes),
        batch.targets,
        roi.matcher,
      );
      const rois = sampleRois(candidates, batch, {
        sampler: stages.roi.sampler,
        matcher: roi.matcher,
        seed,
        lossesOf: () => readRoiLosses(subnet, levels, candidates),
      });
      const {sums, counts} = subnet.lossSums(subnet.predict(levels, rois), rois, batch);
      const roiLosses = scaleLosses(
        stages.roi,
        normalise(stages.roi, roi.normaliser, sums, counts, roi.boxLossWeight),
        counts,
      );
      const mask = masks?.loss(levels, rois, batch);
      return {rpn: rpnLosses, roi: mask === undefined ? roiLosses : withMask(roiLosses, mask)};
    }),

    async detect({images, infos}: ImageBatch): Promise<readonly Detections[]> {
      const [, height, width] = images.shape;
      const levels = tf.tidy(() => pyramid(backbone.forward(images)) as tf.Tensor4D[]);
      const predictions = tf.tidy(() => rpn.predict(levels));
      const proposals = rpn.propose(predictions, {height, width}, infos, 'inference');
      tf.dispose(Object.values(predictions));
      const rois = joinRois(proposals.map(({boxes}) => boxes));
      const refined = subnet.predict(levels, rois);
      const outputs = await readOutputs(refined, rois, infos.length);
      tf.dispose(Object.values(refined));
      const found = outputs.map((output, image) =>
        roiDetections(output, infos[image]!, {
          ...config.inference,
          boxWeights: roi.boxCoder.weights,
          classAgnostic: roi.classAgnostic,
          scoreThreshold: theta,
        }),
      );
      const maskOf = masks === undefined ? undefined : await masks.detect(levels, found, infos);
      tf.dispose(levels);
      return found.map((detections, image) => ({
        ...inFilePixels(detections, infos[image]!),
        ...(maskOf === undefined ? {} : {masks: maskOf[image]!}),
      }));
    },
  };
}
