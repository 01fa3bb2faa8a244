/** A small valid run; the training tests change its schedule. */
import type {RunConfig, ScheduleConfig} from '../../src/config/run.js';

const data = {kind: 'shapes', split: 'train', images: 8, size: 64, classes: 2, seed: 0} as const;

export function runConfig(schedule: Partial<ScheduleConfig> = {}): RunConfig {
  return {
    seed: 3,
    weights: null,
    model: {
      kind: 'retinanet',
      backbone: {
        depth: 10,
        width: 0.125,
        norm: {kind: 'group-norm', groups: 2},
        freezeAt: 0,
        strideIn: '3x3',
      },
      fpn: {channels: 8, norm: {kind: 'none'}, p6From: 'p5', p7From: 'relu-p6', initial: 'kaiming-uniform'},
      anchors: {baseSize: 4, scalesPerOctave: 1, aspectRatios: [1], legacyRounding: false},
      matcher: {foreground: 0.5, background: 0.4, lowQuality: true, ignoreBand: 'skip'},
      head: {layers: 1, channels: 8, norm: {kind: 'none'}},
      boxCoder: {weights: [10, 10, 5, 5]},
      normaliser: {classification: 'foreground', box: 'foreground'},
      inference: {preNmsTopK: 100, nmsThreshold: 0.5, maxDetections: 10},
      stages: {
        dense: {
          sampler: {kind: 'all'},
          classificationLoss: {kind: 'cross-entropy'},
          boxLoss: {kind: 'l1'},
          lossScaling: {kind: 'guided', gain: 1},
          biasInit: {kind: 'prior', pi: 0.01},
          scoreThreshold: {kind: 'fixed', theta: 0.05},
        },
      },
    },
    data: {train: data, val: {...data, split: 'val'}},
    input: {
      resize: null,
      letterbox: null,
      channelOrder: 'rgb',
      mean: [0, 0, 0],
      std: [1, 1, 1],
      flip: 0.5,
      sizeDivisor: 32,
      aspectGrouping: false,
    },
    schedule: {
      iterations: 20,
      imagesPerBatch: 2,
      subBatches: 1,
      baseLr: 0.005,
      steps: [15],
      gamma: 0.1,
      warmup: {iterations: 5, factor: 0.1, power: 1},
      momentum: 0.9,
      weightDecay: 0.0001,
      biasLrFactor: 2,
      biasWeightDecay: 0,
      normWeightDecay: null,
      clipGradientNorm: null,
      checkpointEvery: 5,
      keepCheckpoints: 2,
      evaluateEvery: null,
      divergedAbove: 1000,
      ...schedule,
    },
  };
}
