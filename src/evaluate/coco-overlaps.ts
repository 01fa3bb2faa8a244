/** How much detections cover annotated objects: the one place that knows whether boxes or masks are compared. */
import type {CocoGroundTruth, CocoResults} from './coco-data.js';
import type {IouType} from './coco-parameters.js';

/** Overlaps [D, G] of rows of the results with rows of the ground truth. */
export type Overlaps = (detections: Int32Array, groundTruths: Int32Array) => Float64Array;

/** Overlaps of what is compared: boxes or masks. */
export function overlapsOf(iouType: IouType, groundTruth: CocoGroundTruth, results: CocoResults): Overlaps {
  switch (iouType) {
    case 'bbox':
      return boxOverlaps(groundTruth, results);
    case 'segm':
      throw new Error('masks');
  }
}

/**
 * IoU of continuous boxes, no pixel added and nothing clipped; 0 where they only touch. Against a crowd it is
 * intersection / detection area. The order of every operation is the reference's: IoUs that are exactly a threshold
 * in decimals stay on the same side of it.
 */
export function boxOverlaps(groundTruth: CocoGroundTruth, results: CocoResults): Overlaps {
  const gt = groundTruth.boxes;
  const dt = results.boxes;
  return (detections, groundTruths) => {
    const width = groundTruths.length;
    const overlaps = new Float64Array(detections.length * width);
    for (let g = 0; g < width; g++) {
      const row = groundTruths[g]!;
      const gx = gt[4 * row]!;
      const gy = gt[4 * row + 1]!;
      const gw = gt[4 * row + 2]!;
      const gh = gt[4 * row + 3]!;
      const groundTruthArea = gw * gh;
      const crowd = groundTruth.crowd[row] === 1;
      for (let d = 0; d < detections.length; d++) {
        const at = 4 * detections[d]!;
        const dx = dt[at]!;
        const dy = dt[at + 1]!;
        const dw = dt[at + 2]!;
        const dh = dt[at + 3]!;
        const w = Math.min(dw + dx, gw + gx) - Math.max(dx, gx);
        if (!(w > 0)) continue;
        const h = Math.min(dh + dy, gh + gy) - Math.max(dy, gy);
        if (!(h > 0)) continue;
        const intersection = w * h;
        const detectionArea = dw * dh;
        const union = crowd ? detectionArea : detectionArea + groundTruthArea - intersection;
        overlaps[d * width + g] = intersection / union;
      }
    }
    return overlaps;
  };
}
