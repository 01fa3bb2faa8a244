/** One generated scene: pixels and objects, which depend on the seed, the split and the scene's number alone. */
import {Random} from '../../random/random.js';
import type {Pixels} from '../image.js';
import {layOut, type PlacedShape} from './layout.js';
import {type Canvas, paintBackground, paintClutter, paintShape} from './paint.js';

/** To be raised with every change that alters a pixel or a box: generated files of other versions are not reused. */
export const GENERATOR_VERSION = 2;

export type SceneConfig = {
  readonly seed: number;
  readonly split: 'train' | 'val';
  /** Width and height in pixels. */
  readonly size: number;
  /** How many of the eight classes take part. */
  readonly classes: number;
};

export type Scene = {
  readonly pixels: Pixels;
  /** From back to front. */
  readonly objects: readonly PlacedShape[];
};

/** Scene number `index` of a split. */
export function renderScene({seed, split, size, classes}: SceneConfig, index: number): Scene {
  const objects = layOut(new Random(seed, `shapes ${split} layout`, index), size, classes);
  const random = new Random(seed, `shapes ${split} paint`, index);
  const canvas = paintBackground(random, size);
  paintClutter(random, canvas);
  for (const object of objects) paintShape(random, canvas, object);
  return {pixels: toPixels(canvas), objects};
}

function toPixels({size, values}: Canvas): Pixels {
  return {data: new Uint8Array(new Uint8ClampedArray(values).buffer), width: size, height: size};
}
