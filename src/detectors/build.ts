/** From the model section of a run to a detector: the one place that knows every detector. */
import * as tf from '@tensorflow/tfjs';
import type {InputConfig, ModelConfig} from '../config/run.js';
import type {AnyStageConfig} from '../config/yolov3.js';
import {cascadeRcnn} from './cascade-rcnn.js';
import type {Detector, DetectorOptions} from './detector.js';
import {fasterRcnn} from './faster-rcnn.js';
import {foveabox} from './foveabox.js';
import {retinanet} from './retinanet.js';
import {yolov3} from './yolov3.js';

/** @throws UsageError when a stage's fields need the imbalance of a training set that has no foreground. */
export function buildDetector(config: ModelConfig, options: DetectorOptions): Detector {
  const detector = detectorOf(config, options);
  // Features and predictions end here, also where no variableGrads is around them; the gradient keeps what it needs.
  return {...detector, losses: batch => tf.tidy(() => detector.losses(batch))};
}

function detectorOf(config: ModelConfig, options: DetectorOptions): Detector {
  switch (config.kind) {
    case 'retinanet':
      return retinanet(config, options);
    case 'foveabox':
      return foveabox(config, options);
    case 'faster-rcnn':
    case 'mask-rcnn':
      return fasterRcnn(config, options);
    case 'cascade-rcnn':
      return cascadeRcnn(config, options);
    case 'yolov3':
      return yolov3(config, options);
  }
}

/** Stages by name, in the order of the computation. */
export function stagesOf(config: ModelConfig): readonly (readonly [name: string, stage: AnyStageConfig])[] {
  switch (config.kind) {
    case 'retinanet':
    case 'foveabox':
      return [['dense', config.stages.dense]];
    case 'faster-rcnn':
    case 'mask-rcnn':
    case 'cascade-rcnn':
      return [
        ['rpn', config.stages.rpn],
        ['roi', config.stages.roi],
      ];
    case 'yolov3':
      return [['dense', config.stages.dense]];
  }
}

/** Whether the detector finds masks, and is trained on outlines. */
export function hasMasks(config: ModelConfig): boolean {
  switch (config.kind) {
    case 'retinanet':
    case 'foveabox':
    case 'faster-rcnn':
    case 'yolov3':
      return false;
    case 'mask-rcnn':
      return true;
    case 'cascade-rcnn':
      return config.mask !== null;
  }
}

/** The mean divisor of the image normalisation, which a network's first norm stands in for. */
export function inputStd({std}: InputConfig): number {
  return (std[0] + std[1] + std[2]) / 3;
}
