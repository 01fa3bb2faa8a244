/** Decoded and resized images of a data set, kept in memory as bytes while they fit a budget. */
import type {ImageRecord} from './dataset.js';
import {decodeImage} from './image.js';
import type {Size} from './resize.js';

/** An image at one of its sizes. */
type Kept = Size & {readonly data: Uint8Array};

/**
 * Loads images, each at one size or at a few. The first ones that fit stay; nothing is evicted, since training visits images
 * and their sizes in random order with equal frequency, where every choice of what to keep is as good as any other.
 */
export class PixelCache {
  private readonly kept = new Map<ImageRecord, Kept[]>();
  private bytesLeft: number;

  constructor(budgetBytes: number) {
    this.bytesLeft = budgetBytes;
  }

  /** How many pictures are kept: an image at two sizes counts twice. */
  get size(): number {
    return [...this.kept.values()].reduce((count, {length}) => count + length, 0);
  }

  /** Pixels of `record` at `size`: [size.height, size.width, 3]. */
  async load(record: ImageRecord, size: Size): Promise<Uint8Array> {
    const cached = this.find(record, size);
    if (cached !== undefined) return cached;
    const pixels = await decodeImage(record, size);
    if (pixels.byteLength <= this.bytesLeft && this.find(record, size) === undefined) {
      this.bytesLeft -= pixels.byteLength;
      // A copy in its own buffer: an image may be a view of a larger one that would stay alive with it.
      const data = pixels.buffer.byteLength === pixels.byteLength ? pixels : Uint8Array.from(pixels);
      const {width, height} = size;
      this.kept.set(record, [...(this.kept.get(record) ?? []), {width, height, data}]);
    }
    return pixels;
  }

  private find(record: ImageRecord, {width, height}: Size): Uint8Array | undefined {
    return this.kept.get(record)?.find(kept => kept.width === width && kept.height === height)?.data;
  }
}
