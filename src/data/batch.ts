/** What one training or inference step sees, or one sub-batch of it. B images of H x W pixels after resizing and padding. */
import type {Tensor4D} from '@tensorflow/tfjs';
import type {Outline} from '../masks/outline.js';
import {Random} from '../random/random.js';

/** How one image of a batch came to be: `toFilePixels` returns its boxes to the file's pixels. */
export type ImageInfo = {
  readonly imageId: number;
  /** Where the image lies in its part of the batch; default: at the top left. */
  readonly left?: number;
  readonly top?: number;
  /** Pixels that hold the image, before padding. */
  readonly height: number;
  readonly width: number;
  readonly originalHeight: number;
  readonly originalWidth: number;
  readonly scaleY: number;
  readonly scaleX: number;
};

export type ImageBatch = {
  readonly images: Tensor4D; // [B, H, W, 3], normalised, padded with zeros at the bottom and right; letterboxes with grey
  readonly infos: readonly ImageInfo[]; // [B]
};

/** Trainable objects of one image in the batch's pixels (crowds and empty boxes left out). */
export type Targets = {
  readonly boxes: Float32Array; // [G, 4] XYXY
  readonly classes: Int32Array; // [G], 1..C
  /** Where masks were asked for. */
  readonly outlines?: readonly Outline[]; // [G]
};

export type Batch = ImageBatch & {
  readonly targets: readonly Targets[]; // [B]
  /** Which training step this is for, from 0: together with the seed it decides everything random about the batch. */
  readonly iteration: number;
  /** Images of the step before this batch, where that is a sub-batch; default: 0. */
  readonly firstImage?: number;
};

/** What is random about image i of a batch in training: it does not depend on how the step is cut into sub-batches. */
export function randomOfImages(
  {iteration, firstImage = 0}: Pick<Batch, 'iteration' | 'firstImage'>,
  seed: number,
  purpose: string,
): (image: number) => Random {
  return image => new Random(seed, purpose, iteration, firstImage + image);
}
