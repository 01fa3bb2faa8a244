/**
 * PASCAL VOC's average precision (Everingham et al., IJCV 2010, section 4.2), both ways: at 11 recall points (VOC2007)
 * and as the area under the curve (VOC2010 on). Equal to the voc_eval that detectron2 (02b5c4e) and py-faster-rcnn ship:
 * widths with + 1, a hit needs more than the threshold, the best overlap decides even where it is taken.
 */
import {UsageError} from '../errors.js';
import {sortByFallingScore} from './score-order.js';
import type {VocGroundTruth, VocResults} from './voc-data.js';

/** One class at one IoU threshold. */
export type VocCurve = {
  readonly iouThreshold: number;
  /** Mean of the best precision at recall 0, 0.1, ... 1 or beyond (VOC2007). 0 without objects to find. */
  readonly ap07: number;
  /** Area under the curve of best precision at a recall or beyond. NaN for detections without objects to find. */
  readonly ap: number;
  /** After each detection, by falling score; NaN without objects to find. */
  readonly recall: Float64Array; // [D]
  readonly precision: Float64Array; // [D]
};

export type VocClassEvaluation = {
  readonly name: string;
  /** Objects to find: not difficult. */
  readonly positives: number;
  readonly difficult: number;
  readonly detections: number;
  /** Falling: the scores of the curves' points. */
  readonly scores: Float64Array; // [D]
  readonly curves: readonly VocCurve[]; // one an IoU threshold
};

/** Means over the classes that have objects to find; NaN if none has. */
export type VocMean = {readonly iouThreshold: number; readonly ap07: number; readonly ap: number};

export type VocEvaluation = {
  readonly images: number;
  readonly means: readonly VocMean[]; // one an IoU threshold
  readonly classes: readonly VocClassEvaluation[]; // [C] in the data set's order
  /** Classes without objects to find: no AP can be measured, so they are in no mean. */
  readonly leftOut: readonly string[];
};

/** VOC's own, and a stricter one for comparison. */
export const VOC_IOU_THRESHOLDS: readonly number[] = [0.5, 0.75];

/** The reference's points are i * 0.1: 0.30000000000000004 is not reached by a recall of 3 / 10. */
const RECALL_POINTS: readonly number[] = Array.from({length: 11}, (_, i) => i * 0.1);

/**
 * Evaluates detections. Of equal scores the earlier row comes first (the reference's sort leaves that open).
 * @throws UsageError when a threshold is not from 0 to below 1.
 */
