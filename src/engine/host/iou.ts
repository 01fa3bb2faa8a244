/** Intersection over union as tensors have it: what decides NMS and matching. */
const fround = Math.fround;

/**
 * IoU of the box x1, y1, x2, y2 with box `j`, rounded to single precision after every operation, as torchvision's
 * tensors are: two IoUs that are equal there, or equal to a threshold, are so here. 0 without intersection.
 */
export function singlePrecisionIou(
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  boxes: Float32Array,
  j: number,
): number {
  const o = 4 * j;
  const width = fround(Math.min(x2, boxes[o + 2]!) - Math.max(x1, boxes[o]!));
  if (!(width > 0)) return 0;
  const height = fround(Math.min(y2, boxes[o + 3]!) - Math.max(y1, boxes[o + 1]!));
  if (!(height > 0)) return 0;
  const area = fround(fround(x2 - x1) * fround(y2 - y1));
  const otherArea = fround(fround(boxes[o + 2]! - boxes[o]!) * fround(boxes[o + 3]! - boxes[o + 1]!));
  const intersection = fround(width * height);
  return intersection > 0 ? fround(intersection / fround(fround(area + otherArea) - intersection)) : 0;
}
