/**
 * N and N_f of a training set: how many anchors there are to learn from and how many of them are foreground, from
 * anchors and objects alone, without a forward pass (Sec. 3.2; the authors' release measured N / N_f = 1122.6 for
 * RetinaNet on COCO).
 */
import {countMatches} from '../boxes/matcher.js';
import type {MatcherConfig} from '../config/network.js';

/** Totals over a data set, not means of images. */
export type Imbalance = {
  /** N: foreground and background anchors. Ignored ones are not examples. */
  readonly examples: number;
  /** N_f. */
  readonly foreground: number;
};

/** One training image as the network sees it. */
export type CountedImage = {
  /** Of the canvas: resized and padded. */
  readonly height: number;
  readonly width: number;
  /** Trainable objects in pixels of the canvas: crowds and empty boxes left out. */
  readonly boxes: Float32Array; // [G, 4]
  readonly classes: Int32Array; // [G]
};

/**
 * Counts as the authors' release does: anchors in the padding and across the border count; anchors between the
 * thresholds do not when the matcher skips them, and are background when it does not; low-quality matches follow the
 * matcher. An image without objects is not counted at all, since the training set leaves it out.
 *
 * @param anchorsOf anchors [A, 4] of a canvas; called at every change of canvas, so let it remember some of them
 * (`anchorCache`)
 */
export function countImbalance(
  images: Iterable<CountedImage>,
  anchorsOf: (height: number, width: number) => Float32Array,
  matcher: MatcherConfig,
): Imbalance {
  let examples = 0;
  let foreground = 0;
  for (const {height, width, boxes} of images) {
    if (boxes.length === 0) continue;
    const anchors = anchorsOf(height, width);
    const counts = countMatches(anchors, boxes, matcher);
    examples += anchors.length / 4 - counts.ignored;
    foreground += counts.foreground;
  }
  return {examples, foreground};
}
