/**
 * Cascade R-CNN: Cai and Vasconcelos, CVPR 2018. RoI-subnets one after the other, each trained at a higher IoU on the boxes
 * that the one before has refined. All of them are one stage, `roi`: their losses are added before they are scaled.
 */
import * as tf from '@tensorflow/tfjs';
import {rcnnFpn} from '../backbones/fpn.js';
import {resnet} from '../backbones/resnet.js';
import {boxArea, gatherBoxes} from '../boxes/box.js';
import {clipBoxes, decodeBoxes, type Region} from '../boxes/box-coder.js';
import type {BoxCoderConfig} from '../config/network.js';
import type {CascadeRcnnConfig} from '../config/two-stage.js';
import type {Batch, ImageBatch} from '../data/batch.js';
import {Parameters} from '../layers/parameters.js';
import {Phase} from '../layers/phase.js';
import type {Detections, Detector, DetectorOptions} from './detector.js';
import {maskBranch} from './mask-branch.js';
import {inFilePixels, type RoiOutputs, roiDetections} from './roi-detections.js';
import {readOutputs, readOutputsSync, readRoiLosses, roiSubnet} from './roi-subnet.js';
import {joinRois, labelRois, sampleRois, withGroundTruth} from './rois.js';
import {regionProposals} from './rpn.js';
import {type ExampleCounts, type LossSums, normalise, scaleLosses, withMask} from './stage.js';

