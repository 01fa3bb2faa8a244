/**
 * Annotations and detections sorted into categories and, within one, into images by ascending id: the order in which
 * pycocotools joins images, so that equal scores fall in the same order here as there.
 */
import {RunError} from '../errors.js';
import {type CocoCategory, type CocoGroundTruth, type CocoResults, checkFinite} from './coco-data.js';
import type {CocoParameters} from './coco-parameters.js';
import {sortByFallingScore} from './score-order.js';

/** One category (or all of them as one) on all images that have annotations or detections of it: P pairs. */
export type CategoryGroup = {
  readonly category: CocoCategory;
  readonly images: Int32Array; // [P] positions in Groups.imageIds, ascending
  /** Rows of the results by image, within an image by falling score, cut to the largest maxDets. */
  readonly detections: Int32Array; // [D]
  /** Place of the detection in its image's list, from 0. */
  readonly ranks: Int32Array; // [D]
  readonly detectionStarts: Int32Array; // [P + 1]
  /** Rows of the ground truth by image, in file order. */
  readonly groundTruths: Int32Array; // [G]
  readonly groundTruthStarts: Int32Array; // [P + 1]
  /** Detections before the cut. */
  readonly detectionCount: number;
};

/** The whole evaluation's records; I images, K categories. */
export type Groups = {
  readonly imageIds: Float64Array; // [I] ascending
  readonly categories: readonly CategoryGroup[]; // [K] by ascending id
};

/** Stands for all categories where they are not told apart; the id is the reference's. */
const ANY_CATEGORY: CocoCategory = {id: -1, name: 'any'};

/**
 * Records outside the evaluated images and categories are left out.
 * @throws RunError for a detection on an image that the annotations do not list, or with numbers that are not finite.
 */
export function groupRecords(
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  parameters: CocoParameters,
): Groups {
  checkFinite(results);
  checkImages(groundTruth, results);
  const imageIds = evaluatedIds(groundTruth.imageIds, parameters.imageIds);
  const categoryIds = evaluatedIds(
    groundTruth.categories.map(category => category.id),
    parameters.categoryIds,
  );
  const byId = new Map(groundTruth.categories.map(category => [category.id, category]));
  const categories = parameters.useCategories
    ? Array.from(categoryIds, id => byId.get(id) ?? {id, name: String(id)})
    : [ANY_CATEGORY];
  const annotations = sortRecords(groundTruth, imageIds, categoryIds, parameters.useCategories);
  const detections = sortRecords(results, imageIds, categoryIds, parameters.useCategories);
  const cut = parameters.maxDetections.at(-1)!;
  return {
    imageIds,
    categories: categories.map((category, k) =>
      groupCategory(category, range(annotations, k), range(detections, k), results.scores, cut),
    ),
  };
}

/** @throws RunError naming the first detection whose image the annotations do not list. */
function checkImages(groundTruth: CocoGroundTruth, results: CocoResults): void {
  const known = new Set(groundTruth.imageIds);
  const stray = results.imageOf.findIndex(id => !known.has(id));
  if (stray >= 0) {
    throw new RunError(
      `result ${stray}: image_id ${results.imageOf[stray]} is not among the images of the annotations; ` +
        'evaluate against the annotations that the detections were made for',
    );
  }
}

/** Each id once, ascending. */
function evaluatedIds(all: Iterable<number>, wanted: readonly number[] | null): Float64Array {
  return Float64Array.from(new Set(wanted ?? all)).sort();
}

type Sorted = {
  readonly rows: Int32Array;
  /** Position of the row's image, in the order of `rows`. */
  readonly images: Int32Array;
  /** Where each category's rows begin; the last entry is their number. */
  readonly starts: Int32Array; // [K + 1]
};

/** By category, then image, then file order; without categories by image, then category, then file order. */
function sortRecords(
  records: {readonly imageOf: Float64Array; readonly categoryOf: Float64Array},
  imageIds: Float64Array,
  categoryIds: Float64Array,
  useCategories: boolean,
): Sorted {
  const images = positionsOf(records.imageOf, imageIds);
  const categories = positionsOf(records.categoryOf, categoryIds);
  const kept = Int32Array.from(images.keys()).filter(row => images[row]! >= 0 && categories[row]! >= 0);
  const rows = useCategories
    ? sortByKey(sortByKey(kept, images, imageIds.length), categories, categoryIds.length)
    : sortByKey(sortByKey(kept, categories, categoryIds.length), images, imageIds.length);
  const starts = new Int32Array((useCategories ? categoryIds.length : 1) + 1);
  for (const row of rows) starts[(useCategories ? categories[row]! : 0) + 1]!++;
  for (let k = 1; k < starts.length; k++) starts[k]! += starts[k - 1]!;
  return {rows, images: rows.map(row => images[row]!), starts};
}

/** Position of each id among `known`, or -1. */
function positionsOf(ids: Float64Array, known: Float64Array): Int32Array {
  const positions = new Map<number, number>();
  known.forEach((id, position) => {
    positions.set(id, position);
  });
  return Int32Array.from(ids, id => positions.get(id) ?? -1);
}

/** Stable counting sort of rows by keys[row] in 0..keyCount - 1. */
function sortByKey(rows: Int32Array, keys: Int32Array, keyCount: number): Int32Array {
  const next = new Int32Array(keyCount + 1);
  for (const row of rows) next[keys[row]! + 1]!++;
  for (let key = 1; key <= keyCount; key++) next[key]! += next[key - 1]!;
  const sorted = new Int32Array(rows.length);
  for (const row of rows) sorted[next[keys[row]!]!++] = row;
  return sorted;
}

type CategoryRecords = {readonly rows: Int32Array; readonly images: Int32Array};

function range({rows, images, starts}: Sorted, k: number): CategoryRecords {
  return {
    rows: rows.subarray(starts[k]!, starts[k + 1]!),
    images: images.subarray(starts[k]!, starts[k + 1]!),
  };
}

/** Walks both lists by image; each image's detections are sorted by score and cut. */
function groupCategory(
  category: CocoCategory,
  annotations: CategoryRecords,
  found: CategoryRecords,
  scores: Float64Array,
  cut: number,
): CategoryGroup {
  const images: number[] = [];
  const detectionStarts = [0];
  const groundTruthStarts = [0];
  const sorted = found.rows.slice();
  const scratch = new Int32Array(sorted.length);
  const detections = new Int32Array(sorted.length);
  const ranks = new Int32Array(sorted.length);
  let kept = 0;
  let nextFound = 0;
  let nextAnnotation = 0;
  while (nextFound < sorted.length || nextAnnotation < annotations.rows.length) {
    const image = Math.min(
      found.images[nextFound] ?? Infinity,
      annotations.images[nextAnnotation] ?? Infinity,
    );
    const from = nextFound;
    while (found.images[nextFound] === image) nextFound++;
    while (annotations.images[nextAnnotation] === image) nextAnnotation++;
    sortByFallingScore(sorted, scores, scratch, from, nextFound);
    for (let rank = 0; rank < Math.min(nextFound - from, cut); rank++) {
      detections[kept] = sorted[from + rank]!;
      ranks[kept++] = rank;
    }
    images.push(image);
    detectionStarts.push(kept);
    groundTruthStarts.push(nextAnnotation);
  }
  return {
    category,
    images: Int32Array.from(images),
    detections: detections.subarray(0, kept),
    ranks: ranks.subarray(0, kept),
    detectionStarts: Int32Array.from(detectionStarts),
    groundTruths: annotations.rows,
    groundTruthStarts: Int32Array.from(groundTruthStarts),
    detectionCount: sorted.length,
  };
}
