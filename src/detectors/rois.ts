/**
 * What a RoI-subnet is trained on: proposals of all images of a mini-batch, labelled by the objects, sampled, and encoded.
 * Proposals are those of one image each: budgets are never shared over a batch.
 */

import {gatherBoxes} from '../boxes/box.js';
import {encodeBoxes} from '../boxes/box-coder.js';
import {matchAnchors} from '../boxes/matcher.js';
import {backgroundLimit, largestOverlaps} from '../boxes/overlaps.js';
import type {BoxCoderConfig, MatcherConfig} from '../config/network.js';
import type {Sampler} from '../config/stage.js';
import {type Batch, randomOfImages, type Targets} from '../data/batch.js';
import {sample} from '../samplers/sampler.js';

/** Boxes of B images one after the other. R boxes. */
export type Rois = {
  readonly boxes: Float32Array; // [R, 4]
  readonly imageOf: Int32Array; // [R], ascending
};

/** R boxes with what they are trained towards; P of them are foreground. */
export type LabelledRois = Rois & {
  /** -1 ignored, 0 background, 1..C. */
  readonly labels: Int32Array; // [R]
  /** Index of the object of a foreground box among those of its image, -1 for all others. */
  readonly objects: Int32Array; // [R]
};

/** Boxes of every image, in order. */
export function joinRois(boxesOfImages: readonly Float32Array[]): Rois {
  const count = boxesOfImages.reduce((sum, boxes) => sum + boxes.length / 4, 0);
  const boxes = new Float32Array(4 * count);
  const imageOf = new Int32Array(count);
  let row = 0;
  for (const [image, ofImage] of boxesOfImages.entries()) {
    boxes.set(ofImage, 4 * row);
    imageOf.fill(image, row, row + ofImage.length / 4);
    row += ofImage.length / 4;
  }
  return {boxes, imageOf};
}

/** Proposals of every image, followed by its objects: so there is always something to find. */
export function withGroundTruth(
  proposals: readonly Float32Array[],
  targets: readonly Targets[],
): readonly Float32Array[] {
  return proposals.map((boxes, image) => {
    const objects = targets[image]!.boxes;
    const joined = new Float32Array(boxes.length + objects.length);
    joined.set(boxes);
    joined.set(objects, boxes.length);
    return joined;
  });
}

/** The rows of `rois` at `kept`. */
export function gatherRois<T extends Rois>(rois: T, kept: Int32Array): T {
  const columns = Object.entries(rois).map(([name, column]: [string, Float32Array | Int32Array]) => [
    name,
    column instanceof Float32Array ? gatherBoxes(column, kept) : kept.map(row => column[row]!),
  ]);
  return Object.fromEntries(columns) as T;
}

/** Where each image's boxes begin; the last entry is their number. [B + 1] */
export function imageStarts({imageOf}: Rois, images: number): Int32Array {
  const starts = new Int32Array(images + 1);
  for (const image of imageOf) starts[image + 1]!++;
  for (let image = 0; image < images; image++) starts[image + 1]! += starts[image]!;
  return starts;
}

/** Labels of the boxes by the objects of their images. */
export function labelRois(rois: Rois, targets: readonly Targets[], matcher: MatcherConfig): LabelledRois {
  const starts = imageStarts(rois, targets.length);
  const labels = new Int32Array(rois.imageOf.length);
  const objects = new Int32Array(rois.imageOf.length);
  for (const [image, objectsOfImage] of targets.entries()) {
    const boxes = rois.boxes.slice(4 * starts[image]!, 4 * starts[image + 1]!);
    const matched = matchAnchors(boxes, objectsOfImage, matcher);
    labels.set(matched.labels, starts[image]);
    objects.set(matched.matches, starts[image]);
  }
  return {...rois, labels, objects};
}

export type RoiSamplingOptions = {
  readonly sampler: Sampler;
  readonly matcher: MatcherConfig;
  readonly seed: number;
  /** Classification loss of every box, without gradient; called once at most, by samplers that mine hard examples. */
  readonly lossesOf: () => Float32Array; // [R]
};

/** The boxes that the sampler leaves, image by image; what it leaves out is not computed at all. */
export function sampleRois(
  rois: LabelledRois,
  batch: Pick<Batch, 'targets' | 'iteration' | 'firstImage'>,
  {sampler, matcher, seed, lossesOf}: RoiSamplingOptions,
): LabelledRois {
  const {targets} = batch;
  const randomOf = randomOfImages(batch, seed, 'sample roi');
  const starts = imageStarts(rois, targets.length);
  const kept: number[] = [];
  let losses: Float32Array | undefined;
  for (const [image, {boxes: objects}] of targets.entries()) {
    const [from, to] = [starts[image]!, starts[image + 1]!];
    const weights = sample(sampler, rois.labels.subarray(from, to), {
      random: randomOf(image),
      image,
      backgroundIou: backgroundLimit(matcher),
      matches: rois.objects.subarray(from, to),
      overlaps: () => largestOverlaps(rois.boxes.slice(4 * from, 4 * to), objects),
      losses: () => {
        losses ??= lossesOf();
        return losses.subarray(from, to);
      },
    });
    for (const [i, weight] of weights.entries()) if (weight > 0) kept.push(from + i);
  }
  return gatherRois(rois, Int32Array.from(kept));
}

/** Foreground boxes as rows of `rois`, the box of each one's object, and the deltas to it. */
export type BoxTargets = {
  readonly foreground: Int32Array; // [P]
  readonly boxes: Float32Array; // [P, 4]
  readonly deltas: Float32Array; // [P, 4]
};

export function boxTargets(
  {boxes, imageOf, labels, objects}: LabelledRois,
  targets: readonly Targets[],
  weights: BoxCoderConfig['weights'],
): BoxTargets {
  const foreground = Int32Array.from(labels.keys()).filter(row => labels[row]! > 0);
  const matched = new Float32Array(4 * foreground.length);
  for (const [p, row] of foreground.entries()) {
    const o = 4 * objects[row]!;
    matched.set(targets[imageOf[row]!]!.boxes.subarray(o, o + 4), 4 * p);
  }
  return {foreground, boxes: matched, deltas: encodeBoxes(matched, gatherBoxes(boxes, foreground), weights)};
}