/** @throws UsageError when the stages' fields need the imbalance of a training set that has no foreground. */
export function cascadeRcnn(config: CascadeRcnnConfig, options: DetectorOptions): Detector {
  const {classes, seed, imbalance} = options;
  const {stages, roi} = config;
  const parameters = new Parameters();
  const phase = new Phase();
  const scope = {parameters, seed, phase};
  const backbone = resnet(scope, config.backbone, options.inputStd);
  const pyramid = rcnnFpn(scope, config.fpn, backbone.channels);
  const inChannels = config.fpn.channels;
  const rpn = regionProposals(scope, config.rpn, stages.rpn, {inChannels, imbalance: imbalance.rpn});
  const subnets = roi.stages.map(({matcher, boxCoder}, index) => ({
    matcher,
    weights: boxCoder.weights,
    ...roiSubnet(
      scope,
      `roi.${index}`,
      {...roi, matcher, boxCoder, boxLoss: stages.roi.boxLoss},
      {inChannels, classes},
    ),
  }));
  const {theta} = stages.roi.scoreThreshold;
  const masks =
    config.mask === null
      ? undefined
      : maskBranch(scope, config.mask, {inChannels, classes, levels: roi.levels});
  const detectionOptions = {
    ...config.inference,
    classAgnostic: roi.classAgnostic,
    scoreThreshold: theta,
  };

  return {
    parameters,

    losses: phase.training((batch: Batch) => {
      const [, height, width] = batch.images.shape;
      const {infos, targets} = batch;
      const levels = pyramid(backbone.forward(batch.images));
      const predictions = rpn.predict(levels);
      const rpnLosses = rpn.losses(predictions, batch);
      const boxes = rpn
        .propose(predictions, {height, width}, infos, 'training')
        .map(proposals => proposals.boxes);

      const first = subnets[0]!;
      const candidates = labelRois(
        joinRois(roi.appendGroundTruth ? withGroundTruth(boxes, targets) : boxes),
        targets,
        first.matcher,
      );
      const sampled = sampleRois(candidates, batch, {
        sampler: stages.roi.sampler,
        matcher: first.matcher,
        seed,
        lossesOf: () => readRoiLosses(first, levels, candidates),
      });
      const parts: {losses: LossSums; counts: ExampleCounts}[] = [];
      let rois = sampled;
      for (const [index, subnet] of subnets.entries()) {
        const outputs = subnet.predict(levels, rois, roi.gradientScale);
        const {sums, counts} = subnet.lossSums(outputs, rois, batch);
        parts.push({losses: normalise(stages.roi, roi.normaliser, sums, counts, roi.boxLossWeight), counts});
        const next = subnets[index + 1];
        if (next === undefined) break;
        const refined = readOutputsSync(outputs, rois, infos.length).map((output, image) =>
          boxesWithArea(refinedBoxes(output, subnet.weights, infos[image]!, roi.classAgnostic)),
        );
        rois = labelRois(joinRois(refined), targets, next.matcher);
      }
      const roiLosses = scaleLosses(
        stages.roi,
        addLosses(parts.map(part => part.losses)),
        addCounts(parts.map(part => part.counts)),
      );
      const mask = masks?.loss(levels, sampled, batch);
      return {rpn: rpnLosses, roi: mask === undefined ? roiLosses : withMask(roiLosses, mask)};
    }),

    async detect({images, infos}: ImageBatch): Promise<readonly Detections[]> {
      const [, height, width] = images.shape;
      const levels = tf.tidy(() => pyramid(backbone.forward(images)) as tf.Tensor4D[]);
      const predictions = tf.tidy(() => rpn.predict(levels));
      let boxes = rpn
        .propose(predictions, {height, width}, infos, 'inference')
        .map(proposals => proposals.boxes);
      tf.dispose(Object.values(predictions));

      const ofSubnets: (readonly RoiOutputs[])[] = [];
      for (const subnet of subnets) {
        const rois = joinRois(boxes);
        const refined = subnet.predict(levels, rois);
        const outputs = await readOutputs(refined, rois, infos.length);
        tf.dispose(Object.values(refined));
        ofSubnets.push(outputs);
        boxes = outputs.map((output, image) =>
          refinedBoxes(output, subnet.weights, infos[image]!, roi.classAgnostic),
        );
      }
      const found = infos.map((info, image) =>
        roiDetections(averaged(ofSubnets.map(outputs => outputs[image]!)), info, {
          ...detectionOptions,
          boxWeights: subnets.at(-1)!.weights,
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

/**
 * Boxes of one image as a subnet has moved them, cut to the image. Of class-specific boxes, that of the likeliest class but
 * background.
 */
export function refinedBoxes(
  {boxes, probabilities, deltas}: RoiOutputs,
  weights: BoxCoderConfig['weights'],
  region: Region,
  classAgnostic: boolean,
): Float32Array {
  const count = boxes.length / 4;
  if (classAgnostic) return clipBoxes(decodeBoxes(deltas, boxes, weights), region);
  const columns = probabilities.length / Math.max(1, count);
  const rows = Int32Array.from({length: count}, (_, row) => {
    const ofClasses = probabilities.subarray(row * columns + 1, (row + 1) * columns);
    // Where nothing is a number the first class stands in: its deltas are of this box at least.
    const likeliest = ofClasses.reduce((best, value, cls) => (value > ofClasses[best]! ? cls : best), 0);
    return row * (columns - 1) + likeliest;
  });
  return clipBoxes(decodeBoxes(gatherBoxes(deltas, rows), boxes, weights), region);
}

/** The boxes with an interior: a refined box may have lost its own to the border. */
function boxesWithArea(boxes: Float32Array): Float32Array {
  const rows = Array.from({length: boxes.length / 4}, (_, row) => row);
  return gatherBoxes(
    boxes,
    rows.filter(row => boxArea(boxes, row) > 0),
  );
}

/** Mean probabilities of all subnets, with the boxes and deltas of the last: the subnets see the same R boxes. */
export function averaged(outputs: readonly RoiOutputs[]): RoiOutputs {
  const last = outputs.at(-1)!;
  const probabilities = last.probabilities.map(
    (_, i) => outputs.reduce((sum, output) => sum + output.probabilities[i]!, 0) / outputs.length,
  );
  return {...last, probabilities};
}

function addLosses(parts: readonly LossSums[]): LossSums {
  const sum = (name: keyof LossSums) => tf.addN(parts.map(part => part[name])) as tf.Scalar;
  const total = {classification: sum('classification'), box: sum('box')};
  tf.dispose(parts.flatMap(part => Object.values(part)));
  return total;
}

function addCounts(parts: readonly ExampleCounts[]): ExampleCounts {
  const sum = (name: 'examples' | 'foreground') => parts.reduce((total, part) => total + part[name], 0);
  return {examples: sum('examples'), foreground: sum('foreground'), images: parts[0]!.images};
}
