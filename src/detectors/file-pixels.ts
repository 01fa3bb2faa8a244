/** Where a box of a resized image lies in its file. */
import type {ImageInfo} from '../data/batch.js';

/** Boxes [n, 4] of the batch in pixels of the image file. */
export function toFilePixels(boxes: Float32Array, info: ImageInfo): Float32Array {
  return boxes.map((value, i) => (i % 2 === 0 ? value / info.scaleX : value / info.scaleY));
}
