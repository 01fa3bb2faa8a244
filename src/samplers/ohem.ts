/**
 * Online hard example mining: Shrivastava et al., "Training region-based object detectors with online hard example
 * mining", CVPR 2016, as mmdetection has it: by the classification loss alone, foreground and background apart, and
 * without the original's suppression of overlapping examples. Nothing is random.
 */
import {topK} from '../engine/host/top-k.js';
import {sampleAll} from './all.js';
import {examplesByLabel} from './examples.js';

export type Ohem = {
  /** Examples of an image. */
  readonly n: number;
  /** The largest share of foreground among them. */
  readonly fraction: number;
};

/**
 * Weight 1 for the floor(n * fraction) foreground examples with the largest losses, and for the background examples
 * with the largest losses that fill up to n; [A] -> [A].
 *
 * Of equal losses the lower position comes first. NaN counts as infinity, so that a diverging example is trained on, and
 * noticed, rather than passed over.
 *
 * @param lossesOf the classification loss of every example, [A]; asked for once, and only where there is a choice
 * @throws Error when there is not one loss an example
 */
export function sampleOhem(
  labels: Int32Array,
  {n, fraction}: Ohem,
  lossesOf: () => Float32Array,
): Float32Array {
  const {foreground, background} = examplesByLabel(labels);
  const hardForeground = Math.min(foreground.length, Math.floor(n * fraction));
  const hardBackground = Math.min(background.length, n - hardForeground);
  if (hardForeground === foreground.length && hardBackground === background.length) return sampleAll(labels);

  const losses = lossesOf();
  if (losses.length !== labels.length) {
    throw new Error(`ohem: ${losses.length} losses for ${labels.length} examples`);
  }
  const weights = new Float32Array(labels.length);
  for (const i of hardest(foreground, hardForeground, losses)) weights[i] = 1;
  for (const i of hardest(background, hardBackground, losses)) weights[i] = 1;
  return weights;
}

/** The `count` positions with the largest losses. */
function hardest(positions: Int32Array, count: number, losses: Float32Array): Int32Array {
  const values = new Float32Array(positions.length);
  for (let i = 0; i < positions.length; i++) {
    const loss = losses[positions[i]!]!;
    values[i] = Number.isNaN(loss) ? Number.POSITIVE_INFINITY : loss;
  }
  return topK(values, count).map(i => positions[i]!);
}
