/**
 * What a dense stage is trained on: label -> sample -> encode. Anchors, points and grid cells differ in how they are matched
 * with objects and in what their deltas mean; the rest is the same for all of them.
 * Shape letters: B images, A anchors (points, cells) of all levels, P foreground examples, G objects, C classes.
 */
import type * as tf from '@tensorflow/tfjs';
import {gatherBoxes} from '../boxes/box.js';
import {encodeBoxes} from '../boxes/box-coder.js';
import {decodeDeltas} from '../boxes/decode-deltas.js';
import {IGNORED, type Matches, matchAnchors} from '../boxes/matcher.js';
import {backgroundLimit, largestOverlaps} from '../boxes/overlaps.js';
import type {BoxCoderConfig, MatcherConfig} from '../config/network.js';
import type {Sampler} from '../config/stage.js';
import type {Targets} from '../data/batch.js';
import type {Random} from '../random/random.js';
import {sample} from '../samplers/sampler.js';

/** What the anchors of a mini-batch are trained towards: constants, made on the host. */
export type Examples = {
  /** -1 ignored, 0 background, 1..C. */
  readonly labels: Int32Array; // [B, A]
  /** 0 where the sampler leaves an example out. */
  readonly weights: Float32Array; // [B, A]
  /** Anchors of every level of the pyramid, in the order of A: some losses are taken level by level. */
  readonly levelCounts: readonly number[]; // sum: A
  /** Positions in [B, A] of the sampled foreground examples, rising. */
  readonly foreground: Int32Array; // [P]
  /** The objects' boxes of the foreground, in pixels of the canvas. */
  readonly boxes: Float32Array; // [P, 4] XYXY
  /** Those boxes as deltas. */
  readonly boxTargets: Float32Array; // [P, 4], encoded
  /** The boxes that deltas of the foreground examples make: what losses compare that are defined on boxes. */
  readonly decode: (deltas: tf.Tensor2D) => tf.Tensor2D; // [P, 4] -> [P, 4] XYXY, differentiable
  readonly images: number;
  /** Sampled examples: N of this mini-batch. */
  readonly examples: number;
};

/** Between boxes and what is predicted for them at some anchors or points, each given by its position in 0..A. */
export type ExampleCoder = {
  /** Boxes [P, 4] as the deltas of the anchors or points at `positions` [P]; [P, 4]. */
  readonly encode: (boxes: Float32Array, positions: Int32Array) => Float32Array;
  /** The boxes [P, 4] that deltas [P, 4] make there; differentiable, for losses that are defined on boxes. */
  readonly decode: (deltas: tf.Tensor2D, positions: Int32Array) => tf.Tensor2D;
};

/** Deltas relative to anchors [A, 4] (box-coder.ts). */
export function anchorCoder(anchors: Float32Array, weights: BoxCoderConfig['weights']): ExampleCoder {
  return {
    encode: (boxes, positions) => encodeBoxes(boxes, gatherBoxes(anchors, positions), weights),
    decode: (deltas, positions) => decodeDeltas(deltas, gatherBoxes(anchors, positions), weights),
  };
}

export type SamplingOptions = {
  readonly targets: readonly Targets[]; // [B]
  /** Labels and objects of the anchors or points of every image. */
  readonly matches: readonly Matches[]; // [B], of [A]
  readonly levelCounts: readonly number[]; // sum: A
  readonly coder: ExampleCoder;
  readonly sampler: Sampler;
  /** Randomness of image i, for samplers that draw. */
  readonly randomOf: (image: number) => Random;
  /**
   * The classification loss of every example, without gradient; labels [B, A] -> losses [B, A]. Called once at most, and
   * only where the sampler goes by losses, since it waits for the device.
   */
  readonly lossesOf: (labels: Int32Array) => Float32Array;
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
  const {targets, matches, levelCounts, sampler, randomOf, lossesOf, coder, iou} = options;
  const perImage = levelCounts.reduce((sum, count) => sum + count, 0);
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
  const positions = Int32Array.from(foreground, position => position % perImage);
  const objectBoxes = Float32Array.from(foregroundBoxes);
  return {
    labels,
    weights,
    levelCounts,
    foreground: Int32Array.from(foreground),
    boxes: objectBoxes,
    boxTargets: coder.encode(objectBoxes, positions),
    decode: deltas => coder.decode(deltas, positions),
    images: matches.length,
    examples,
  };
}

export type LabellingOptions = Pick<
  SamplingOptions,
  'targets' | 'levelCounts' | 'sampler' | 'randomOf' | 'lossesOf'
> & {
  readonly anchors: Float32Array; // [A, 4], the same for every image of the batch
  readonly matcher: MatcherConfig;
  readonly boxWeights: BoxCoderConfig['weights'];
  /** False for anchors that are not trained on whatever they overlap, such as those across the border. Default: all are. */
  readonly isTrained?: (image: number, anchor: number) => boolean;
};

/** Labels every anchor of every image by its IoU with the objects, and samples. */
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
    coder: anchorCoder(anchors, boxWeights),
    iou: {
      background: backgroundLimit(matcher),
      overlaps: image => largestOverlaps(anchors, targets[image]!.boxes),
    },
  });
}
