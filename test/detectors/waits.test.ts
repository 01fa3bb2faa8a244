/**
 * How often a training step of a detector with several stages waits for the device: every wait lets a GPU run dry. The torch
 * engine reads a tensor by one function, and none of its kernels does.
 */
import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import type {CascadeRcnnConfig, FasterRcnnConfig, MaskRcnnConfig} from '../../src/config/two-stage.js';
import {buildDetector} from '../../src/detectors/build.js';
import {Sgd} from '../../src/train/sgd.js';
import {trainStep} from '../../src/train/step.js';
import {FAST_ENGINES, openForTest} from '../engines.js';
import {runConfig} from '../train/run-config.js';
import {
  detectorOptions,
  guided,
  smallBatch,
  smallCascade,
  smallCascadeWithMasks,
  smallFaster,
  smallMask,
} from './small-rcnn.js';

const torchTest = FAST_ENGINES.includes('torch') ? test.serial : test.serial.skip;

test.before(async () => {
  if (FAST_ENGINES.includes('torch')) await openForTest('torch');
});

type TwoStageConfig = FasterRcnnConfig | MaskRcnnConfig | CascadeRcnnConfig;

/** Of every tensor that one step reads, how many numbers it has. */
async function readsOfAStep(config: TwoStageConfig): Promise<readonly number[]> {
  const detector = buildDetector(config, detectorOptions);
  const optimizer = new Sgd(detector.parameters, runConfig().schedule);
  const batch = smallBatch([[[[8, 12, 40, 44], 2]], [[[4, 4, 60, 30], 1]]]);
  const backend = tf.backend();
  const {readSync} = backend;
  const reads: number[] = [];
  backend.readSync = dataId => {
    const values = readSync.call(backend, dataId);
    reads.push(values.length);
    return values;
  };
  try {
    await trainStep(detector, batch, optimizer, 1e-4);
  } finally {
    backend.readSync = readSync;
  }
  batch.images.dispose();
  optimizer.dispose();
  detector.parameters.dispose();
  return reads;
}

const samplingFree = <T extends TwoStageConfig>(config: T): T => ({
  ...config,
  stages: {
    rpn: {...config.stages.rpn, ...guided, lossScaling: {kind: 'guided', gain: 1}},
    roi: {...config.stages.roi, ...guided},
  },
});

torchTest('Faster and Mask R-CNN wait once between the stages, and once for losses and norm', async t => {
  for (const config of [smallFaster, smallMask, samplingFree(smallFaster), samplingFree(smallMask)]) {
    const reads = await readsOfAStep(config);
    t.is(reads.length, 2, `${config.kind}: ${JSON.stringify(reads)}`);
  }
});

torchTest('a cascade waits once more between two of its subnets', async t => {
  for (const config of [smallCascade, smallCascadeWithMasks, samplingFree(smallCascade)]) {
    const reads = await readsOfAStep(config);
    // Probabilities and deltas of the subnet before, one after the other: the second has been computed by then.
    t.is(reads.length, 2 + 2 * (config.roi.stages.length - 1), `${config.kind}: ${JSON.stringify(reads)}`);
  }
});
