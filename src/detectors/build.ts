/** From the model section of a run to a detector: the one place that knows every detector. */
import type {ModelConfig} from '../config/run.js';
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

/** Whether N and N_f of the training set must be counted before the detector can be built. */
export function needsImbalance(config: ModelConfig): boolean {
  return stagesOf(config).some(
    ([, stage]) => stage.biasInit.kind === 'optimal' || stage.scoreThreshold.kind === 'adaptive',
  );
}
