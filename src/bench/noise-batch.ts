/** Batches of noise: what a benchmark computes on. Never zeros, which processors and kernels may treat kindly. */
import * as tf from '@tensorflow/tfjs';
import type {Batch} from '../data/batch.js';
import {Random} from '../random/random.js';
import type {DetectorWork} from './work.js';

/** Of natural images on the 0..255 scale: what the initial weights expect. */
const PIXEL_DEVIATION = 57.4;

/** Noise that nothing has to be cut from or padded to. The caller owns its images. */
export function noiseBatch({
  height,
  width,
  objects,
}: Pick<DetectorWork, 'height' | 'width' | 'objects'>): Batch {
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
    })),
    iteration: 0,
  };
}
