/**
 * How much masks cover each other: pycocotools' maskUtils.iou of run lengths, to the last bit. Intersection over union
 * of pixels; against a crowd, a region of many objects, intersection over the detection's area.
 */
import {type Mask, maskArea, maskBox} from './mask.js';
import {type MaskTable, maskAreas, maskBoxes} from './mask-table.js';

/** What pycocotools says of masks of different sizes whose boxes overlap. */
const DIFFERENT_SIZES = -1;

/**
 * Overlap of two masks: 0 where not even their boxes overlap, -1 where the boxes overlap and the masks are of different
 * sizes.
 */
export function maskOverlap(detection: Mask, groundTruth: Mask, crowd: boolean): number {
  if (!boxesOverlap(maskBox(detection), 0, maskBox(groundTruth), 0)) return 0;
  if (detection.height !== groundTruth.height || detection.width !== groundTruth.width)
    return DIFFERENT_SIZES;
  const common = commonPixels(
    detection.runs,
    0,
    detection.runs.length,
    groundTruth.runs,
    0,
    groundTruth.runs.length,
  );
  return overlapOf(common, maskArea(detection), crowd ? undefined : maskArea(groundTruth));
}

/** The masks of a file and what their overlaps need of each: row i of every column is mask i. */
export type MeasuredMasks = {
  readonly masks: MaskTable;
  readonly boxes: Float64Array; // [N, 4]: x, y, width, height of the pixels, whatever the file says
  readonly areas: Float64Array; // [N] pixels
};

/** Measures every mask once, whatever the number of overlaps that are asked for. */
export function measureMasks(masks: MaskTable): MeasuredMasks {
  return {masks, boxes: maskBoxes(masks), areas: maskAreas(masks)};
}

/**
 * Overlaps [D, G] of some rows of the detections with some rows of the ground truth, each as `maskOverlap` gives it.
 * @param crowd [rows of groundTruth.masks] 1 for a crowd
 */
export function maskOverlaps(
  detections: MeasuredMasks,
  detectionRows: Int32Array,
  groundTruths: MeasuredMasks,
  groundTruthRows: Int32Array,
  crowd: Uint8Array,
): Float64Array {
  const dt = detections.masks;
  const gt = groundTruths.masks;
  const overlaps = new Float64Array(detectionRows.length * groundTruthRows.length);
  let at = 0;
  for (const d of detectionRows) {
    for (const g of groundTruthRows) {
      if (boxesOverlap(detections.boxes, 4 * d, groundTruths.boxes, 4 * g)) {
        overlaps[at] =
          dt.heights[d] === gt.heights[g] && dt.widths[d] === gt.widths[g]
            ? overlapOf(
                commonPixels(
                  dt.runs,
                  dt.starts[d]!,
                  dt.starts[d + 1]!,
                  gt.runs,
                  gt.starts[g]!,
                  gt.starts[g + 1]!,
                ),
                detections.areas[d]!,
                crowd[g] === 1 ? undefined : groundTruths.areas[g]!,
              )
            : DIFFERENT_SIZES;
      }
      at++;
    }
  }
  return overlaps;
}

/** Whether boxes x, y, width, height at a[i] and b[j] have an area in common. */
function boxesOverlap(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): boolean {
  return (
    Math.min(a[i]! + a[i + 2]!, b[j]! + b[j + 2]!) > Math.max(a[i]!, b[j]!) &&
    Math.min(a[i + 1]! + a[i + 3]!, b[j + 1]! + b[j + 3]!) > Math.max(a[i + 1]!, b[j + 1]!)
  );
}

/** @param groundTruthArea undefined for a crowd, whose own size does not count */
function overlapOf(common: number, detectionArea: number, groundTruthArea: number | undefined): number {
  if (common === 0) return 0;
  return common / (groundTruthArea === undefined ? detectionArea : detectionArea + groundTruthArea - common);
}

/**
 * Foreground pixels that the mask with runs a[aFrom] to a[aTo - 1] has in common with that of b[bFrom] to b[bTo - 1],
 * which is as large. Both walked once, from one piece of foreground to the next; sums are at most 2^31 - 1, the pixels
 * of a mask, which `| 0` tells the compiler.
 */
function commonPixels(
  a: Uint32Array,
  aFrom: number,
  aTo: number,
  b: Uint32Array,
  bFrom: number,
  bTo: number,
): number {
  let common = 0;
  let endOfA = 0;
  let startOfB = 0;
  let endOfB = 0;
  let j = bFrom;
  for (let i = aFrom; i + 1 < aTo; i += 2) {
    const startOfA = (endOfA + a[i]!) | 0;
    endOfA = (startOfA + a[i + 1]!) | 0;
    while (endOfB <= startOfA) {
      if (j + 1 >= bTo) return common;
      startOfB = (endOfB + b[j]!) | 0;
      endOfB = (startOfB + b[j + 1]!) | 0;
      j += 2;
    }
    let from = Math.max(startOfA, startOfB);
    while (endOfB < endOfA) {
      common = (common + endOfB - from) | 0;
      if (j + 1 >= bTo) return common;
      startOfB = (endOfB + b[j]!) | 0;
      endOfB = (startOfB + b[j + 1]!) | 0;
      j += 2;
      from = startOfB;
    }
    if (endOfA > from) common = (common + endOfA - from) | 0;
  }
  return common;
}
