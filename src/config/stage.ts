/**
 * The six things that the paper varies for a stage of a detector, as six independent fields.
 * No field implies another, and nothing is inferred from a name.
 */
import {z} from 'zod';

const positive = z.number().positive();
const probability = z.number().gt(0).lt(1);

/** Of how many examples an image at most which share is foreground; background fills up to n. */
const sampleSize = {n: z.int().positive(), fraction: probability};

/** Which of the labelled examples enter the classification loss. */
export const samplerSchema = z.discriminatedUnion('kind', [
  z.strictObject({kind: z.literal('all')}),
  /** Drawn at random. */
  z.strictObject({kind: z.literal('minibatch-biased'), ...sampleSize}),
  /** The largest classification losses, of foreground and background apart. */
  z.strictObject({kind: z.literal('ohem'), ...sampleSize}),
  /** Drawn evenly over objects (foreground) and over bins of IoU (background), as Libra R-CNN does. */
  z.strictObject({
    kind: z.literal('iou-balanced'),
    ...sampleSize,
    /** Bins of equal width, from the floor to the IoU at which background ends. */
    bins: z.int().positive().default(3),
    /**
     * Null: the bins begin at 0. Otherwise they begin at `threshold`, and the share `fraction` of the background is drawn
     * from what is below (at a threshold of 0: from what overlaps no object).
     */
    floor: z
      .strictObject({threshold: z.number().min(0).lt(1), fraction: z.number().min(0).max(1)})
      .nullable()
      .default(null),
    /**
     * `reference` does what mmdetection does: bins up to the largest IoU of all candidates, which is 1 where objects are
     * appended to the proposals; without a floor, one at 0 from the second image of a mini-batch on; foreground that is
     * missing drawn from what may have been drawn already.
     */
    quirks: z.enum(['none', 'reference']).default('none'),
  }),
]);

/** Running sums of GHM: how many bins of the gradient's size, and the share of the sums that stays from call to call. */
const harmonized = {bins: z.int().positive().max(256), momentum: z.number().min(0).lt(1)};

/** Eq. 1 (focal) and Eq. 2 (cross-entropy); sums over examples and classes, divided by the stage. */
const summedLosses = [
  z.strictObject({kind: z.literal('cross-entropy')}),
  z.strictObject({kind: z.literal('focal'), alpha: probability, gamma: z.number().nonnegative()}),
] as const;

/** Those alone: of stages whose examples may have several classes. */
export const summedClassificationLossSchema = z.discriminatedUnion('kind', summedLosses);

export const classificationLossSchema = z.discriminatedUnion('kind', [
  ...summedLosses,
  /**
   * Cross-entropy weighed by how rare the size of an example's gradient is (Li et al. 2019; bins 30, momentum 0.75), level by
   * level. It divides by its own counts: the stage's normaliser has no part in it.
   */
  z.strictObject({kind: z.literal('ghm-c'), ...harmonized}),
]);

/** Of deltas, one term a coordinate; or of boxes, one term a box. Boxes are continuous: width = x2 - x1. */
export const boxLossSchema = z.discriminatedUnion('kind', [
  z.strictObject({kind: z.literal('smooth-l1'), beta: positive}),
  z.strictObject({kind: z.literal('l1')}),
  /** Libra R-CNN (Pang et al. 2019): alpha 0.5, gamma 1.5, beta 1. */
  z.strictObject({kind: z.literal('balanced-l1'), alpha: positive, gamma: positive, beta: positive}),
  /** -log IoU of the boxes (Yu et al. 2016). */
  z.strictObject({kind: z.literal('iou')}),
  /** 1 - GIoU of the boxes (Rezatofighi et al. 2019). */
  z.strictObject({kind: z.literal('giou')}),
  /**
   * sqrt(d^2 + mu^2) - mu, weighed as in `ghm-c` (mu 0.02, bins 10, momentum 0.7, weight 10). It divides by its own counts and
   * is multiplied by `weight`: the stage's normaliser has no part in it. Guided scaling sees the loss with that weight.
   */
  z.strictObject({kind: z.literal('ghm-r'), mu: positive, ...harmonized, weight: positive}),
]);

/** The w of Eq. 5: absent, a constant (Table 1), or Eq. 8 of every mini-batch times a gain (2 in RoI-subnets). */
export const lossScalingSchema = z.discriminatedUnion('kind', [
  z.strictObject({kind: z.literal('none')}),
  z.strictObject({kind: z.literal('constant'), w: positive}),
  z.strictObject({kind: z.literal('guided'), gain: positive}),
]);

/** Bias of the last classification layer: -log((1 - pi) / pi), Eq. 10 measured on the data set, or 0. */
export const biasInitSchema = z.discriminatedUnion('kind', [
  z.strictObject({kind: z.literal('prior'), pi: probability}),
  z.strictObject({kind: z.literal('optimal')}),
  z.strictObject({kind: z.literal('zero')}),
]);

/** Score below which a prediction is dropped before NMS: a constant, or N_f / N (Table 2). */
export const scoreThresholdSchema = z.discriminatedUnion('kind', [
  z.strictObject({kind: z.literal('fixed'), theta: z.number().min(0).lt(1)}),
  z.strictObject({
    kind: z.literal('adaptive'),
    /** The paper's N_f / N, or the release's N_f / (N C) * (C + 1), which counts the background as a class. */
    classes: z.enum(['foreground', 'foreground+background']).default('foreground'),
  }),
]);

export const stageSchema = z.strictObject({
  sampler: samplerSchema,
  classificationLoss: classificationLossSchema,
  boxLoss: boxLossSchema,
  lossScaling: lossScalingSchema,
  biasInit: biasInitSchema,
  scoreThreshold: scoreThresholdSchema,
});

export type Sampler = z.infer<typeof samplerSchema>;
export type SummedClassificationLoss = z.infer<typeof summedClassificationLossSchema>;
export type ClassificationLoss = z.infer<typeof classificationLossSchema>;
export type BoxLoss = z.infer<typeof boxLossSchema>;
export type LossScaling = z.infer<typeof lossScalingSchema>;
export type BiasInit = z.infer<typeof biasInitSchema>;
export type ScoreThreshold = z.infer<typeof scoreThresholdSchema>;
export type StageConfig = z.infer<typeof stageSchema>;

/** The stage fields in the order in which tables print them. */
export const STAGE_FIELDS = [
  'sampler',
  'classificationLoss',
  'boxLoss',
  'lossScaling',
  'biasInit',
  'scoreThreshold',
] as const satisfies readonly (keyof StageConfig)[];
