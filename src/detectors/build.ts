/** From the model section of a run to a detector: the one place that knows every detector. */
import type {InputConfig, ModelConfig} from '../config/run.js';
import type {StageConfig} from '../config/stage.js';
import type {Detector} from './detector.js';
import {type DetectorOptions, retinanet} from './retinanet.js';

export function buildDetector(config: ModelConfig, options: DetectorOptions): Detector {
  switch (config.kind) {
    case 'retinanet':
      return retinanet(config, options);
  }
}

/** Stages by name, in the order of the computation. */
export function stagesOf(config: ModelConfig): readonly (readonly [name: string, stage: StageConfig])[] {
  switch (config.kind) {
    case 'retinanet':
      return [['dense', config.stages.dense]];
  }
}

/** The mean divisor of the image normalisation, which a network's first norm stands in for. */
export function inputStd({std}: InputConfig): number {
  return (std[0] + std[1] + std[2]) / 3;
}
