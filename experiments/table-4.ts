/**
 * Table 4: Sampling-Free in the RPN and the RoI-subnet of Faster R-CNN, ResNet-50-FPN, instead of mini-batch biased sampling
 * and together with it.
 *
 * Sampling-Free in a stage is all of its examples, guided loss scaling (gain 1 in the RPN, 2 in the RoI-subnet, Sec. 3.2), the
 * optimal bias (in the RPN alone) and the release's RoI threshold of 1e-4; its box loss is a mean over the foreground, as in
 * the release. Of the columns with a tick for both the paper says no more than that both are used "synchronously", and no code
 * for them was released. They are read as Sampling-Free in all but the sampler: losses, their scaling, bias (from N and N_f of
 * all anchors, which sampling does not change) and threshold are Sampling-Free's, and the examples are those that mini-batch
 * biased sampling draws. In a RoI-subnet whose foreground fills its quarter of the sample, the mean over 4 N_f coordinates is
 * the baseline's mean over N, so there the reading of the box loss makes no difference.
 */
import type {NormaliserConfig} from '../src/config/network.js';
import type {StageConfig} from '../src/config/stage.js';
import type {Experiment} from './experiment.js';
import type {TableRow} from './plan.js';

/** How a stage is trained: its six fields, and what its losses are divided by. */
type Method = {readonly stage: StageConfig; readonly normaliser: NormaliserConfig};
type Methods = {readonly biased: Method; readonly free: Method; readonly both: Method};

const perExample: NormaliserConfig = {classification: 'examples', box: 'examples'};
const perForeground: NormaliserConfig = {classification: 'foreground', box: 'coordinates'};

function methods(biased: StageConfig, samplingFree: Partial<StageConfig>): Methods {
  const free: StageConfig = {...biased, sampler: {kind: 'all'}, ...samplingFree};
  return {
    biased: {stage: biased, normaliser: perExample},
    free: {stage: free, normaliser: perForeground},
    both: {stage: {...free, sampler: biased.sampler}, normaliser: perForeground},
  };
}

const rpn = methods(
  {
    sampler: {kind: 'minibatch-biased', n: 256, fraction: 0.5},
    classificationLoss: {kind: 'cross-entropy'},
    boxLoss: {kind: 'smooth-l1', beta: 1 / 9},
    lossScaling: {kind: 'none'},
    biasInit: {kind: 'zero'},
    scoreThreshold: {kind: 'fixed', theta: 0},
  },
  {lossScaling: {kind: 'guided', gain: 1}, biasInit: {kind: 'optimal'}},
);

const roi = methods(
  {
    sampler: {kind: 'minibatch-biased', n: 512, fraction: 0.25},
    classificationLoss: {kind: 'cross-entropy'},
    boxLoss: {kind: 'smooth-l1', beta: 1},
    lossScaling: {kind: 'none'},
    biasInit: {kind: 'zero'},
    scoreThreshold: {kind: 'fixed', theta: 0.05},
  },
  {lossScaling: {kind: 'guided', gain: 2}, scoreThreshold: {kind: 'fixed', theta: 0.0001}},
);

function column(id: string, label: string, first: Method, second: Method): TableRow {
  return {
    ...{id, label},
    stages: {rpn: first.stage, roi: second.stage},
    normalisers: {rpn: first.normaliser, roi: second.normaliser},
  };
}

export const table4: Experiment = {
  id: 'table-4',
  config: 'faster_rcnn_R_50_FPN_1x',
  comparableLosses: false,
  seeds: {'biased-sampling': 3, 'sampling-free': 3},
  rows: [
    column('biased-sampling', 'Mini-batch biased sampling', rpn.biased, roi.biased),
    column('sampling-free-rpn', 'Sampling-Free in RPN', rpn.free, roi.biased),
    column('sampling-free-roi', 'Sampling-Free in RoI', rpn.biased, roi.free),
    column('sampling-free', 'Sampling-Free in RPN and RoI', rpn.free, roi.free),
    column('hybrid-rpn', 'Both in RPN', rpn.both, roi.biased),
    column('hybrid-roi', 'Both in RoI', rpn.biased, roi.both),
    column('hybrid', 'Both in RPN and RoI', rpn.both, roi.both),
  ],
};
