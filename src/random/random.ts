/**
 * Seeded random numbers that depend only on a key, never on how many numbers were drawn before or by whom: a
 * generator for (seed, purpose, epoch, image) gives the same stream in any order of work and after any resume.
 *
 * Philox-4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

/** High 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

/** Ten Philox rounds over a counter of four words and a key of two; all words unsigned 32-bit. */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** FNV-1a, so that a purpose ('flip', 'order', a parameter's name) can be part of a key. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

/** A stream of random numbers for one seed, purpose and up to two indices (such as epoch and image id). */
export class Random {
  private readonly key: readonly [number, number];
  private readonly stream: readonly [number, number];
  private block = 0;
  private words: [number, number, number, number] = [0, 0, 0, 0];
  private used = 4;
  private spareNormal: number | undefined;

  constructor(seed: number, purpose: string, index = 0, subIndex = 0) {
    this.key = [seed >>> 0, hashText(purpose)];
    this.stream = [index >>> 0, subIndex >>> 0];
  }

  /** Uniform over the 2^32 unsigned integers. */
  uint32(): number {
    if (this.used === 4) {
      const high = Math.floor(this.block / 0x100000000) >>> 0;
      this.words = philox4x32([this.block >>> 0, high, this.stream[0], this.stream[1]], this.key);
      this.block++;
      this.used = 0;
    }
    return this.words[this.used++] as number;
  }

  /** Uniform in [low, high), in steps of 2^-32 of the range. */
  uniform(low = 0, high = 1): number {
    return low + ((high - low) * this.uint32()) / 0x100000000;
  }

  /** Uniform over 0 .. n - 1. */
  int(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Normal by Box and Muller's method. */
  normal(mean = 0, deviation = 1): number {
    if (this.spareNormal !== undefined) {
      const spare = this.spareNormal;
      this.spareNormal = undefined;
      return mean + deviation * spare;
    }
    const radius = Math.sqrt(-2 * Math.log((this.uint32() + 1) / 0x100000000));
    const angle = 2 * Math.PI * this.uniform();
    this.spareNormal = radius * Math.sin(angle);
    return mean + deviation * radius * Math.cos(angle);
  }

  /** Shuffles in place (Fisher and Yates) and returns the same array. */
  shuffle<T extends unknown[] | Int32Array>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const held = items[i];
      items[i] = items[j];
      items[j] = held;
    }
    return items;
  }
}
