/**
 * Outlines of a whole data set in little memory: 32-bit words outside the JavaScript heap instead of lists of lists.
 * COCO train2017 has some 40 million polygon coordinates; nearly all have two decimals and take one word each here.
 */
import type {Shape} from './polygon.js';

const BLOCK_BITS = 20;
const BLOCK_WORDS = 1 << BLOCK_BITS;

const POLYGONS = 1;
const RUN_LENGTHS = 2;
const RUN_LENGTH_TEXT = 3;

/** Hundredths fit a word exactly where dividing by 100 gives back the very same double. */
const MAX_HUNDREDTHS = 0x7fffffff;

export class ShapeStore {
  // Word 0 stands for 'none'. Records may cross from one block into the next.
  private readonly blocks: Int32Array[] = [new Int32Array(BLOCK_WORDS)];
  private words = 1;
  private readonly texts: string[] = [];
  private readonly double = new Float64Array(1);
  private readonly doubleWords = new Int32Array(this.double.buffer);

  /** Keeps a copy of `shape`; returns the handle that `get` takes. */
  add(shape: Shape): number {
    const handle = this.words;
    switch (shape.kind) {
      case 'none':
        return 0;
      case 'polygons':
        this.write(POLYGONS);
        this.write(shape.polygons.length);
        for (const polygon of shape.polygons) this.writePolygon(polygon);
        return handle;
      case 'run-lengths': {
        const {size, counts} = shape.runLengths;
        this.write(typeof counts === 'string' ? RUN_LENGTH_TEXT : RUN_LENGTHS);
        this.write(size[0]);
        this.write(size[1]);
        if (typeof counts === 'string') this.write(this.texts.push(counts) - 1);
        else {
          this.write(counts.length);
          for (const count of counts) this.write(count);
        }
        return handle;
      }
    }
  }

  /** A fresh copy of the shape that `add` returned `handle` for, equal to the last bit. */
  get(handle: number): Shape {
    if (handle === 0) return {kind: 'none'};
    let at = handle;
    const next = () => this.word(at++);
    const kind = next();
    if (kind === POLYGONS) {
      const polygons: number[][] = [];
      for (let left = next(); left > 0; left--) {
        const polygon = this.readPolygon(at);
        at += polygon.words;
        polygons.push(polygon.values);
      }
      return {kind: 'polygons', polygons};
    }
    const size = [next(), next()] as const;
    const last = next();
    const counts = kind === RUN_LENGTHS ? Array.from({length: last}, next) : (this.texts[last] as string);
    return {kind: 'run-lengths', runLengths: {size, counts}};
  }

  /** Its length times two, plus one if the coordinates follow in hundredths, not as doubles of two words. */
  private writePolygon(polygon: readonly number[]): void {
    const exact = polygon.every(isHundredths);
    this.write(polygon.length * 2 + (exact ? 1 : 0));
    for (const value of polygon) {
      if (exact) this.write(Math.round(value * 100));
      else {
        this.double[0] = value;
        this.write(this.doubleWords[0] as number);
        this.write(this.doubleWords[1] as number);
      }
    }
  }

  /** The polygon at word `at`, and how many words it takes with its header. */
  private readPolygon(at: number): {readonly values: number[]; readonly words: number} {
    const header = this.word(at);
    const values = new Array<number>(header >> 1);
    if ((header & 1) === 1) {
      for (let i = 0; i < values.length; i++) values[i] = this.word(at + 1 + i) / 100;
      return {values, words: 1 + values.length};
    }
    for (let i = 0; i < values.length; i++) {
      this.doubleWords[0] = this.word(at + 1 + 2 * i);
      this.doubleWords[1] = this.word(at + 2 + 2 * i);
      values[i] = this.double[0]!;
    }
    return {values, words: 1 + 2 * values.length};
  }

  private write(word: number): void {
    const block = this.words >> BLOCK_BITS;
    if (block === this.blocks.length) this.blocks.push(new Int32Array(BLOCK_WORDS));
    (this.blocks[block] as Int32Array)[this.words & (BLOCK_WORDS - 1)] = word;
    this.words++;
  }

  private word(index: number): number {
    return (this.blocks[index >> BLOCK_BITS] as Int32Array)[index & (BLOCK_WORDS - 1)] as number;
  }
}

function isHundredths(value: number): boolean {
  const hundredths = Math.round(value * 100);
  return Math.abs(hundredths) <= MAX_HUNDREDTHS && hundredths / 100 === value;
}
