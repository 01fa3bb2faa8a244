/** Two-stage detectors of a few channels, and mini-batches of noise for them. */
import * as tf from '@tensorflow/tfjs';
import type {StageConfig} from '../../src/config/stage.js';
import type {CascadeRcnnConfig, FasterRcnnConfig, MaskRcnnConfig} from '../../src/config/two-stage.js';
import type {Batch} from '../../src/data/batch.js';
import type {Outline} from '../../src/masks/outline.js';
import {Random} from '../../src/random/random.js';

export const CLASSES = 3;
export const SIDE = 64;

const none = {kind: 'none'} as const;
const pooling = {size: 3, samplingRatio: 2, aligned: false};

const rpn: FasterRcnnConfig['rpn'] = {
  anchors: {baseSize: 4, scalesPerOctave: 1, aspectRatios: [0.5, 1, 2], legacyRounding: false},
  matcher: {foreground: 0.7, background: 0.3, lowQuality: true, ignoreBand: 'skip'},
  head: {layers: 1, channels: 8, norm: none},
  boxCoder: {weights: [1, 1, 1, 1]},
  straddle: null,
  normaliser: {classification: 'examples', box: 'examples'},
  boxLossWeight: 1,
  proposals: {
    training: {preNmsTopK: 60, postNmsTopK: 40},
    inference: {preNmsTopK: 40, postNmsTopK: 20},
    nmsThreshold: 0.7,
    minSize: 0,
  },
};

const roi = {
  pooling,
  levels: {canonicalSize: 32, canonicalLevel: 4, epsilon: 1e-6},
  head: {layers: 2, channels: 16},
  classAgnostic: false,
  appendGroundTruth: true,
  normaliser: {classification: 'examples', box: 'examples'},
  boxLossWeight: 1,
} as const;

const matcherAt = (iou: number) =>
  ({foreground: iou, background: iou, lowQuality: false, ignoreBand: 'skip'}) as const;

const stages: FasterRcnnConfig['stages'] = {
  rpn: {
    sampler: {kind: 'minibatch-biased', n: 32, fraction: 0.5},
    classificationLoss: {kind: 'cross-entropy'},
    boxLoss: {kind: 'smooth-l1', beta: 1 / 9},
    lossScaling: none,
    biasInit: {kind: 'zero'},
    scoreThreshold: {kind: 'fixed', theta: 0},
  },
  roi: {
    sampler: {kind: 'minibatch-biased', n: 32, fraction: 0.25},
    classificationLoss: {kind: 'cross-entropy'},
    boxLoss: {kind: 'smooth-l1', beta: 1},
    lossScaling: none,
    biasInit: {kind: 'zero'},
    scoreThreshold: {kind: 'fixed', theta: 0.05},
  },
};

const fields = {
  backbone: {
    depth: 10,
    width: 0.125,
    norm: {kind: 'group-norm', groups: 2},
    freezeAt: 0,
    strideIn: '3x3',
  } as const,
  fpn: {channels: 8, norm: none},
  rpn,
  inference: {nmsThreshold: 0.5, maxDetections: 10},
  stages,
};

const mask: MaskRcnnConfig['mask'] = {
  pooling: {...pooling, size: 6},
  head: {layers: 1, channels: 8, norm: none},
  targets: 'rasterise',
  threshold: 0.5,
  paste: 'padded',
};

export const smallFaster: FasterRcnnConfig = {
  kind: 'faster-rcnn',
  ...fields,
  roi: {...roi, matcher: matcherAt(0.5), boxCoder: {weights: [10, 10, 5, 5]}},
};

export const smallMask: MaskRcnnConfig = {...smallFaster, kind: 'mask-rcnn', mask};

/** Boxes only; three subnets at IoU 0.5, 0.6 and 0.7. */
export const smallCascade: CascadeRcnnConfig = {
  kind: 'cascade-rcnn',
  ...fields,
  roi: {
    ...roi,
    classAgnostic: true,
    gradientScale: 1 / 3,
    stages: [
      {matcher: matcherAt(0.5), boxCoder: {weights: [10, 10, 5, 5]}},
      {matcher: matcherAt(0.6), boxCoder: {weights: [20, 20, 10, 10]}},
      {matcher: matcherAt(0.7), boxCoder: {weights: [30, 30, 15, 15]}},
    ],
  },
  mask: null,
};

export const smallCascadeWithMasks: CascadeRcnnConfig = {...smallCascade, mask};

export const detectorOptions = {classes: CLASSES, seed: 3, imbalance: {}, inputStd: 1};

/** The Sampling-Free fields of a RoI-subnet. */
export const guided = {
  sampler: {kind: 'all'},
  lossScaling: {kind: 'guided', gain: 2},
} as const satisfies Partial<StageConfig>;

type Box = readonly [x1: number, y1: number, x2: number, y2: number];
export type SmallObject = readonly [box: Box, cls: number];

/** Objects of one image; the outline of each is its box. */
export function targetsOf(objects: readonly SmallObject[]): Batch['targets'][number] {
  return {
    boxes: Float32Array.from(objects.flatMap(([box]) => [...box])),
    classes: Int32Array.from(objects, ([, cls]) => cls),
    outlines: objects.map(([[x1, y1, x2, y2]]): Outline => {
      const polygons = [Float64Array.of(x1, y1, x2, y1, x2, y2, x1, y2)];
      return {kind: 'polygons', height: SIDE, width: SIDE, polygons};
    }),
  };
}

/** Images of noise; their files are of twice the size. */
export function smallBatch(images: readonly (readonly SmallObject[])[], iteration = 0): Batch {
  const random = new Random(11, 'small batch', iteration);
  const pixels = Float32Array.from({length: images.length * SIDE * SIDE * 3}, () => random.normal());
  return {
    images: tf.tensor4d(pixels, [images.length, SIDE, SIDE, 3]),
    infos: images.map((_, imageId) => ({
      imageId,
      height: SIDE,
      width: SIDE,
      originalHeight: 2 * SIDE,
      originalWidth: 2 * SIDE,
      scaleX: 0.5,
      scaleY: 0.5,
    })),
    targets: images.map(targetsOf),
    iteration,
  };
}
