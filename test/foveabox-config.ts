/** A FoveaBox of a few channels. */
import type {FoveaBoxConfig} from '../src/config/foveabox.js';
import type {ModelConfig} from '../src/config/run.js';
import {PAPER_LEVELS} from './fixtures/foveabox/golden.js';

/** @throws Error when the model is another detector */
export function asFoveaBox(model: ModelConfig): FoveaBoxConfig {
  if (model.kind !== 'foveabox') throw new Error(`expected a FoveaBox, found ${model.kind}`);
  return model;
}

export const smallFoveaBox: FoveaBoxConfig = {
  kind: 'foveabox',
  backbone: {depth: 10, width: 0.125, norm: {kind: 'group-norm', groups: 2}, freezeAt: 0, strideIn: '3x3'},
  fpn: {channels: 8, norm: {kind: 'none'}, p6From: 'c5', p7From: 'p6', initial: 'xavier-uniform'},
  assignment: {levels: PAPER_LEVELS, sigma: 0.4},
  head: {layers: 1, channels: 8, norm: {kind: 'none'}},
  normaliser: {classification: 'foreground+images', box: 'foreground'},
  inference: {preNmsTopK: 1000, nmsThreshold: 0.5, maxDetections: 100},
  stages: {
    dense: {
      sampler: {kind: 'all'},
      classificationLoss: {kind: 'cross-entropy'},
      boxLoss: {kind: 'smooth-l1', beta: 0.11},
      lossScaling: {kind: 'guided', gain: 1},
      biasInit: {kind: 'prior', pi: 0.01},
      scoreThreshold: {kind: 'fixed', theta: 0.05},
    },
  },
};

export const focalStage: FoveaBoxConfig['stages']['dense'] = {
  ...smallFoveaBox.stages.dense,
  classificationLoss: {kind: 'focal', alpha: 0.4, gamma: 1.5},
  lossScaling: {kind: 'none'},
};
