/** How much detections cover annotated objects: the one place that knows whether boxes or masks are compared. */
import {areaOfRuns, writeBoxOfRuns} from '../masks/mask.js';
import {type MeasuredMasks, maskOverlaps as overlapsOfRows} from '../masks/mask-overlap.js';
import {type MaskTable, maskCount} from '../masks/mask-table.js';
import type {CocoGroundTruth, CocoResults} from './coco-data.js';
import type {IouType} from './coco-parameters.js';

/** Overlaps [D, G] of rows of the results with rows of the ground truth. */
export type Overlaps = (detections: Int32Array, groundTruths: Int32Array) => Float64Array;

/**
 * Overlaps of what is compared: boxes or masks.
 * @throws RangeError when it is masks and one side has none.
 */
export function overlapsOf(iouType: IouType, groundTruth: CocoGroundTruth, results: CocoResults): Overlaps {
  switch (iouType) {
    case 'bbox':
      return boxOverlaps(groundTruth, results);
    case 'segm':
      return maskOverlaps(groundTruth, results);
  }
}

/**
 * IoU of masks in pixels, against a crowd intersection / detection area; -1 for masks of different sizes whose boxes
 * overlap. A row without a mask overlaps nothing.
 * @throws RangeError when one side has no masks.
 */
export function maskOverlaps(groundTruth: CocoGroundTruth, results: CocoResults): Overlaps {
  if (groundTruth.masks === undefined || results.masks === undefined) {
    const side = groundTruth.masks === undefined ? 'the ground truth has' : 'the results have';
    throw new RangeError(`iouType is segm and ${side} no masks; read them with {masks: true}`);
  }
  const objects = unmeasured(groundTruth.masks);
  const found = unmeasured(results.masks);
  return (detections, groundTruths) => {
    measureRows(found, detections);
    measureRows(objects, groundTruths);
    return overlapsOfRows(found, detections, objects, groundTruths, groundTruth.crowd);
  };
}

/** Measures are taken where they are needed: most often that is in one of several threads, and never of all masks. */
function unmeasured(masks: MaskTable): MeasuredMasks {
  const count = maskCount(masks);
  return {masks, boxes: new Float64Array(4 * count), areas: new Float64Array(count)};
}

function measureRows({masks: {runs, starts, heights}, boxes, areas}: MeasuredMasks, rows: Int32Array): void {
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    const from = starts[row]!;
    const to = starts[row + 1]!;
    areas[row] = areaOfRuns(runs, from, to);
    writeBoxOfRuns(runs, from, to, heights[row]!, boxes, 4 * row);
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
    const objects = gatherBoxes(gt, groundTruths);
    for (let d = 0; d < detections.length; d++) {
      const at = 4 * detections[d]!;
      const left = dt[at]!;
      const top = dt[at + 1]!;
      const right = dt[at + 2]! + left;
      const bottom = dt[at + 3]! + top;
      const area = dt[at + 2]! * dt[at + 3]!;
      for (let g = 0, o = 0; g < width; g++, o += EDGES) {
        const w = Math.min(right, objects[o + 2]!) - Math.max(left, objects[o]!);
        if (!(w > 0)) continue;
        const h = Math.min(bottom, objects[o + 3]!) - Math.max(top, objects[o + 1]!);
        if (!(h > 0)) continue;
        const intersection = w * h;
        const crowd = groundTruth.crowd[groundTruths[g]!] === 1;
        overlaps[d * width + g] = intersection / (crowd ? area : area + objects[o + 4]! - intersection);
      }
    }
    return overlaps;
  };
}

/** Left, top, right, bottom, area. */
const EDGES = 5;

function gatherBoxes(boxes: Float64Array, rows: Int32Array): Float64Array {
  const gathered = new Float64Array(EDGES * rows.length);
  for (let i = 0; i < rows.length; i++) {
    const at = 4 * rows[i]!;
    gathered[EDGES * i] = boxes[at]!;
    gathered[EDGES * i + 1] = boxes[at + 1]!;
    gathered[EDGES * i + 2] = boxes[at + 2]! + boxes[at]!;
    gathered[EDGES * i + 3] = boxes[at + 3]! + boxes[at + 1]!;
    gathered[EDGES * i + 4] = boxes[at + 2]! * boxes[at + 3]!;
  }
  return gathered;
}
