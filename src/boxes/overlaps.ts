/** How much anchors overlap objects, and how much background may: what IoU-balanced sampling goes by. */
import type {MatcherConfig} from '../config/network.js';
import {singlePrecisionIou} from '../engine/host/iou.js';
import {anchorBlocks, iouBound} from './anchor-blocks.js';

/**
 * The largest IoU of every anchor with any object, in single precision as `matchAnchors` compares it; 0 without objects.
 * Objects without area overlap nothing.
 *
 * @param anchors [A, 4], indexed once and not to be written to afterwards
 * @param boxes [G, 4]
 * @returns [A]
 */
export function largestOverlaps(anchors: Float32Array, boxes: Float32Array): Float32Array {
  const anchorCount = anchors.length / 4;
  const overlaps = new Float32Array(anchorCount);
  const blocks = anchorBlocks(anchors);
  for (let o = 0; o < boxes.length; o += 4) {
    const x1 = boxes[o]!;
    const y1 = boxes[o + 1]!;
    const x2 = boxes[o + 2]!;
    const y2 = boxes[o + 3]!;
    if (!(x2 > x1 && y2 > y1)) continue;
    const area = (x2 - x1) * (y2 - y1);
    for (let block = 0; block < blocks.count; block++) {
      if (iouBound(blocks, block, x1, y1, x2, y2, area) === 0) continue;
      const end = Math.min((block + 1) * blocks.size, anchorCount);
      for (let a = block * blocks.size; a < end; a++) {
        const iou = singlePrecisionIou(x1, y1, x2, y2, anchors, a);
        if (iou > overlaps[a]!) overlaps[a] = iou;
      }
    }
  }
  return overlaps;
}

/** The IoU that every anchor stays below which `matchAnchors` labels as background. */
export function backgroundLimit({ignoreBand, foreground, background}: MatcherConfig): number {
  return ignoreBand === 'negative' ? foreground : background;
}
