/**
 * Table 6: GHM-C and Sampling-Free on RetinaNet, ResNet-50-FPN, each with smooth L1 and with GHM-R as box loss, in the
 * arithmetic of mmdetection, on which both of them are built there. The rows that are compared stand side by side, so that
 * their runs of one seed train at the same time: their steps are timed under equal conditions.
 *
 * The preset's learning rate is that of Focal Loss in maskrcnn-benchmark's arithmetic, at which GHM-C learns nothing in 1500
 * iterations; each row has the best one of a search with seed 0.
 */
import type {StageConfig} from '../src/config/stage.js';
import type {Experiment} from './experiment.js';

const smoothL1: StageConfig['boxLoss'] = {kind: 'smooth-l1', beta: 0.11};
const ghmR: StageConfig['boxLoss'] = {kind: 'ghm-r', mu: 0.02, bins: 10, momentum: 0.7, weight: 10};

const ghmC = (boxLoss: StageConfig['boxLoss']): StageConfig => ({
  sampler: {kind: 'all'},
  classificationLoss: {kind: 'ghm-c', bins: 30, momentum: 0.75},
  boxLoss,
  lossScaling: {kind: 'none'},
  biasInit: {kind: 'prior', pi: 0.01},
  scoreThreshold: {kind: 'fixed', theta: 0.05},
});

const samplingFree = (boxLoss: StageConfig['boxLoss']): StageConfig => ({
  sampler: {kind: 'all'},
  classificationLoss: {kind: 'cross-entropy'},
  boxLoss,
  lossScaling: {kind: 'guided', gain: 1},
  biasInit: {kind: 'optimal'},
  scoreThreshold: {kind: 'adaptive', classes: 'foreground'},
});

export const table6: Experiment = {
  id: 'table-6',
  config: 'retinanet_R_50_FPN_1x_mmdetection',
  comparableLosses: false,
  seeds: {
    'smooth-l1-ghm-c': 3,
    'smooth-l1-sampling-free': 3,
    'ghm-r-ghm-c': 3,
    'ghm-r-sampling-free': 3,
  },
  rows: [
    {id: 'smooth-l1-ghm-c', label: 'GHM-C, smooth L1', stages: {dense: ghmC(smoothL1)}, baseLr: {mini: 0.01}},
    {
      id: 'smooth-l1-sampling-free',
      label: 'Sampling-Free, smooth L1',
      stages: {dense: samplingFree(smoothL1)},
      baseLr: {mini: 0.1},
    },
    {id: 'ghm-r-ghm-c', label: 'GHM-C, GHM-R', stages: {dense: ghmC(ghmR)}, baseLr: {mini: 0.01}},
    {
      id: 'ghm-r-sampling-free',
      label: 'Sampling-Free, GHM-R',
      stages: {dense: samplingFree(ghmR)},
      baseLr: {mini: 0.03},
    },
  ],
};