export function evaluateVoc(
  groundTruth: VocGroundTruth,
  results: VocResults,
  {iouThresholds = VOC_IOU_THRESHOLDS}: {readonly iouThresholds?: readonly number[]} = {},
): VocEvaluation {
  for (const threshold of iouThresholds) {
    if (!(threshold >= 0 && threshold < 1))
      throw new UsageError(`an IoU threshold of VOC is from 0 to below 1, not ${threshold}`);
  }
  const objects = rowsByClass(groundTruth.classOf, groundTruth.classNames.length);
  const detections = rowsByClass(results.classOf, groundTruth.classNames.length);
  const classes = groundTruth.classNames.map((name, c) =>
    evaluateClass(name, objects[c]!, detections[c]!, groundTruth, results, iouThresholds),
  );
  const counted = classes.filter(({positives}) => positives > 0);
  return {
    images: groundTruth.imageNames.length,
    means: iouThresholds.map((iouThreshold, t) => ({
      iouThreshold,
      ap07: mean(counted.map(({curves}) => curves[t]!.ap07)),
      ap: mean(counted.map(({curves}) => curves[t]!.ap)),
    })),
    classes,
    leftOut: classes.filter(({positives}) => positives === 0).map(({name}) => name),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Rows of every class, ascending: views of one array. */
function rowsByClass(classOf: Int32Array, classes: number): readonly Int32Array[] {
  const starts = new Int32Array(classes + 1);
  for (const c of classOf) starts[c + 1]!++;
  for (let c = 0; c < classes; c++) starts[c + 1]! += starts[c]!;
  const next = starts.slice();
  const rows = new Int32Array(classOf.length);
  classOf.forEach((c, row) => {
    rows[next[c]!++] = row;
  });
  return Array.from({length: classes}, (_, c) => rows.subarray(starts[c]!, starts[c + 1]!));
}

function evaluateClass(
  name: string,
  objects: Int32Array,
  unsorted: Int32Array,
  groundTruth: VocGroundTruth,
  results: VocResults,
  iouThresholds: readonly number[],
): VocClassEvaluation {
  const detections = unsorted.slice();
  sortByFallingScore(detections, results.scores, new Int32Array(detections.length));
  const best = bestOverlaps(objects, detections, groundTruth, results);
  const difficult = objects.reduce((sum, row) => sum + groundTruth.difficult[row]!, 0);
  const positives = objects.length - difficult;
  return {
    name,
    positives,
    difficult,
    detections: detections.length,
    scores: Float64Array.from(detections, row => results.scores[row]!),
    curves: iouThresholds.map(iouThreshold => curveOf(best, groundTruth, positives, iouThreshold)),
  };
}

/** Of every detection of a class: the object of its image with the largest IoU (the first of equals), and that IoU. */
type BestOverlaps = {
  /** Row of the object; -1 where the image has none of the class. */
  readonly objects: Int32Array; // [D]
  readonly overlaps: Float64Array; // [D]
};

function bestOverlaps(
  objects: Int32Array,
  detections: Int32Array,
  groundTruth: VocGroundTruth,
  results: VocResults,
): BestOverlaps {
  const byImage = new Map<number, number[]>();
  for (const row of objects) {
    const image = groundTruth.imageOf[row]!;
    const rows = byImage.get(image);
    if (rows === undefined) byImage.set(image, [row]);
    else rows.push(row);
  }
  const best = new Int32Array(detections.length).fill(-1);
  const overlaps = new Float64Array(detections.length).fill(Number.NEGATIVE_INFINITY);
  detections.forEach((detection, d) => {
    for (const object of byImage.get(results.imageOf[detection]!) ?? []) {
      const overlap = pixelOverlap(groundTruth.boxes, object, results.boxes, detection);
      if (overlap > overlaps[d]!) {
        overlaps[d] = overlap;
        best[d] = object;
      }
    }
  });
  return {objects: best, overlaps};
}

/** IoU of row g of `truth` and row d of `found`, widths counted as xmax - xmin + 1; the reference's order of operations. */
function pixelOverlap(truth: Float64Array, g: number, found: Float64Array, d: number): number {
  const [gx1, gy1, gx2, gy2] = [truth[4 * g]!, truth[4 * g + 1]!, truth[4 * g + 2]!, truth[4 * g + 3]!];
  const [dx1, dy1, dx2, dy2] = [found[4 * d]!, found[4 * d + 1]!, found[4 * d + 2]!, found[4 * d + 3]!];
  const width = Math.max(Math.min(gx2, dx2) - Math.max(gx1, dx1) + 1, 0);
  const height = Math.max(Math.min(gy2, dy2) - Math.max(gy1, dy1) + 1, 0);
  const intersection = width * height;
  const union = (dx2 - dx1 + 1) * (dy2 - dy1 + 1) + (gx2 - gx1 + 1) * (gy2 - gy1 + 1) - intersection;
  return intersection / union;
}

function curveOf(
  {objects, overlaps}: BestOverlaps,
  {difficult}: VocGroundTruth,
  positives: number,
  iouThreshold: number,
): VocCurve {
  const taken = new Set<number>();
  const recall = new Float64Array(objects.length);
  const precision = new Float64Array(objects.length);
  let truePositives = 0;
  let falsePositives = 0;
  for (let d = 0; d < objects.length; d++) {
    const object = objects[d]!;
    // No second choice: a detection whose best object is taken is a false positive.
    if (!(overlaps[d]! > iouThreshold) || taken.has(object)) {
      falsePositives++;
    } else if (difficult[object] === 0) {
      taken.add(object);
      truePositives++;
    }
    recall[d] = truePositives / positives;
    precision[d] = truePositives / Math.max(truePositives + falsePositives, Number.EPSILON);
  }
  const envelope = bestPrecisionBeyond(precision);
  return {
    iouThreshold,
    ap07: elevenPoints(recall, envelope),
    ap: positives === 0 && objects.length > 0 ? Number.NaN : areaUnder(recall, envelope),
    recall,
    precision,
  };
}

/** The largest precision after this detection or a later one. */
function bestPrecisionBeyond(precision: Float64Array): Float64Array {
  const best = precision.slice();
  for (let d = best.length - 2; d >= 0; d--) best[d] = Math.max(best[d]!, best[d + 1]!);
  return best;
}

/** Recall rises, so the best precision at a recall or beyond is the envelope where the recall is first reached. */
function elevenPoints(recall: Float64Array, envelope: Float64Array): number {
  let sum = 0;
  let d = 0;
  for (const point of RECALL_POINTS) {
    while (d < recall.length && !(recall[d]! >= point)) d++;
    sum += (d < recall.length ? envelope[d]! : 0) / RECALL_POINTS.length;
  }
  return sum;
}

function areaUnder(recall: Float64Array, envelope: Float64Array): number {
  let area = 0;
  let reached = 0;
  for (let d = 0; d < recall.length; d++) {
    area += (recall[d]! - reached) * envelope[d]!;
    reached = recall[d]!;
  }
  return area;
}
