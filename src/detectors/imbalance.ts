/** N and N_f of a training set for every stage whose fields ask for them (Sec. 3.2), without a forward pass. */
import {anchorCache} from '../boxes/anchors.js';
import type {InputConfig, ModelConfig, RunConfig} from '../config/run.js';
import type {StageConfig} from '../config/stage.js';
import type {Dataset} from '../data/dataset.js';
import {paddedSize, resizedSize} from '../data/resize.js';
import {imageTargets, trainableImages} from '../data/targets.js';
import {type CountedImage, countImbalance, type Imbalance} from '../sampling-free/imbalance.js';

/** The images that are trained on as the network sees them, one at a time: resized, and padded on their own. */
export function* countedImages(dataset: Dataset, input: InputConfig): Generator<CountedImage> {
  for (const image of trainableImages(dataset.images, dataset)) {
    const size = resizedSize(image, input.resize);
    yield {...paddedSize(size, input.sizeDivisor), ...imageTargets(image, {...size, flip: false}, dataset)};
  }
}

/** N and N_f of the detector's dense stage (its anchors), over the data set. */
export function denseImbalance(model: ModelConfig, input: InputConfig, dataset: Dataset): Imbalance {
  switch (model.kind) {
    case 'retinanet': {
      const anchorsOf = anchorCache(model.anchors);
      return countImbalance(
        countedImages(dataset, input),
        (height, width) => anchorsOf({height, width}),
        model.matcher,
      );
    }
  }
}

/** By stage name; empty where no stage needs it, since counting a large data set takes minutes. */
export function measureImbalance(
  {model, input}: Pick<RunConfig, 'model' | 'input'>,
  dataset: Dataset,
): Readonly<Record<string, Imbalance>> {
  switch (model.kind) {
    case 'retinanet':
      return needsImbalance(model.stages.dense) ? {dense: denseImbalance(model, input, dataset)} : {};
  }
}

/** Whether a stage's bias or threshold is computed from N and N_f. */
export function needsImbalance(stage: StageConfig): boolean {
  return stage.biasInit.kind === 'optimal' || stage.scoreThreshold.kind === 'adaptive';
}
