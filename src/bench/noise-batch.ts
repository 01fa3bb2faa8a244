/** Batches of noise: what a benchmark computes on. Never zeros, which processors and kernels may treat kindly. */
import * as tf from '@tensorflow/tfjs';
import type {Batch} from '../data/batch.js';
import type {Size} from '../data/resize.js';
import type {Outline} from '../masks/outline.js';
import {Random} from '../random/random.js';
import type {DetectorWork, Objects} from './work.js';

/** Of natural images on the 0..255 scale: what the initial weights expect. */
const PIXEL_DEVIATION = 57.4;

/** Corners of the polygon that an object's ellipse is to sf; COCO's polygons have 25 on average. */
const CORNERS = 24;

/** Noise that nothing has to be cut from or padded to. The caller owns its images. */
export function noiseBatch({
  height,
  width,
  model,
  objects,
}: Pick<DetectorWork, 'height' | 'width' | 'model' | 'objects'>): Batch {
  const random = new Random(0, 'pixels of a benchmark');
  const pixels = Float32Array.from({length: objects.length * height * width * 3}, () =>
    random.normal(0, PIXEL_DEVIATION),
  );
  const info = {height, width, originalHeight: height, originalWidth: width, scaleX: 1, scaleY: 1};
  return {
    images: tf.tensor4d(pixels, [objects.length, height, width, 3]),
    infos: objects.map((_, index) => ({imageId: index + 1, ...info})),
    targets: objects.map(({boxes, classes}) => ({
      boxes: Float32Array.from(boxes.flat()),
      classes: Int32Array.from(classes),
      ...(model === 'mask-rcnn' ? {outlines: boxes.map(box => ellipse(box, {height, width}))} : {}),
    })),
    iteration: 0,
  };
}

/** The ellipse in a box, as a polygon. */
function ellipse([x1, y1, x2, y2]: Objects['boxes'][number], {height, width}: Size): Outline {
  const corners = Float64Array.from({length: 2 * CORNERS}, (_, i) => {
    const angle = (2 * Math.PI * (i >> 1)) / CORNERS;
    return i % 2 === 0
      ? (x1 + x2 + (x2 - x1) * Math.cos(angle)) / 2
      : (y1 + y2 + (y2 - y1) * Math.sin(angle)) / 2;
  });
  return {kind: 'polygons', height, width, polygons: [corners]};
}
