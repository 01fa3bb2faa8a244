/**
 * N and N_f of a training set: how many anchors or points there are to learn from and how many of them are foreground,
 * from these and objects alone, without a forward pass (Sec. 3.2; the authors' release measured N / N_f = 1122.6 for
 * RetinaNet on COCO).
 */
import {countMatches} from '../boxes/matcher.js';
import type {MatcherConfig} from '../config/network.js';

/** Totals over a data set, not means of images. */
export type Imbalance = {
  /** N: foreground and background. Ignored ones are not examples. */
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
 * The totals of all images. One without objects is not counted at all, since the training set leaves it out.
 * @param count N and N_f of one image
 */
export function countImbalance(
  images: Iterable<CountedImage>,
  count: (image: CountedImage) => Imbalance,
): Imbalance {
  let examples = 0;
  let foreground = 0;
  for (const image of images) {
    if (image.boxes.length === 0) continue;
    const counts = count(image);
    examples += counts.examples;
    foreground += counts.foreground;
  }
  return {examples, foreground};
}

/**
 * Counts anchors as the authors' release does: those in the padding and across the border count; those between the
 * thresholds do not when the matcher skips them, and are background when it does not; low-quality matches follow the
 * matcher.
 *
 * @param anchorsOf anchors [A, 4] of a canvas; called at every image, so let it remember some of them (`anchorCache`)
 */
export function anchorCounter(
  anchorsOf: (height: number, width: number) => Float32Array,
  matcher: MatcherConfig,
): (image: CountedImage) => Imbalance {
  return ({height, width, boxes}) => {
    const anchors = anchorsOf(height, width);
    const {foreground, ignored} = countMatches(anchors, boxes, matcher);
    return {examples: anchors.length / 4 - ignored, foreground};
  };
}
