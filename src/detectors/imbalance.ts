/** N and N_f of a training set for every stage whose fields ask for them (Sec. 3.2), without a forward pass. */
import {anchorCache, RETINANET_STRIDES} from '../boxes/anchors.js';
import {countFoveae} from '../boxes/fovea-assignment.js';
import {assignedPredictions} from '../boxes/yolo-assignment.js';
import {yoloGrid} from '../boxes/yolo-grid.js';
import type {AnchorsConfig, MatcherConfig} from '../config/network.js';
import type {InputConfig, ModelConfig, RunConfig} from '../config/run.js';
import type {AnyStageConfig, YoloV3Config} from '../config/yolov3.js';
import type {Dataset} from '../data/dataset.js';
import {imageTargets, trainableImages} from '../data/targets.js';
import {canvasOf, plainViews} from '../data/view.js';
import {
  anchorCounter,
  type CountedImage,
  countImbalance,
  type Imbalance,
} from '../sampling-free/imbalance.js';
import {stagesOf} from './build.js';
import {RPN_STRIDES} from './rpn.js';

/**
 * The images that are trained on as the network sees them, one at a time: resized, and padded on their own. Of several sizes
 * to train on, images take turns at them.
 */
export function* countedImages(dataset: Dataset, input: InputConfig): Generator<CountedImage> {
  for (const [turn, image] of trainableImages(dataset.images, dataset).entries()) {
    const views = plainViews(image, input);
    const view = views[turn % views.length] ?? views[0];
    yield {...canvasOf(view, input.sizeDivisor), ...imageTargets(image, view, dataset)};
  }
}

/** N and N_f of the detector's first stage, over the data set. */
export function modelImbalance(model: ModelConfig, input: InputConfig, dataset: Dataset): Imbalance {
  return countImbalance(countedImages(dataset, input), exampleCounter(model));
}

/** What counts the examples of the first stage in an image. */
function exampleCounter(model: ModelConfig): (image: CountedImage) => Imbalance {
  switch (model.kind) {
    case 'retinanet':
      return countAnchors(model, RETINANET_STRIDES);
    case 'foveabox':
      return image => countFoveae(image, image, model.assignment);
    case 'faster-rcnn':
    case 'mask-rcnn':
    case 'cascade-rcnn':
      return countAnchors(model.rpn, RPN_STRIDES);
    case 'yolov3':
      return countPredictions(model);
  }
}

function countAnchors(
  {anchors, matcher}: {readonly anchors: AnchorsConfig; readonly matcher: MatcherConfig},
  strides: readonly number[],
): (image: CountedImage) => Imbalance {
  const anchorsOf = anchorCache(anchors, strides);
  return anchorCounter((height, width) => anchorsOf({height, width}), matcher);
}

/**
 * All predictions, and those that objects are assigned to. Which ones are ignored depends on what is predicted: they count as
 * background, and are a few in ten thousand.
 */
function countPredictions({anchors}: YoloV3Config): (image: CountedImage) => Imbalance {
  return ({height, width, boxes}) => {
    const grid = yoloGrid(anchors, {height, width});
    const assigned = new Set(assignedPredictions(grid, boxes).filter(prediction => prediction >= 0));
    return {examples: grid.predictions, foreground: assigned.size};
  };
}

/**
 * By stage name; empty where no stage needs it, since counting a large data set takes minutes, or where it is known. A
 * RoI-subnet's examples are proposals, which depend on the training: there is nothing to count beforehand.
 */
export function measureImbalance(
  {model, input}: Pick<RunConfig, 'model' | 'input'>,
  dataset: Dataset,
  known: Readonly<Record<string, Imbalance>> = {},
): Readonly<Record<string, Imbalance>> {
  const [[first, stage]] = stagesOf(model) as readonly [readonly [string, AnyStageConfig]];
  return needsImbalance(stage) && known[first] === undefined
    ? {[first]: modelImbalance(model, input, dataset)}
    : {};
}

/** Whether a stage's bias or threshold is computed from N and N_f. */
export function needsImbalance(stage: AnyStageConfig): boolean {
  return stage.biasInit.kind === 'optimal' || stage.scoreThreshold.kind === 'adaptive';
}
