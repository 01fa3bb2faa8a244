/** Columns in memory that worker threads see without a copy. What lies there already is taken as it is. */
import type {MaskTable} from '../masks/mask-table.js';
import type {CocoGroundTruth, CocoResults} from './coco-data.js';
import type {PairLists} from './coco-outcomes.js';

export function shareGroundTruth(groundTruth: CocoGroundTruth): CocoGroundTruth {
  return {
    ...groundTruth,
    imageIds: sharedDoubles(groundTruth.imageIds),
    ...(groundTruth.imageHeights && {imageHeights: sharedWords(groundTruth.imageHeights)}),
    ...(groundTruth.imageWidths && {imageWidths: sharedWords(groundTruth.imageWidths)}),
    ids: sharedDoubles(groundTruth.ids),
    imageOf: sharedDoubles(groundTruth.imageOf),
    categoryOf: sharedDoubles(groundTruth.categoryOf),
    boxes: sharedDoubles(groundTruth.boxes),
    areas: sharedDoubles(groundTruth.areas),
    crowd: sharedBytes(groundTruth.crowd),
    ignore: sharedBytes(groundTruth.ignore),
    ...(groundTruth.masks && {masks: shareMasks(groundTruth.masks)}),
  };
}

export function shareResults(results: CocoResults): CocoResults {
  return {
    imageOf: sharedDoubles(results.imageOf),
    categoryOf: sharedDoubles(results.categoryOf),
    boxes: sharedDoubles(results.boxes),
    scores: sharedDoubles(results.scores),
    areas: sharedDoubles(results.areas),
    ...(results.masks && {masks: shareMasks(results.masks)}),
  };
}

export function sharePairLists(lists: PairLists): PairLists {
  return {
    detections: sharedIndices(lists.detections),
    detectionStarts: sharedIndices(lists.detectionStarts),
    groundTruths: sharedIndices(lists.groundTruths),
    groundTruthStarts: sharedIndices(lists.groundTruthStarts),
  };
}

function shareMasks({heights, widths, starts, runs}: MaskTable): MaskTable {
  return {
    heights: sharedWords(heights),
    widths: sharedWords(widths),
    starts: sharedDoubles(starts),
    runs: sharedWords(runs),
  };
}

function sharedDoubles(column: Float64Array): Float64Array {
  return isShared(column) ? column : new Float64Array(copyOf(column));
}

function sharedIndices(column: Int32Array): Int32Array {
  return isShared(column) ? column : new Int32Array(copyOf(column));
}

function sharedWords(column: Uint32Array): Uint32Array {
  return isShared(column) ? column : new Uint32Array(copyOf(column));
}

function sharedBytes(column: Uint8Array): Uint8Array {
  return isShared(column) ? column : new Uint8Array(copyOf(column));
}

function isShared(column: ArrayBufferView): boolean {
  return column.buffer instanceof SharedArrayBuffer;
}

function copyOf({buffer, byteOffset, byteLength}: ArrayBufferView): SharedArrayBuffer {
  const copy = new SharedArrayBuffer(byteLength);
  new Uint8Array(copy).set(new Uint8Array(buffer, byteOffset, byteLength));
  return copy;
}
