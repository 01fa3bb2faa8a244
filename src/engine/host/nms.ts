/**
 * Non-maximum suppression: greedily keeps the best-scored box and drops what overlaps it. IoU is taken in single
 * precision as torchvision takes it, so that a pair at the threshold falls the same way.
 */
import {singlePrecisionIou} from './iou.js';

/**
 * Indices of the boxes that stay, by falling score, equal scores in their order. A box goes when its IoU with a
 * better one that stays is above `threshold`. Boxes whose score is NaN are left out.
 * @param limit stop after so many; default: no limit
 */
export function nonMaximumSuppression(
  boxes: Float32Array, // [n, 4]
  scores: Float32Array, // [n]
  threshold: number,
  limit = Number.POSITIVE_INFINITY,
): Int32Array {
  const kept: number[] = [];
  for (const i of byFallingScore(scores)) {
    if (kept.length >= limit) break;
    if (!isCovered(boxes, i, kept, threshold)) kept.push(i);
  }
  return Int32Array.from(kept);
}

/**
 * The same with every class for itself: boxes suppress only boxes of their class. Result by falling score over all
 * classes, at most `limit` boxes.
 */
export function classwiseNms(
  boxes: Float32Array, // [n, 4]
  scores: Float32Array, // [n]
  classes: Int32Array, // [n]
  threshold: number,
  limit: number,
): Int32Array {
  const kept: number[] = [];
  const keptOfClass = new Map<number, number[]>();
  for (const i of byFallingScore(scores)) {
    if (kept.length >= limit) break;
    const rivals = keptOfClass.get(classes[i]!) ?? [];
    if (isCovered(boxes, i, rivals, threshold)) continue;
    kept.push(i);
    rivals.push(i);
    keptOfClass.set(classes[i]!, rivals);
  }
  return Int32Array.from(kept);
}

/** Whether the IoU of box `i` with one of the `kept` ones is above the threshold. */
function isCovered(boxes: Float32Array, i: number, kept: readonly number[], threshold: number): boolean {
  const o = 4 * i;
  const x1 = boxes[o]!;
  const y1 = boxes[o + 1]!;
  const x2 = boxes[o + 2]!;
  const y2 = boxes[o + 3]!;
  for (const k of kept) if (singlePrecisionIou(x1, y1, x2, y2, boxes, k) > threshold) return true;
  return false;
}

function byFallingScore(scores: Float32Array): Int32Array {
  const order: number[] = [];
  for (let i = 0; i < scores.length; i++) if (!Number.isNaN(scores[i])) order.push(i);
  // The index breaks ties, also between two infinite scores, whose difference is NaN.
  return Int32Array.from(order).sort((i, j) => scores[j]! - scores[i]! || i - j);
}
