/** The examples of an image that a sampler chooses among, and drawing some of them at random. */
import type {Random} from '../random/random.js';

/** Positions by label, rising; ignored examples are in neither list. */
export type ExamplesByLabel = {readonly foreground: Int32Array; readonly background: Int32Array};

/** @param labels [A]: -1 ignored, 0 background, 1..C class */
export function examplesByLabel(labels: Int32Array): ExamplesByLabel {
  let foregroundCount = 0;
  let backgroundCount = 0;
  for (let i = 0; i < labels.length; i++) {
    if (labels[i]! > 0) foregroundCount++;
    else if (labels[i] === 0) backgroundCount++;
  }
  const foreground = new Int32Array(foregroundCount);
  const background = new Int32Array(backgroundCount);
  for (let i = labels.length - 1; i >= 0; i--) {
    if (labels[i]! > 0) foreground[--foregroundCount] = i;
    else if (labels[i] === 0) background[--backgroundCount] = i;
  }
  return {foreground, background};
}

/**
 * `count` of the positions, or all where there are fewer, without replacement: the first steps of Fisher and Yates's
 * shuffle, which are enough. Takes one random number for every position drawn.
 */
export function draw(positions: Int32Array, count: number, random: Random): Int32Array {
  const drawn = Math.min(count, positions.length);
  const shuffled = positions.slice();
  for (let i = 0; i < drawn; i++) {
    const j = i + random.int(shuffled.length - i);
    const held = shuffled[i]!;
    shuffled[i] = shuffled[j]!;
    shuffled[j] = held;
  }
  return shuffled.slice(0, drawn);
}
