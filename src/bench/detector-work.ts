/** Training and inference of torchvision's detectors in sf: src/bench/models.ts says which they are. */
import {loadRunConfig} from '../config/load.js';
import type {RunConfig} from '../config/run.js';
import {buildDetector, inputStd} from '../detectors/build.js';
import type {Detector} from '../detectors/detector.js';
import {RunError} from '../errors.js';
import {Sgd} from '../train/sgd.js';
import {trainStep} from '../train/step.js';
import {spreadScores} from './candidates.js';
import {MODELS, type Regions} from './models.js';
import {noiseBatch} from './noise-batch.js';
import type {PreparedWork} from './prepared-work.js';
import type {DetectorWork} from './work.js';

/** Small, so that nothing that is measured depends on how far the training has come. */
const LEARNING_RATE = 1e-5;

type Built = {readonly detector: Detector; readonly config: RunConfig};

async function build({model: name, classes, regions}: DetectorWork): Promise<Built> {
  const {config: file, overrides} = MODELS[name];
  const {config} = await loadRunConfig(file, {overrides: [...overrides, ...samplerOf(regions)]});
  const detector = buildDetector(config.model, {
    classes,
    seed: 0,
    imbalance: {},
    inputStd: inputStd(config.input),
  });
  return {detector, config};
}

/** The override that makes the sampler of a RoI-subnet draw so many. */
function samplerOf(regions: Regions | undefined): readonly string[] {
  if (regions === undefined) return [];
  const {examples, foreground} = regions;
  return [
    `model.stages.roi.sampler={kind: minibatch-biased, n: ${examples}, fraction: ${foreground / examples}}`,
  ];
}

/** A step as `sf train` makes it, from the batch on: labels, losses, gradients, norm, update. */
export async function prepareTraining(work: DetectorWork): Promise<PreparedWork> {
  const {detector, config} = await build(work);
  const optimizer = new Sgd(detector.parameters, config.schedule);
  const batch = noiseBatch(work);
  return {
    parameters: detector.parameters.trainable.reduce((sum, {variable}) => sum + variable.size, 0),
    run: async () => {
      const {applied, total, stages} = await trainStep(detector, batch, optimizer, LEARNING_RATE);
      if (!applied) throw new RunError(`the loss of a training step is ${total}: nothing was updated`);
      if (work.regions !== undefined) requireRegions(stages.roi!, work.regions, work.objects.length);
    },
    dispose: () => {
      batch.images.dispose();
      optimizer.dispose();
      detector.parameters.dispose();
    },
  };
}

/** Two sides whose samplers find different numbers of regions do not do the same work. */
function requireRegions(drawn: Regions, {examples, foreground}: Regions, images: number): void {
  if (drawn.examples === examples * images && drawn.foreground === foreground * images) return;
  throw new RunError(
    `a training step drew ${drawn.examples} regions, ${drawn.foreground} of them foreground, where it needs ` +
      `${examples} and ${foreground} an image: take a larger --size`,
  );
}

/** From the batch to the detections of each image, with as many candidates before suppression as a trained model has. */
export async function prepareInference(work: DetectorWork): Promise<PreparedWork> {
  const {detector, config} = await build(work);
  spreadScores(detector, config);
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
