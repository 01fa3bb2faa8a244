/** The schema of a run: everything that decides its numbers. The type is inferred from it. */
import {z} from 'zod';
import {stageSchema} from './stage.js';

const positiveInt = z.int().positive();
const positive = z.number().positive();

export const normSchema = z.discriminatedUnion('kind', [
  /** Batch norm whose statistics and affine parameters are constants. */
  z.strictObject({kind: z.literal('frozen-bn')}),
  z.strictObject({kind: z.literal('group-norm'), groups: positiveInt}),
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

export const retinanetSchema = z.strictObject({
  kind: z.literal('retinanet'),
  backbone: backboneSchema,
  fpn: fpnSchema,
  anchors: anchorsSchema,
  matcher: matcherSchema,
  head: z.strictObject({
    /** 3x3 convolutions of either tower, before the predicting one. */
    layers: z.int().min(0),
    channels: positiveInt,
    norm: normSchema,
  }),
  boxCoder: z.strictObject({weights: z.tuple([positive, positive, positive, positive])}),
  normaliser: z.strictObject({
    /** Eq. 1 and 2 divide by N_f; maskrcnn-benchmark and the authors' release by N_f + B. */
    classification: z.enum(['foreground', 'foreground+images']),
    /** Box loss sum over N_f, or over the 4 N_f box coordinates (maskrcnn-benchmark). */
    box: z.enum(['foreground', 'coordinates']),
  }),
  inference: z.strictObject({
    preNmsTopK: positiveInt,
    nmsThreshold: z.number().gt(0).max(1),
    maxDetections: positiveInt,
  }),
  stages: z.strictObject({dense: stageSchema}),
});

export const dataSetSchema = z.discriminatedUnion('kind', [
  z.strictObject({kind: z.literal('coco'), annotations: z.string(), images: z.string()}),
  z.strictObject({
    kind: z.literal('voc'),
    root: z.string(),
    split: z.string(),
    /** Class names in the order of their ids; default: those of PASCAL VOC if all fit, else sorted by name. */
    classes: z.array(z.string()).min(1).optional(),
    /** Objects marked difficult: used in training, or not. They are never counted in evaluation. */
    difficult: z.enum(['train', 'drop']),
  }),
  z.strictObject({
    kind: z.literal('shapes'),
    split: z.enum(['train', 'val']),
    images: positiveInt,
    size: positiveInt,
    classes: z.int().min(1).max(8),
    seed: z.int().nonnegative(),
  }),
]);

export const inputSchema = z.strictObject({
  /** Short side after resizing, and the bound on the long side; absent: images keep their size. */
  resize: z.strictObject({shortSide: positiveInt, maxLongSide: positiveInt}).nullable(),
  channelOrder: z.enum(['rgb', 'bgr']),
  /** In the channel order, on the 0..255 scale. */
  mean: z.tuple([z.number(), z.number(), z.number()]),
  std: z.tuple([positive, positive, positive]),
  /** Probability of a horizontal flip in training. */
  flip: z.number().min(0).max(1),
  /** Batches are padded with zeros, bottom and right, to a multiple of this: of 32, since the pyramid doubles C5's map. */
  sizeDivisor: positiveInt.multipleOf(32),
  /** Batches hold only wide or only tall images (maskrcnn-benchmark). */
  aspectGrouping: z.boolean(),
});

const ascending = (steps: readonly number[]) => steps.every((step, i) => i === 0 || step > steps[i - 1]!);

export const scheduleSchema = z.strictObject({
  iterations: positiveInt,
  imagesPerBatch: positiveInt,
  baseLr: positive,
  /** Learning rate is multiplied by gamma at each of these iterations. */
  steps: z.array(positiveInt).refine(ascending, 'expected ascending iterations'),
  gamma: positive,
  warmup: z.strictObject({iterations: z.int().nonnegative(), factor: z.number().min(0).max(1)}),
  momentum: z.number().min(0).lt(1),
  weightDecay: z.number().nonnegative(),
  /** maskrcnn-benchmark: biases learn at twice the rate, without decay. */
  biasLrFactor: positive,
  biasWeightDecay: z.number().nonnegative(),
  /** Clips the global gradient norm; null (the paper's baselines): no clipping. */
  clipGradientNorm: positive.nullable(),
  /** Iterations between checkpoints. */
  checkpointEvery: positiveInt,
  /** How many checkpoints besides best stay on disk. */
  keepCheckpoints: positiveInt,
  /** Iterations between evaluations on data.val during training; null: only at the end. */
  evaluateEvery: positiveInt.nullable(),
  /** A total loss above this, or one that is not finite, ends the run as diverged. */
  divergedAbove: positive,
});

export const runSchema = z.strictObject({
  seed: z.int().nonnegative(),
  model: z.discriminatedUnion('kind', [retinanetSchema]),
  data: z.strictObject({train: dataSetSchema, val: dataSetSchema}),
  input: inputSchema,
  schedule: scheduleSchema,
});

export type Norm = z.infer<typeof normSchema>;
export type BackboneConfig = z.infer<typeof backboneSchema>;
export type FpnConfig = z.infer<typeof fpnSchema>;
export type AnchorsConfig = z.infer<typeof anchorsSchema>;
export type MatcherConfig = z.infer<typeof matcherSchema>;
export type RetinaNetConfig = z.infer<typeof retinanetSchema>;
export type ModelConfig = z.infer<typeof runSchema>['model'];
export type DataSetConfig = z.infer<typeof dataSetSchema>;
export type InputConfig = z.infer<typeof inputSchema>;
export type ScheduleConfig = z.infer<typeof scheduleSchema>;
export type RunConfig = z.infer<typeof runSchema>;
