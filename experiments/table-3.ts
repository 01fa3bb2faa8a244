/** Table 3: ablations of each ingredient of Sampling-Free on RetinaNet, ResNet-50-FPN. */
import type {StageConfig} from '../src/config/stage.js';
import type {Experiment} from './experiment.js';

const sampler: StageConfig['sampler'] = {kind: 'all'};
const boxLoss: StageConfig['boxLoss'] = {kind: 'smooth-l1', beta: 0.11};
const crossEntropy: StageConfig['classificationLoss'] = {kind: 'cross-entropy'};
const focal: StageConfig['classificationLoss'] = {kind: 'focal', alpha: 0.25, gamma: 2};
const unscaled: StageConfig['lossScaling'] = {kind: 'none'};
const guided: StageConfig['lossScaling'] = {kind: 'guided', gain: 1};
const heuristicBias: StageConfig['biasInit'] = {kind: 'prior', pi: 0.01};
const optimalBias: StageConfig['biasInit'] = {kind: 'optimal'};
const fixed: StageConfig['scoreThreshold'] = {kind: 'fixed', theta: 0.05};
const adaptive: StageConfig['scoreThreshold'] = {kind: 'adaptive', classes: 'foreground'};

const dense = (
  classificationLoss: StageConfig['classificationLoss'],
  biasInit: StageConfig['biasInit'],
  lossScaling: StageConfig['lossScaling'],
  scoreThreshold: StageConfig['scoreThreshold'],
) => ({dense: {sampler, classificationLoss, boxLoss, lossScaling, biasInit, scoreThreshold}});

export const table3: Experiment = {
  id: 'table-3',
  config: 'retinanet_R_50_FPN_1x',
  comparableLosses: true,
  rows: [
    {id: 'focal-loss', label: 'Focal Loss', stages: dense(focal, heuristicBias, unscaled, fixed)},
    {
      id: 'without-optimal-bias',
      label: 'Sampling-Free without optimal bias',
      stages: dense(crossEntropy, heuristicBias, guided, adaptive),
    },
    {
      id: 'without-guided-scaling',
      label: 'Sampling-Free without guided scaling',
      stages: dense(crossEntropy, optimalBias, unscaled, adaptive),
    },
    {
      id: 'without-adaptive-threshold',
      label: 'Sampling-Free without adaptive threshold',
      stages: dense(crossEntropy, optimalBias, guided, fixed),
    },
    {id: 'sampling-free', label: 'Sampling-Free', stages: dense(crossEntropy, optimalBias, guided, adaptive)},
    {
      id: 'sampling-free-focal-loss',
      label: 'Sampling-Free with Focal Loss',
      stages: dense(focal, optimalBias, guided, adaptive),
    },
  ],
};
