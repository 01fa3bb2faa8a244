/** The schema of a run: everything that decides its numbers. The type is inferred from it. */
import {z} from 'zod';
import {foveaboxSchema} from './foveabox.js';
import {letterboxSchema} from './letterbox.js';
import {retinanetSchema} from './network.js';
import {cascadeRcnnSchema, fasterRcnnSchema, maskRcnnSchema} from './two-stage.js';
import {yolov3Schema} from './yolov3.js';

const positiveInt = z.int().positive();
const positive = z.number().positive();

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

export const resizeSchema = z.strictObject({
  /**
   * What an image's short side becomes, in pixels: one length, or several for training, of which every image draws one in every
   * epoch, and the one that evaluation and prediction use.
   */
  shortSide: z.union([
    positiveInt,
    z.strictObject({training: z.array(positiveInt).min(1), evaluation: positiveInt}),
  ]),
  /** Where the long side would exceed this, the image becomes smaller. */
  maxLongSide: positiveInt,
});

export const inputSchema = z
  .strictObject({
    /** Null: images keep their size. */
    resize: resizeSchema.nullable(),
    /** Images on grey squares, all of one size, instead of `resize`; null: none. */
    letterbox: letterboxSchema.nullable().default(null),
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
  })
  .refine(({resize, letterbox}) => resize === null || letterbox === null, {
    path: ['letterbox'],
    error: 'null where input.resize is not: images are resized in one way',
  });

const ascending = (steps: readonly number[]) => steps.every((step, i) => i === 0 || step > steps[i - 1]!);

export const scheduleSchema = z
  .strictObject({
    iterations: positiveInt,
    imagesPerBatch: positiveInt,
    /**
     * Parts of a batch that are computed one after the other, in the memory of one (darknet's subdivisions). Losses and
     * batch norms are normalised in each by itself; the update is by the average of their gradients.
     */
    subBatches: positiveInt.default(1),
    baseLr: positive,
    /** Learning rate is multiplied by gamma at each of these iterations. */
    steps: z.array(positiveInt).refine(ascending, 'expected ascending iterations'),
    gamma: positive,
    /** The learning rate is factor + (1 - factor) p^power of what it is else, where p is the share of the warm-up behind it. */
    warmup: z.strictObject({
      iterations: z.int().nonnegative(),
      factor: z.number().min(0).max(1),
      /** 1: linear (maskrcnn-benchmark); 4 with a factor of 0 is darknet's burn-in. */
      power: positive.default(1),
    }),
    momentum: z.number().min(0).lt(1),
    weightDecay: z.number().nonnegative(),
    /** maskrcnn-benchmark: biases learn at twice the rate, without decay. */
    biasLrFactor: positive,
    biasWeightDecay: z.number().nonnegative(),
    /** Of the multipliers of norms; null: that of weights (darknet: 0). */
    normWeightDecay: z.number().nonnegative().nullable().default(null),
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
  })
  .refine(({imagesPerBatch, subBatches}) => imagesPerBatch % subBatches === 0, {
    path: ['subBatches'],
    error: 'a divisor of schedule.imagesPerBatch',
  });

export const runSchema = z.strictObject({
  seed: z.int().nonnegative(),
  /**
   * What training starts from: a run's folder, a checkpoint (.safetensors) or, for YOLOv3, a file of darknet's weights.
   * Relative paths start at the data root. Null: the initial values that the seed draws.
   */
  weights: z.string().min(1).nullable().default(null),
  model: z.discriminatedUnion('kind', [
    retinanetSchema,
    foveaboxSchema,
    fasterRcnnSchema,
    maskRcnnSchema,
    cascadeRcnnSchema,
    yolov3Schema,
  ]),
  data: z.strictObject({train: dataSetSchema, val: dataSetSchema}),
  input: inputSchema,
  schedule: scheduleSchema,
});

export type ModelConfig = z.infer<typeof runSchema>['model'];
export type DataSetConfig = z.infer<typeof dataSetSchema>;
export type InputConfig = z.infer<typeof inputSchema>;
export type ScheduleConfig = z.infer<typeof scheduleSchema>;
export type RunConfig = z.infer<typeof runSchema>;

/** Images that are in memory at a time. */
export function imagesAtOnce({
  imagesPerBatch,
  subBatches,
}: Pick<ScheduleConfig, 'imagesPerBatch' | 'subBatches'>): number {
  return imagesPerBatch / subBatches;
}
