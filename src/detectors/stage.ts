/**
 * One stage of a detector, once for all of them: label -> sample -> classify -> scale, as the stage's six fields say.
 * Shape letters: B images, A anchors or points of all levels, P foreground examples, G objects, C classes.
 */
import * as tf from '@tensorflow/tfjs';
import {gatherBoxes} from '../boxes/box.js';
import {encodeBoxes} from '../boxes/box-coder.js';
import {IGNORED, type Matches, matchAnchors} from '../boxes/matcher.js';
import {backgroundLimit, largestOverlaps} from '../boxes/overlaps.js';
import type {BoxCoderConfig, MatcherConfig, NormaliserConfig} from '../config/network.js';
import type {ClassificationLoss, Sampler, StageConfig} from '../config/stage.js';
import type {Targets} from '../data/batch.js';
import {gatherRows} from '../engine/ops/gather-rows.js';
import type {DensePredictions} from '../heads/retina-head.js';
import {boxLossSum} from '../losses/box-loss.js';
import {classificationLossSum} from '../losses/classification-loss.js';
import {exampleLosses} from '../losses/example-losses.js';
import type {Random} from '../random/random.js';
import {sample} from '../samplers/sampler.js';
import {lossScale} from '../sampling-free/guided-loss-scaling.js';
import type {StageLosses} from './detector.js';

/** What the anchors or points of a mini-batch are trained towards: constants, made on the host. */
export type Examples = {
  /** -1 ignored, 0 background, 1..C. */
  readonly labels: Int32Array; // [B, A]
  /** 0 where the sampler leaves an example out. */
  readonly weights: Float32Array; // [B, A]
  /** Positions in [B, A] of the sampled foreground examples. */
  readonly foreground: Int32Array; // [P]
  readonly boxTargets: Float32Array; // [P, 4], encoded
  readonly images: number;
  /** Sampled examples: N of this mini-batch. */
  readonly examples: number;
};

export type LabellingOptions = {
  readonly anchors: Float32Array; // [A, 4], the same for every image of the batch
  readonly targets: readonly Targets[]; // [B]
  readonly matcher: MatcherConfig;
  readonly boxWeights: BoxCoderConfig['weights'];
  readonly sampler: Sampler;
  /** Randomness of image i, for samplers that draw. */
  readonly randomOf: (image: number) => Random;
  /**
   * The classification loss of every example, without gradient; labels [B, A] -> losses [B, A]. Called once at most, and
   * only where the sampler goes by losses, since it waits for the device.
   */
  readonly lossesOf: (labels: Int32Array) => Float32Array;
  /** False for anchors that are not trained on whatever they overlap, such as those across the border. Default: all are. */
  readonly isTrained?: (image: number, anchor: number) => boolean;
};

/** Labels every anchor of every image, samples, and encodes the boxes of the foreground. */
export function labelExamples(options: LabellingOptions): Examples {
  const {anchors, targets, matcher, boxWeights, isTrained, ...sampling} = options;
  const matches = targets.map((objects, image) => {
    const matched = matchAnchors(anchors, objects, matcher);
    if (isTrained !== undefined) {
      for (let anchor = 0; anchor < matched.labels.length; anchor++) {
        if (!isTrained(image, anchor)) matched.labels[anchor] = IGNORED;
      }
    }
    return matched;
  });
  return sampleExamples({
    ...sampling,
    targets,
    matches,
    coder: {encode: (boxes, positions) => encodeBoxes(boxes, gatherBoxes(anchors, positions), boxWeights)},
    iou: {
      background: backgroundLimit(matcher),
      overlaps: image => largestOverlaps(anchors, targets[image]!.boxes),
    },
  });
}

/** Between boxes and what is predicted for them at an anchor or a point. */
export type ExampleCoder = {
  /** Boxes [P, 4] as the predictions of the anchors or points at `positions` [P], each in 0..A; [P, 4]. */
  readonly encode: (boxes: Float32Array, positions: Int32Array) => Float32Array;
};

