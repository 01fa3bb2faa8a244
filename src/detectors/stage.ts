/**
 * The losses of one stage of a detector, once for all of them: classify -> normalise -> scale, as the stage's six fields
 * say. What they are computed on is in examples.ts.
 * Shape letters: B images, A anchors or points of all levels, P foreground examples, C classes.
 */
import * as tf from '@tensorflow/tfjs';
import type {NormaliserConfig} from '../config/network.js';
import type {ClassificationLoss, StageConfig} from '../config/stage.js';
import {gatherRows} from '../engine/ops/gather-rows.js';
import type {DensePredictions} from '../heads/retina-head.js';
import type {ModelScope} from '../layers/convolution-layer.js';
import {boxLossSum} from '../losses/box-loss.js';
import {classificationLossSum} from '../losses/classification-loss.js';
import {exampleLosses} from '../losses/example-losses.js';
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

/** Made once, with the detector: a loss may have parameters of its own. */
export function denseStage(
  _scope: ModelScope,
  {stage, normaliser, boxLossWeight = 1}: DenseStageOptions,
): DenseLosses {
  return ({logits, deltas}, examples) => {
    const foreground = examples.foreground.length;
    const shape: [number, number] = [logits.shape[0], logits.shape[1]];
    const classification = tf.tidy(() =>
      classificationLossSum(
        stage.classificationLoss,
        logits,
        tf.tensor2d(examples.labels, shape, 'int32'),
        tf.tensor2d(examples.weights, shape),
      ),
    );
    const box = tf.tidy(() => {
      const predicted = gatherRows(
        tf.reshape(deltas, [-1, 4]) as tf.Tensor2D,
        tf.tensor1d(examples.foreground, 'int32'),
      );
      return boxLossSum(stage.boxLoss, predicted, tf.tensor2d(examples.boxTargets, [foreground, 4]));
    });
    const counts = {examples: examples.examples, foreground, images: examples.images};
    return scaleLosses(stage, normalise(normaliser, {classification, box}, counts, boxLossWeight), counts);
  };
}

/**
 * Sums divided by what the config says, which is 1 where there is nothing to count. Takes over the sums.
 */
export function normalise(
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
    coordinates: Math.max(1, 4 * foreground),
    examples: Math.max(1, examples),
    images,
  }[normaliser.box];
  const classification = tf.div<tf.Scalar>(sums.classification, perClassification);
  const box = tf.div<tf.Scalar>(sums.box, perBox / boxLossWeight);
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
