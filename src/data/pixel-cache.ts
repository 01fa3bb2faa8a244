/** Decoded and resized images of a data set, kept in memory as bytes while they fit a budget. */
import type {ImageRecord} from './dataset.js';
import {decodeImage} from './image.js';
import type {Size} from './resize.js';

/**
 * Loads images at one size each. The first ones that fit stay; nothing is evicted, since training visits images in
 * random order with equal frequency, where every choice of kept images is as good as any other.
 */
export class PixelCache {
  private readonly kept = new Map<ImageRecord, Uint8Array>();
  private bytesLeft: number;

  constructor(budgetBytes: number) {
    this.bytesLeft = budgetBytes;
  }

  get size(): number {
    return this.kept.size;
  }

  /** Pixels of `record` at `size`, which must be the same at every call: [size.height, size.width, 3]. */
  async load(record: ImageRecord, size: Size): Promise<Uint8Array> {
    const cached = this.kept.get(record);
    if (cached !== undefined) return cached;
    const pixels = await decodeImage(record, size);
    // A copy in its own buffer: an image may be a view of a larger one that would stay alive with it.
    if (pixels.byteLength <= this.bytesLeft && !this.kept.has(record)) {
      this.bytesLeft -= pixels.byteLength;
      this.kept.set(
        record,
        pixels.buffer.byteLength === pixels.byteLength ? pixels : Uint8Array.from(pixels),
      );
    }
    return pixels;
  }
}
