/**
 * YOLOv3 (Redmon and Farhadi, "YOLOv3: an incremental improvement", 2018) and the paper's Sampling-Free version of it. The
 * values of a darknet .cfg file are values of the YAML file: `[yolo]` sections here, `[net]` under input and schedule.
 */
import {z} from 'zod';
import {darknetSchema} from './darknet.js';
import {denseInferenceSchema, normaliserSchema, normSchema} from './network.js';
import {type StageConfig, stageSchema, summedClassificationLossSchema} from './stage.js';

const positive = z.number().positive();
const iou = z.number().gt(0).max(1);

/** Width and height in pixels of the network's input. */
const anchorSchema = z.tuple([positive, positive]);

/** What is trained towards the four logits of a box. */
export const yoloBoxLossSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    /** Cross-entropy of the offsets of the centre, half squared errors of the log sides, both times 2 - area share. */
    kind: z.literal('darknet'),
    /**
     * Cross-entropy with an offset t that is neither 0 nor 1 is at least the entropy of t. That has no gradient; it counts in
     * the value of the loss, and so in guided scaling.
     */
    entropy: z.enum(['included', 'excluded']).default('included'),
  }),
  /** -log IoU of the boxes, and 1 - GIoU, unweighted: as in `boxLoss` of other stages. */
  z.strictObject({kind: z.literal('iou')}),
  z.strictObject({kind: z.literal('giou')}),
]);

export const yoloStageSchema = z.strictObject({
  ...stageSchema.shape,
  /** Objects may share a prediction, which then has several classes; GHM-C counts examples of one. */
  classificationLoss: summedClassificationLossSchema,
  boxLoss: yoloBoxLossSchema,
});

export const yolov3Schema = z.strictObject({
  kind: z.literal('yolov3'),
  backbone: darknetSchema,
  /** As wide as the backbone's maps. */
  head: z.strictObject({norm: normSchema}),
  /** Of the three levels, of strides 8, 16 and 32, in this order. `sf data anchors` measures them. */
  anchors: z.tuple([
    z.array(anchorSchema).min(1),
    z.array(anchorSchema).min(1),
    z.array(anchorSchema).min(1),
  ]),
  assignment: z.strictObject({
    /**
     * Predictions that no object is assigned to are background, except those whose box has a higher IoU with an object: they
     * have no classification loss. Null: no exception.
     */
    ignoreThreshold: iou.nullable(),
    /** Predictions with a higher IoU learn that object too; 1: none do. */
    truthThreshold: iou,
  }),
  /**
   * One more logit a prediction: whether there is an object. Classes are then asked of objects alone, and scores are products.
   * Null: classes are asked of every prediction.
   */
  objectness: z
    .strictObject({
      /** In inference, predictions whose objectness does not exceed this are dropped. */
      threshold: z.number().min(0).lt(1),
    })
    .nullable(),
  normaliser: normaliserSchema,
  inference: denseInferenceSchema,
  stages: z.strictObject({dense: yoloStageSchema}),
});

export type YoloBoxLoss = z.infer<typeof yoloBoxLossSchema>;
export type YoloStageConfig = z.infer<typeof yoloStageSchema>;
/** A stage of any detector. */
export type AnyStageConfig = StageConfig | YoloStageConfig;
export type YoloV3Config = z.infer<typeof yolov3Schema>;