export type SamplingOptions = Pick<LabellingOptions, 'targets' | 'sampler' | 'randomOf' | 'lossesOf'> & {
  /** Labels and objects of the anchors or points of every image. */
  readonly matches: readonly Matches[]; // [B], of [A]
  readonly coder: ExampleCoder;
  /** Absent where examples are points: no sampler can go by an IoU then. */
  readonly iou?: {
    /** Background examples have a smaller IoU than this. */
    readonly background: number;
    /** The largest IoU of every example of an image with any object. */
    readonly overlaps: (image: number) => Float32Array; // [A]
  };
};

/** Samples among the labelled anchors or points of every image, and encodes the boxes of the foreground. */
export function sampleExamples(options: SamplingOptions): Examples {
  const {targets, matches, sampler, randomOf, lossesOf, coder, iou} = options;
  const perImage = matches[0]?.labels.length ?? 0;
  const labels = new Int32Array(matches.length * perImage);
  const weights = new Float32Array(labels.length);
  const foreground: number[] = [];
  const foregroundBoxes: number[] = [];
  let examples = 0;

  // All labels come before the first sample: losses are those of the whole mini-batch, read in one piece.
  for (const [image, matched] of matches.entries()) labels.set(matched.labels, image * perImage);
  let losses: Float32Array | undefined;
  for (const [image, matched] of matches.entries()) {
    const start = image * perImage;
    const {boxes} = targets[image]!;
    const sampled = sample(sampler, matched.labels, {
      random: randomOf(image),
      image,
      backgroundIou: iou?.background ?? 0,
      matches: matched.matches,
      overlaps: () => {
        if (iou === undefined) throw new Error(`sampler ${sampler.kind}: these examples have no IoU`);
        return iou.overlaps(image);
      },
      losses: () => {
        losses ??= lossesOf(labels);
        return losses.subarray(start, start + perImage);
      },
    });
    weights.set(sampled, start);
    for (let position = 0; position < perImage; position++) {
      if (sampled[position] === 0) continue;
      examples++;
      if (matched.labels[position]! <= 0) continue;
      foreground.push(start + position);
      const object = 4 * matched.matches[position]!;
      for (let k = 0; k < 4; k++) foregroundBoxes.push(boxes[object + k]!);
    }
  }
  return {
    labels,
    weights,
    foreground: Int32Array.from(foreground),
    boxTargets: coder.encode(
      Float32Array.from(foregroundBoxes),
      Int32Array.from(foreground, position => position % perImage),
    ),
    images: matches.length,
    examples,
  };
}

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

/** Losses of the predictions of anchors or points: every class is a binary question. */
export function denseLosses(
  config: StageConfig,
  normaliser: NormaliserConfig,
  {logits, deltas}: DensePredictions,
  examples: Examples,
  boxLossWeight = 1,
): StageLosses {
  const foreground = examples.foreground.length;
  const shape: [number, number] = [logits.shape[0], logits.shape[1]];
  const classification = tf.tidy(() =>
    classificationLossSum(
      config.classificationLoss,
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
    return boxLossSum(config.boxLoss, predicted, tf.tensor2d(examples.boxTargets, [foreground, 4]));
  });
  const counts = {examples: examples.examples, foreground, images: examples.images};
  return scaleLosses(config, normalise(normaliser, {classification, box}, counts, boxLossWeight), counts);
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
  }[normaliser.classification];
  const perBox = {
    foreground: Math.max(1, foreground),
    coordinates: Math.max(1, 4 * foreground),
    examples: Math.max(1, examples),
  }[normaliser.box];
  const classification = tf.div<tf.Scalar>(sums.classification, perClassification);
  const box = tf.div<tf.Scalar>(sums.box, perBox / boxLossWeight);
  tf.dispose(Object.values(sums));
  return {classification, box};
}

/** L = L_REG + w L_CLS (Eq. 5) of one mini-batch, from normalised losses. Takes them over. */
export function scaleLosses(
  {lossScaling}: StageConfig,
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
