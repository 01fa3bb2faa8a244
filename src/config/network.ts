/** The parts that detectors are made of, and RetinaNet, which is made of them. */
import {z} from 'zod';
import {stageSchema} from './stage.js';

const positiveInt = z.int().positive();
const positive = z.number().positive();

export const normSchema = z.discriminatedUnion('kind', [
  /** Batch norm whose statistics and affine parameters are constants. */
  z.strictObject({kind: z.literal('frozen-bn')}),
  /** Batch norm whose statistics are constants, while multiplier and offset are trained (`norm_eval` of mmdetection). */
  z.strictObject({kind: z.literal('fixed-bn'), epsilon: positive}),
  z.strictObject({kind: z.literal('group-norm'), groups: positiveInt}),
  /** Statistics of the batch in training, running averages of them in detection. */
  z.strictObject({
    kind: z.literal('batch-norm'),
    /** The share of a running average that stays at each step: 0.99 in darknet, 0.9 in PyTorch (which calls it 0.1). */
    momentum: z.number().min(0).lt(1),
    /** Added to the variance. */
    epsilon: positive,
  }),
  z.strictObject({kind: z.literal('none')}),
]);

export const backboneSchema = z.strictObject({
  /** Residual blocks: 10 is one basic block a stage; 18 and 34 basic, 50 and 101 bottleneck (He et al., Table 1). */
  depth: z.union([z.literal(10), z.literal(18), z.literal(34), z.literal(50), z.literal(101)]),
  /** Multiplies every channel count (1 gives a 64-channel stem). */
  width: positive,
  norm: normSchema,
  /** How many of (stem, res2, res3, res4, res5) keep their initial weights: 0 to 5; the paper's baselines use 2. */
  freezeAt: z.int().min(0).max(5),
  /** Which convolution of a bottleneck carries the stride: the 1x1 (Caffe2 weights) or the 3x3 (torchvision weights). */
  strideIn: z.enum(['1x1', '3x3']),
});

export const fpnSchema = z.strictObject({
  channels: positiveInt,
  norm: normSchema,
  /** The map that P6 is computed from: C5 (the baselines' default) or P5. */
  p6From: z.enum(['c5', 'p5']),
  /** The map that P7 is computed from: ReLU(P6) (Lin et al. 2017, Sec. 4), or P6 as it is (mmdetection). */
  p7From: z.enum(['relu-p6', 'p6']).default('relu-p6'),
  /** How its filters start: variance of the inputs kept (maskrcnn-benchmark), or Glorot and Bengio's rule (mmdetection). */
  initial: z.enum(['kaiming-uniform', 'xavier-uniform']).default('kaiming-uniform'),
});

export const anchorsSchema = z.strictObject({
  /** Side of the smallest anchor of a level, in strides (RetinaNet: 4, so 32 px at P3). */
  baseSize: positive,
  /** Anchor sizes a level: baseSize * stride * 2^(i / scalesPerOctave). */
  scalesPerOctave: positiveInt,
  /** Height / width. */
  aspectRatios: z.array(positive).min(1),
  /**
   * Width and height rounded as in maskrcnn-benchmark, and its centre: (stride - 1) / 2 of inclusive corners, which is
   * stride / 2 in continuous coordinates. The paper does not mention it; the authors' release does it.
   */
  legacyRounding: z.boolean(),
});

export const matcherSchema = z.strictObject({
  foreground: z.number().gt(0).max(1),
  background: z.number().gt(0).max(1),
  /** Anchors tied at a ground truth's best IoU become foreground, whatever that IoU. */
  lowQuality: z.boolean(),
  /** Anchors between the thresholds: left out of the loss, or trained as background (authors' release of May 2020). */
  ignoreBand: z.enum(['skip', 'negative']),
});

/** Multipliers of (dx, dy, dw, dh) in the coding of boxes. */
export const boxCoderSchema = z.strictObject({weights: z.tuple([positive, positive, positive, positive])});

/**
 * What the sums of a stage's losses are divided by. N_f foreground examples, N examples, B images of the mini-batch. Losses
 * that divide by counts of their own (ghm-c, ghm-r) are left as they are.
 */
export const normaliserSchema = z.strictObject({
  /**
   * Eq. 1 and 2 divide by N_f; maskrcnn-benchmark and the authors' release by N_f + B; two-stage baselines by N; darknet by
   * B.
   */
  classification: z.enum(['foreground', 'foreground+images', 'examples', 'images']),
  /**
   * By N_f, by the 4 N_f box coordinates (maskrcnn-benchmark's RetinaNet; N_f for losses with one term a box), by N (two-stage
   * baselines), or by B (darknet).
   */
  box: z.enum(['foreground', 'coordinates', 'examples', 'images']),
});

/** Two towers over every level, one for classes and one for boxes. */
export const headSchema = z.strictObject({
  /** 3x3 convolutions of either tower, before the predicting one. */
  layers: z.int().min(0),
  channels: positiveInt,
  norm: normSchema,
});

export const denseInferenceSchema = z.strictObject({
  /** Of every level and image, by falling score: (anchor, class) pairs, or points by their best class. */
  preNmsTopK: positiveInt,
  nmsThreshold: z.number().gt(0).max(1),
  maxDetections: positiveInt,
});

export const retinanetSchema = z.strictObject({
  kind: z.literal('retinanet'),
  backbone: backboneSchema,
  fpn: fpnSchema,
  anchors: anchorsSchema,
  matcher: matcherSchema,
  head: headSchema,
  boxCoder: boxCoderSchema,
  normaliser: normaliserSchema,
  inference: denseInferenceSchema,
  stages: z.strictObject({dense: stageSchema}),
});

export type Norm = z.infer<typeof normSchema>;
export type BackboneConfig = z.infer<typeof backboneSchema>;
export type FpnConfig = z.infer<typeof fpnSchema>;
export type AnchorsConfig = z.infer<typeof anchorsSchema>;
export type MatcherConfig = z.infer<typeof matcherSchema>;
export type BoxCoderConfig = z.infer<typeof boxCoderSchema>;
export type NormaliserConfig = z.infer<typeof normaliserSchema>;
export type HeadConfig = z.infer<typeof headSchema>;
export type DenseInferenceConfig = z.infer<typeof denseInferenceSchema>;
export type RetinaNetConfig = z.infer<typeof retinanetSchema>;
