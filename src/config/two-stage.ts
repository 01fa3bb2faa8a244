/**
 * Detectors of two and more stages: Faster R-CNN (Ren et al. 2015, with Lin et al. 2017's pyramid), Mask R-CNN (He et al.
 * 2017) and Cascade R-CNN (Cai and Vasconcelos 2018). Stages: `rpn`, and `roi` (all stages of a cascade are one).
 */
import {z} from 'zod';
import {
  anchorsSchema,
  backboneSchema,
  boxCoderSchema,
  matcherSchema,
  normaliserSchema,
  normSchema,
} from './network.js';
import {stageSchema} from './stage.js';

const positiveInt = z.int().positive();
const positive = z.number().positive();
const iou = z.number().gt(0).max(1);

/** P2 to P6: P6 is P5 at every second pixel. */
export const rcnnFpnSchema = z.strictObject({channels: positiveInt, norm: normSchema});

/** How many boxes go on, by falling objectness. */
const proposalCountsSchema = z.strictObject({
  /** Of every level and image, before suppression. */
  preNmsTopK: positiveInt,
  /** Of an image, over all levels, after suppression: never of a batch. */
  postNmsTopK: positiveInt,
});

export const rpnSchema = z.strictObject({
  anchors: anchorsSchema,
  matcher: matcherSchema,
  head: z.strictObject({
    /** 3x3 convolutions before the two predicting ones. */
    layers: positiveInt,
    channels: positiveInt,
    norm: normSchema,
  }),
  boxCoder: boxCoderSchema,
  /** Anchors that leave the image by more pixels than this are not trained on; null: all are. */
  straddle: z.number().nonnegative().nullable(),
  normaliser: normaliserSchema,
  /** Multiplies the box loss: 1, or the 0.5 of the authors' release. */
  boxLossWeight: positive,
  proposals: z.strictObject({
    training: proposalCountsSchema,
    inference: proposalCountsSchema,
    nmsThreshold: iou,
    /** Proposals with a side below this, in pixels, are dropped. */
    minSize: z.number().nonnegative(),
  }),
});

/** RoIAlign of boxes. */
export const poolingSchema = z.strictObject({
  /** Bins a side. */
  size: positiveInt,
  /** Samples a bin and side; 0: as many as it has pixels. */
  samplingRatio: z.int().nonnegative(),
  /** Half-pixel centres (RoIAlign of detectron2); false: as maskrcnn-benchmark and torchvision. */
  aligned: z.boolean(),
});

/** The levels that boxes are pooled from: Lin et al., Eq. 1. */
export const roiLevelsSchema = z.strictObject({
  canonicalSize: positive,
  canonicalLevel: positiveInt,
  epsilon: z.number().nonnegative(),
});

const roiFields = {
  pooling: poolingSchema,
  levels: roiLevelsSchema,
  /** Fully connected layers before the two predicting ones, and their width. */
  head: z.strictObject({layers: positiveInt, channels: positiveInt}),
  /** Boxes are predicted for every class, or one for all of them. */
  classAgnostic: z.boolean(),
  /** Objects join the proposals in training, so that there is always something to find. */
  appendGroundTruth: z.boolean(),
  normaliser: normaliserSchema,
  boxLossWeight: positive,
};

export const roiSchema = z.strictObject({
  ...roiFields,
  matcher: matcherSchema,
  boxCoder: boxCoderSchema,
});

export const maskSchema = z.strictObject({
  pooling: poolingSchema,
  /** 3x3 convolutions before the 2x2 transposed one, and the channels of all. */
  head: z.strictObject({layers: z.int().min(0), channels: positiveInt, norm: normSchema}),
  /**
   * How an object's outline becomes the target of a proposal: rasterised in the proposal's own grid (maskrcnn-benchmark,
   * detectron2), or RoIAlign of the mask of the whole image (torchvision).
   */
  targets: z.enum(['rasterise', 'roi-align']),
  /** A pixel belongs to the object when its probability exceeds this (`padded`) or reaches it (`centred`). */
  threshold: z.number().gt(0).lt(1),
  /**
   * Pixels that a predicted mask is larger than its box by: probabilities are pasted with a border of one bin
   * (maskrcnn-benchmark, torchvision), or sampled at pixel centres without one (detectron2).
   */
  paste: z.enum(['padded', 'centred']),
});

/**
 * A RoI-subnet classifies by softmax over C + 1 classes, and its examples are proposals, which cannot be counted before the
 * training: three of the six fields have one kind left. (The authors' release sets the bias to 0 and the threshold to 1e-4.)
 */
export const roiStageSchema = z.strictObject({
  ...stageSchema.shape,
  classificationLoss: z.strictObject({kind: z.literal('cross-entropy')}),
  biasInit: z.strictObject({kind: z.literal('zero')}),
  scoreThreshold: z.strictObject({kind: z.literal('fixed'), theta: z.number().min(0).lt(1)}),
});

const inferenceSchema = z.strictObject({nmsThreshold: iou, maxDetections: positiveInt});

const rcnnFields = {
  backbone: backboneSchema,
  fpn: rcnnFpnSchema,
  rpn: rpnSchema,
  inference: inferenceSchema,
  stages: z.strictObject({rpn: stageSchema, roi: roiStageSchema}),
};

export const fasterRcnnSchema = z.strictObject({
  kind: z.literal('faster-rcnn'),
  ...rcnnFields,
  roi: roiSchema,
});

export const maskRcnnSchema = z.strictObject({
  kind: z.literal('mask-rcnn'),
  ...rcnnFields,
  roi: roiSchema,
  mask: maskSchema,
});

export const cascadeRcnnSchema = z.strictObject({
  kind: z.literal('cascade-rcnn'),
  ...rcnnFields,
  roi: z.strictObject({
    ...roiFields,
    /** One head each; the boxes of one are the proposals of the next, labelled anew and not sampled again. */
    stages: z.array(z.strictObject({matcher: matcherSchema, boxCoder: boxCoderSchema})).min(1),
    /** Multiplies the gradient that every head sends into the features (1 / 3 for three heads). */
    gradientScale: positive,
  }),
  /** Null: boxes only. */
  mask: maskSchema.nullable(),
});

export type RcnnFpnConfig = z.infer<typeof rcnnFpnSchema>;
export type RpnProposalCounts = z.infer<typeof proposalCountsSchema>;
export type RpnConfig = z.infer<typeof rpnSchema>;
export type PoolingConfig = z.infer<typeof poolingSchema>;
export type RoiLevelsConfig = z.infer<typeof roiLevelsSchema>;
export type RoiConfig = z.infer<typeof roiSchema>;
export type MaskConfig = z.infer<typeof maskSchema>;
export type FasterRcnnConfig = z.infer<typeof fasterRcnnSchema>;
export type MaskRcnnConfig = z.infer<typeof maskRcnnSchema>;
export type CascadeRcnnConfig = z.infer<typeof cascadeRcnnSchema>;
