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
  /** Positions in `detections` by falling score over all images; equal scores by image, then rank. */
  readonly byScore: Int32Array; // [D]
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
  const annotations = sortRecords(groundTruth, imageIds, categoryIds, parameters);
  const found = sortRecords(results, imageIds, categoryIds, parameters);
  const cut = parameters.maxDetections.at(-1)!;
  return {
    imageIds,
    categories: categories.map((category, k) =>
      groupCategory(category, annotations, found, k, results.scores, cut),
    ),
  };
}

/** @throws RunError naming the first detection whose image the annotations do not list. */
function checkImages(groundTruth: CocoGroundTruth, results: CocoResults): void {
  const stray = positionsOf(results.imageOf, groundTruth.imageIds).indexOf(-1);
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

/** Records in the order of evaluation. */
type Sorted = {
  readonly rows: Int32Array;
  /** Position of the image of each of `rows`. */
  readonly images: Int32Array;
  /** Where each category's rows begin; the last entry is their number. */
  readonly starts: Int32Array; // [K + 1]
};

/** By category, then image, then file order; where categories are not told apart by image, category, file order. */
function sortRecords(
  records: {readonly imageOf: Float64Array; readonly categoryOf: Float64Array},
  imageIds: Float64Array,
  categoryIds: Float64Array,
  {useCategories}: CocoParameters,
): Sorted {
  const images = positionsOf(records.imageOf, imageIds);
  const categories = positionsOf(records.categoryOf, categoryIds);
  const kept = evaluatedRows(images, categories);
  const byImage = (rows: Int32Array) => sortByKey(rows, images, imageIds.length).rows;
  const byCategory = (rows: Int32Array) => sortByKey(rows, categories, categoryIds.length);
  const {rows, starts} = useCategories
    ? byCategory(byImage(kept))
    : {rows: byImage(byCategory(kept).rows), starts: Int32Array.of(0, kept.length)};
  const imageOf = new Int32Array(rows.length);
  for (let i = 0; i < rows.length; i++) imageOf[i] = images[rows[i]!]!;
  return {rows, images: imageOf, starts};
}

/** Records whose image and category are both evaluated, in file order. */
function evaluatedRows(images: Int32Array, categories: Int32Array): Int32Array {
  const rows = new Int32Array(images.length);
  let count = 0;
  for (let row = 0; row < images.length; row++) {
    if (images[row]! >= 0 && categories[row]! >= 0) rows[count++] = row;
  }
  return rows.subarray(0, count);
}

/** Position of each id among `known`, or -1. */
function positionsOf(ids: Float64Array, known: Float64Array): Int32Array {
  const positions = new Map<number, number>();
  known.forEach((id, position) => {
    positions.set(id, position);
  });
  const found = new Int32Array(ids.length);
  let last = Number.NaN;
  let position = -1;
  for (let row = 0; row < ids.length; row++) {
    // Files mostly go image by image.
    if (ids[row] !== last) {
      last = ids[row]!;
      position = positions.get(last) ?? -1;
    }
    found[row] = position;
  }
  return found;
}

/** Stable counting sort of rows by keys[row] in 0..keyCount - 1; key k's rows begin at starts[k]. */
function sortByKey(
  rows: Int32Array,
  keys: Int32Array,
  keyCount: number,
): {readonly rows: Int32Array; readonly starts: Int32Array} {
  const starts = new Int32Array(keyCount + 1);
  for (let i = 0; i < rows.length; i++) starts[keys[rows[i]!]! + 1]!++;
  for (let key = 1; key <= keyCount; key++) starts[key]! += starts[key - 1]!;
  const next = starts.slice();
  const sorted = new Int32Array(rows.length);
  for (let i = 0; i < rows.length; i++) sorted[next[keys[rows[i]!]!]!++] = rows[i]!;
  return {rows: sorted, starts};
}

/** Walks both lists by image; each image's detections are sorted by score and cut. */
function groupCategory(
  category: CocoCategory,
  annotations: Sorted,
  found: Sorted,
  k: number,
  scores: Float64Array,
  cut: number,
): CategoryGroup {
  const lastFound = found.starts[k + 1]!;
  const lastAnnotation = annotations.starts[k + 1]!;
  let nextFound = found.starts[k]!;
  let nextAnnotation = annotations.starts[k]!;
  const groundTruths = annotations.rows.subarray(nextAnnotation, lastAnnotation);
  const detectionCount = lastFound - nextFound;
  const detections = new Int32Array(detectionCount);
  const ranks = new Int32Array(detectionCount);
  const scratch = new Int32Array(detectionCount);
  const images: number[] = [];
  const detectionStarts = [0];
  const groundTruthStarts = [0];
  let kept = 0;
  while (nextFound < lastFound || nextAnnotation < lastAnnotation) {
    const image = Math.min(
      nextFound < lastFound ? found.images[nextFound]! : Infinity,
      nextAnnotation < lastAnnotation ? annotations.images[nextAnnotation]! : Infinity,
    );
    let end = kept;
    while (nextFound < lastFound && found.images[nextFound] === image)
      detections[end++] = found.rows[nextFound++]!;
    while (nextAnnotation < lastAnnotation && annotations.images[nextAnnotation] === image) nextAnnotation++;
    sortByFallingScore(detections, scores, scratch, kept, end);
    for (let rank = 0; kept < end && rank < cut; rank++) ranks[kept++] = rank;
    images.push(image);
    detectionStarts.push(kept);
    groundTruthStarts.push(nextAnnotation - annotations.starts[k]!);
  }
  return {
    category,
    images: Int32Array.from(images),
    detections: detections.subarray(0, kept),
    ranks: ranks.subarray(0, kept),
    byScore: fallingPositions(detections.subarray(0, kept), scores, scratch),
    detectionStarts: Int32Array.from(detectionStarts),
    groundTruths,
    groundTruthStarts: Int32Array.from(groundTruthStarts),
    detectionCount,
  };
}

/** Positions in `detections` by falling score. */
function fallingPositions(detections: Int32Array, scores: Float64Array, scratch: Int32Array): Int32Array {
  const positions = new Int32Array(detections.length);
  const own = new Float64Array(detections.length);
  for (let position = 0; position < positions.length; position++) {
    positions[position] = position;
    own[position] = scores[detections[position]!]!;
  }
  sortByFallingScore(positions, own, scratch);
  return positions;
}
