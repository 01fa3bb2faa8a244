/**
 * Mini-batch biased sampling: Ren et al., "Faster R-CNN", Sec. 3.1.3, as maskrcnn-benchmark has it. Of n examples an
 * image at most fraction * n are foreground; background fills up what foreground leaves, never the other way round.
 */
import type {Random} from '../random/random.js';

export type MinibatchBiased = {
  /** Examples of an image. */
  readonly n: number;
  /** The largest share of foreground among them. */
  readonly fraction: number;
};

/** Weight 1 for the drawn examples, without replacement, 0 for all others; [A] -> [A]. */
export function sampleMinibatchBiased(
  labels: Int32Array,
  {n, fraction}: MinibatchBiased,
  random: Random,
): Float32Array {
  const foreground: number[] = [];
  const background: number[] = [];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i]! > 0) foreground.push(i);
    else if (labels[i] === 0) background.push(i);
  }
  const weights = new Float32Array(labels.length);
  const drawnForeground = Math.min(foreground.length, Math.floor(n * fraction));
  draw(foreground, drawnForeground, random, weights);
  draw(background, Math.min(background.length, n - drawnForeground), random, weights);
  return weights;
}

/** Sets the weight of `count` of the `indices` to 1: the first steps of Fisher and Yates's shuffle, which are enough. */
function draw(indices: number[], count: number, random: Random, weights: Float32Array): void {
  for (let i = 0; i < count; i++) {
    const j = i + random.int(indices.length - i);
    weights[indices[j]!] = 1;
    indices[j] = indices[i]!;
  }
}
