/**
 * The losses of one stage of a detector, once for all of them: classify -> normalise -> scale, as the stage's six fields
 * say. What they are computed on is in examples.ts.
 * Shape letters: B images, A anchors or points of all levels, P foreground examples, C classes.
 */
import * as tf from '@tensorflow/tfjs';
import type {NormaliserConfig} from '../config/network.js';
import type {ClassificationLoss, StageConfig} from '../config/stage.js';
import type {AnyStageConfig} from '../config/yolov3.js';
import {gatherRows} from '../engine/ops/gather-rows.js';
import type {DensePredictions} from '../heads/retina-head.js';
import type {ModelScope} from '../layers/convolution-layer.js';
import {boxLoss, termsOfBox} from '../losses/box-loss.js';
import {classificationLoss} from '../losses/classification-loss.js';
import {exampleLosses} from '../losses/example-losses.js';
import {normalisesItself, type Remember} from '../losses/running-sums.js';
import {lossScale} from '../sampling-free/guided-loss-scaling.js';
import type {StageLosses} from './detector.js';
import type {Examples} from './examples.js';

/** `LabellingOptions.lossesOf` of a stage whose classes are sigmoids; logits [B, A, C], labels and losses [B, A]. */
export function readExampleLosses(
  config: ClassificationLoss,
  logits: tf.Tensor3D,
  labels: Int32Array,
): Float32Array {
  const losses = exampleLosses(config, logits, labels);
  const values = losses.dataSync<'float32'>();
  losses.dispose();
  return values;
}

/** The two losses of a stage: summed over its examples, or divided by a normaliser. */
export type LossSums = {readonly classification: tf.Scalar; readonly box: tf.Scalar};

/** N, N_f and B of a mini-batch. */
export type ExampleCounts = {
  readonly examples: number;
  readonly foreground: number;
  readonly images: number;
};

export type DenseStageOptions = {
  /** Begins the names of what the losses remember from step to step. */
  readonly name: string;
  readonly stage: StageConfig;
  readonly normaliser: NormaliserConfig;
  /** Multiplies the box loss; default 1. */
  readonly boxLossWeight?: number;
};

/** Losses of the predictions of anchors, points or cells: every class is a binary question. */
export type DenseLosses = (predictions: DensePredictions, examples: Examples) => StageLosses;

/** Made once, with the detector: a loss may remember something from step to step. */
export function denseStage(
  scope: ModelScope,
  {name, stage, normaliser, boxLossWeight = 1}: DenseStageOptions,
): DenseLosses {
  const classificationSum = classificationLoss(
    stage.classificationLoss,
    remember(scope, `${name}.classification_loss`),
  );
  const boxSum = boxLoss(stage.boxLoss, remember(scope, `${name}.box_loss`));
  return ({logits, deltas}, examples) => {
    const {labels, weights, levelCounts, foreground, images} = examples;
    const shape: [number, number] = [logits.shape[0], logits.shape[1]];
    const classification = tf.tidy(() =>
      classificationSum({
        logits,
        labels: tf.tensor2d(labels, shape, 'int32'),
        weights: tf.tensor2d(weights, shape),
        levelCounts,
      }),
    );
    const box = tf.tidy(() =>
      boxSum({
        predicted: gatherRows(tf.reshape(deltas, [-1, 4]) as tf.Tensor2D, tf.tensor1d(foreground, 'int32')),
        target: examples.boxTargets,
        boxes: examples.boxes,
        decode: examples.decode,
        level: levelsOf(foreground, levelCounts),
        levels: levelCounts.length,
      }),
    );
    const counts = {examples: examples.examples, foreground: foreground.length, images};
    return scaleLosses(
      stage,
      normalise(stage, normaliser, {classification, box}, counts, boxLossWeight),
      counts,
    );
  };
}

/** Where a loss's memory goes: among the parameters, never trained. */
export function remember({parameters}: Pick<ModelScope, 'parameters'>, prefix: string): Remember {
  return (name, size) => parameters.create(`${prefix}.${name}`, 'state', tf.zeros([size]), false);
}

/** The level of each position in [B, A]. */
function levelsOf(positions: Int32Array, levelCounts: readonly number[]): Int32Array {
  const ends: number[] = [];
  for (const count of levelCounts) ends.push((ends.at(-1) ?? 0) + count);
  return positions.map(position => {
    const inImage = position % ends.at(-1)!;
    return ends.findIndex(end => inImage < end);
  });
}

/**
 * Sums divided by what the config says, which is 1 where there is nothing to count; a loss that divides by counts of its own
 * is left as it is. Takes over the sums.
 */
export function normalise(
  stage: Pick<AnyStageConfig, 'classificationLoss' | 'boxLoss'>,
  normaliser: NormaliserConfig,
  sums: LossSums,
  {examples, foreground, images}: ExampleCounts,
  boxLossWeight = 1,
): LossSums {
  const perClassification = {
    foreground: Math.max(1, foreground),
    'foreground+images': foreground + images,
    examples: Math.max(1, examples),
    images,
  }[normaliser.classification];
  const perBox = {
    foreground: Math.max(1, foreground),
    coordinates: Math.max(1, termsOfBox(stage.boxLoss) * foreground),
    examples: Math.max(1, examples),
    images,
  }[normaliser.box];
  const classification = tf.div<tf.Scalar>(
    sums.classification,
    normalisesItself(stage.classificationLoss) ? 1 : perClassification,
  );
  const box = tf.div<tf.Scalar>(sums.box, (normalisesItself(stage.boxLoss) ? 1 : perBox) / boxLossWeight);
  tf.dispose(Object.values(sums));
  return {classification, box};
}

/** L = L_REG + w L_CLS (Eq. 5) of one mini-batch, from normalised losses. Takes them over. */
export function scaleLosses(
  {lossScaling}: Pick<StageConfig, 'lossScaling'>,
  {classification, box}: LossSums,
  {examples, foreground}: ExampleCounts,
): StageLosses {
  const w = lossScale(lossScaling, box, classification);
  const total = tf.tidy(() => tf.add<tf.Scalar>(box, tf.mul(w, classification)));
  return {classification, box, w, total, examples, foreground};
}

/** The losses of a stage with the loss of the masks of its boxes, which nothing scales. */
export function withMask(losses: StageLosses, mask: tf.Scalar): StageLosses {
  const total = tf.add<tf.Scalar>(losses.total, mask);
  losses.total.dispose();
  return {...losses, mask, total};
}
