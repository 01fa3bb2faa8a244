/**
 * Training and inference of torchvision's RetinaNet in sf: R-50-FPN with the stride in the 3x3 convolution, P6 from P5,
 * frozen batch norm, Focal Loss and L1, every layer trained (Lin et al. 2017; torchvision's `retinanet_resnet50_fpn`).
 */
import {loadRunConfig} from '../config/load.js';
import type {RetinaNetConfig} from '../config/network.js';
import type {RunConfig} from '../config/run.js';
import {buildDetector, inputStd} from '../detectors/build.js';
import type {Detector} from '../detectors/detector.js';
import {RunError} from '../errors.js';
import {Sgd} from '../train/sgd.js';
import {trainStep} from '../train/step.js';
import {spreadScores} from './candidates.js';
import {noiseBatch} from './noise-batch.js';
import type {PreparedWork} from './prepared-work.js';
import type {DetectorWork} from './work.js';

const AS_TORCHVISION = [
  'model.backbone.freezeAt=0',
  'model.backbone.strideIn=3x3',
  'model.fpn.p6From=p5',
  'model.boxCoder.weights=[1, 1, 1, 1]',
  'model.normaliser={classification: foreground, box: foreground}',
  'model.stages.dense.boxLoss={kind: l1}',
];

/** Small, so that nothing that is measured depends on how far the training has come. */
const LEARNING_RATE = 1e-5;

type Built = {readonly detector: Detector; readonly model: RetinaNetConfig; readonly config: RunConfig};

async function build({classes}: DetectorWork): Promise<Built> {
  const {config} = await loadRunConfig('retinanet_R_50_FPN_1x', {overrides: AS_TORCHVISION});
  const {model} = config;
  if (model.kind !== 'retinanet') throw new Error(`${model.kind} has no benchmark`);
  const detector = buildDetector(model, {
    classes,
    seed: 0,
    imbalance: {},
    inputStd: inputStd(config.input),
  });
  return {detector, model, config};
}

/** A step as `sf train` makes it, from the batch on: labels, losses, gradients, norm, update. */
export async function prepareTraining(work: DetectorWork): Promise<PreparedWork> {
  const {detector, config} = await build(work);
  const optimizer = new Sgd(detector.parameters, config.schedule);
  const batch = noiseBatch(work);
  return {
    parameters: detector.parameters.trainable.reduce((sum, {variable}) => sum + variable.size, 0),
    run: async () => {
      const {applied, total} = await trainStep(detector, batch, optimizer, LEARNING_RATE);
      if (!applied) throw new RunError(`the loss of a training step is ${total}: nothing was updated`);
    },
    dispose: () => {
      batch.images.dispose();
      optimizer.dispose();
      detector.parameters.dispose();
    },
  };
}

/** From the batch to the detections of each image, with as many candidates before suppression as a trained model has. */
export async function prepareInference(work: DetectorWork): Promise<PreparedWork> {
  const {detector, model} = await build(work);
  spreadScores(detector, model);
  const batch = noiseBatch(work);
  return {
    run: async () => {
      const detections = await detector.detect(batch);
      const empty = detections.find(({scores}) => scores.length === 0);
      if (empty !== undefined)
        throw new RunError('an image has no detections: inference did not do its work');
    },
    dispose: () => {
      batch.images.dispose();
      detector.parameters.dispose();
    },
  };
}
