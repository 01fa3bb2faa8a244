/** A YOLOv3 of a few channels, with darknet's losses. */
import type {YoloV3Config} from '../src/config/yolov3.js';

const batchNorm = {kind: 'batch-norm', momentum: 0.9, epsilon: 1e-5} as const;

/** Two anchors at stride 8, one at 16 and 32. */
export const smallYolo: YoloV3Config = {
  kind: 'yolov3',
  backbone: {blocks: [0, 0, 1, 0, 1], width: 1 / 32, norm: batchNorm, freezeAt: 0},
  head: {norm: batchNorm},
  anchors: [
    [
      [8, 8],
      [10, 16],
    ],
    [[24, 20]],
    [[48, 40]],
  ],
  assignment: {ignoreThreshold: 0.7, truthThreshold: 1},
  objectness: {threshold: 0.005},
  normaliser: {classification: 'images', box: 'images'},
  inference: {preNmsTopK: 1000, nmsThreshold: 0.45, maxDetections: 100},
  stages: {
    dense: {
      sampler: {kind: 'all'},
      classificationLoss: {kind: 'cross-entropy'},
      boxLoss: {kind: 'darknet', entropy: 'included'},
      lossScaling: {kind: 'none'},
      biasInit: {kind: 'zero'},
      scoreThreshold: {kind: 'fixed', theta: 0.005},
    },
  },
};
