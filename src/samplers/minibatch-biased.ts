/**
 * Mini-batch biased sampling: Ren et al., "Faster R-CNN", Sec. 3.1.3, as maskrcnn-benchmark has it. Of n examples an
 * image at most fraction * n are foreground; background fills up what foreground leaves, never the other way round.
 */
import type {Random} from '../random/random.js';
import {draw, examplesByLabel} from './examples.js';

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
  const {foreground, background} = examplesByLabel(labels);
  const weights = new Float32Array(labels.length);
  const drawnForeground = draw(foreground, Math.floor(n * fraction), random);
  for (const i of drawnForeground) weights[i] = 1;
  for (const i of draw(background, n - drawnForeground.length, random)) weights[i] = 1;
  return weights;
}
