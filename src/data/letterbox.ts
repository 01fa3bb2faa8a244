/**
 * Square inputs as darknet makes them (src/data.c, src/image.c): an image of any shape on a grey square, as large as it fits
 * and in the middle, or in training somewhere and a little out of shape. Pixels are whole: boxes lie where their pixels do.
 */
import type {InputConfig} from '../config/run.js';
import {Random} from '../random/random.js';
import type {Size} from './resize.js';

export type Letterbox = NonNullable<InputConfig['letterbox']>;

/** Where an image lies in its square. */
export type Placement = {readonly left: number; readonly top: number; readonly canvas: Size};

/** The size of an image in the square, and its place. */
export type PlacedSize = Size & {readonly placement: Placement};

/** The largest size with the image's shape that the square holds, in its middle; what is left of a pixel is cut off. */
export function centred(image: Size, side: number): PlacedSize {
  const wide = image.width > image.height;
  const width = wide ? side : Math.max(1, Math.floor((image.width * side) / image.height));
  const height = wide ? Math.max(1, Math.floor((image.height * side) / image.width)) : side;
  return placed({width, height}, side, (side - width) / 2, (side - height) / 2);
}

/**
 * The largest size of a shape near the image's, anywhere in the square: width and height change by up to `jitter` of
 * themselves, each on its own, before they are divided to the aspect ratio.
 */
export function jittered(image: Size, side: number, jitter: number, random: Random): PlacedSize {
  const changed = (length: number): number => length + random.uniform(-jitter * length, jitter * length);
  const aspect = changed(image.width) / changed(image.height);
  const width = aspect < 1 ? Math.max(1, Math.floor(side * aspect)) : side;
  const height = aspect < 1 ? side : Math.max(1, Math.floor(side / aspect));
  return placed({width, height}, side, random.uniform(0, side - width), random.uniform(0, side - height));
}

function placed(size: Size, side: number, left: number, top: number): PlacedSize {
  const canvas = {width: side, height: side};
  return {...size, placement: {left: Math.floor(left), top: Math.floor(top), canvas}};
}

/**
 * The side of the squares of training batch `iteration`: drawn anew every few batches, and the largest of all for those that
 * are drawn so near to the end of the training.
 */
export function sideOfBatch(
  {side, redrawEvery, largestForLast}: Letterbox,
  {
    seed,
    iteration,
    iterations,
  }: {readonly seed: number; readonly iteration: number; readonly iterations: number},
): number {
  const draw = Math.floor(iteration / redrawEvery);
  if (draw * redrawEvery + largestForLast > iterations) return Math.max(...side.training);
  return side.training[new Random(seed, 'side', draw).int(side.training.length)]!;
}
