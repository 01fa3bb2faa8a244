/**
 * What the box head learns: the box relative to its anchor. Girshick et al., "Rich feature hierarchies", App. C, with
 * the weights of Fast R-CNN: centre offsets in anchor sides, log of the size ratio.
 */
import type {Canvas} from './canvas.js';

export type BoxCoderWeights = readonly [x: number, y: number, width: number, height: number];

/** A predicted side is at most 1000 / 16 times the anchor's: exp() of a wild logit stays a number. */
export const LOG_RATIO_LIMIT = Math.log(1000 / 16);

/** Sides below this many pixels count as this long, so that a degenerate box gives a large delta, never an infinite one. */
const MIN_SIDE = 1e-6;

/** Deltas (dx, dy, dw, dh) that turn anchor `i` into box `i`, [n, 4]. */
export function encodeBoxes(
  boxes: Float32Array, // [n, 4]
  anchors: Float32Array, // [n, 4]
  weights: BoxCoderWeights,
): Float32Array {
  const deltas = new Float32Array(boxes.length);
  for (let o = 0; o < boxes.length; o += 4) {
    for (let axis = 0; axis < 2; axis++) {
      const near = o + axis;
      const far = near + 2;
      const side = Math.max(boxes[far]! - boxes[near]!, MIN_SIDE);
      const anchorSide = Math.max(anchors[far]! - anchors[near]!, MIN_SIDE);
      const shift = (boxes[near]! + boxes[far]! - anchors[near]! - anchors[far]!) / 2;
      deltas[near] = (weights[axis]! * shift) / anchorSide;
      deltas[far] = weights[axis + 2]! * Math.log(side / anchorSide);
    }
  }
  return deltas;
}

/** Boxes that `deltas` make of the anchors, [n, 4]; not clipped to the image. Non-finite deltas give non-finite boxes. */
export function decodeBoxes(
  deltas: Float32Array, // [n, 4]
  anchors: Float32Array, // [n, 4]
  weights: BoxCoderWeights,
): Float32Array {
  const boxes = new Float32Array(deltas.length);
  for (let o = 0; o < deltas.length; o += 4) {
    for (let axis = 0; axis < 2; axis++) {
      const near = o + axis;
      const far = near + 2;
      const anchorSide = anchors[far]! - anchors[near]!;
      const centre = (anchors[near]! + anchors[far]!) / 2 + (deltas[near]! / weights[axis]!) * anchorSide;
      const side = anchorSide * Math.exp(Math.min(deltas[far]! / weights[axis + 2]!, LOG_RATIO_LIMIT));
      boxes[near] = centre - side / 2;
      boxes[far] = centre + side / 2;
    }
  }
  return boxes;
}

/** Where an image lies on a canvas; at the top left where it does not say. */
export type Region = Canvas & {readonly left?: number; readonly top?: number};

/** Boxes cut to the region; boxes outside become empty ones on the border. NaN stays NaN. */
export function clipBoxes(boxes: Float32Array, {left = 0, top = 0, width, height}: Region): Float32Array {
  const clipped = new Float32Array(boxes.length);
  for (let i = 0; i < boxes.length; i += 2) {
    clipped[i] = Math.min(Math.max(boxes[i]!, left), left + width);
    clipped[i + 1] = Math.min(Math.max(boxes[i + 1]!, top), top + height);
  }
  return clipped;
}
