/** Where a box of an image, resized and placed somewhere, lies in its file. */
import type {ImageInfo} from '../data/batch.js';

/** Boxes [n, 4] of the batch in pixels of the image file. */
export function toFilePixels(boxes: Float32Array, info: ImageInfo): Float32Array {
  const {left = 0, top = 0, scaleX, scaleY} = info;
  return boxes.map((value, i) => (i % 2 === 0 ? (value - left) / scaleX : (value - top) / scaleY));
}
