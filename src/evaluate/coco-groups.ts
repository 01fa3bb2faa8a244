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
  const annotations = placesOf(groundTruth, imageIds, categoryIds);
  const objects = sortByGroup(sortByImage(annotations, parameters), annotations, parameters);
  const found = placesOf(results, imageIds, categoryIds);
  const falling = sortByImage(found, parameters);
  sortByFallingScore(falling, results.scores, new Int32Array(falling.length));
  // Every sort keeps the order of the one before: by image and then by category leaves each image's scores falling.
  const detections = sortByGroup(sortByKey(falling, found.images, found.imageCount).rows, found, parameters);
  const byScore = sortByGroup(falling, found, parameters);
  const cut = parameters.maxDetections.at(-1)!;
  const positions = new Int32Array(results.scores.length);
  return {
    imageIds,
    categories: categories.map((category, k) => {
      const pairs = joinByImage(
        ofGroup(objects, k),
        annotations.images,
        ofGroup(detections, k),
        found.images,
        cut,
      );
      return {
        category,
        ...pairs,
        byScore: positionsIn(pairs.detections, ofGroup(byScore, k), positions),
        groundTruths: ofGroup(objects, k),
        detectionCount: detections.starts[k + 1]! - detections.starts[k]!,
      };
    }),
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

/** Where the records belong: positions among the evaluated images and categories, or -1. N records. */
type Places = {
  readonly images: Int32Array; // [N]
  readonly imageCount: number;
  readonly categories: Int32Array; // [N]
  readonly categoryCount: number;
};

function placesOf(
  records: {readonly imageOf: Float64Array; readonly categoryOf: Float64Array},
  imageIds: Float64Array,
  categoryIds: Float64Array,
): Places {
  return {
    images: positionsOf(records.imageOf, imageIds),
    imageCount: imageIds.length,
    categories: positionsOf(records.categoryOf, categoryIds),
    categoryCount: categoryIds.length,
  };
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

type Sorted = {
  readonly rows: Int32Array;
  /** Where the rows of each key begin; the last entry is their number. */
  readonly starts: Int32Array;
};

/** Stable counting sort of rows by keys[row] in 0..keyCount - 1. */
function sortByKey(rows: Int32Array, keys: Int32Array, keyCount: number): Sorted {
  const starts = new Int32Array(keyCount + 1);
  for (let i = 0; i < rows.length; i++) starts[keys[rows[i]!]! + 1]!++;
  for (let key = 1; key <= keyCount; key++) starts[key]! += starts[key - 1]!;
  const next = starts.slice();
  const sorted = new Int32Array(rows.length);
  for (let i = 0; i < rows.length; i++) sorted[next[keys[rows[i]!]!]!++] = rows[i]!;
  return {rows: sorted, starts};
}

/** Rows that are evaluated, by image; on one image in file order, or by category where categories are not told apart. */
function sortByImage(
  {images, imageCount, categories, categoryCount}: Places,
  {useCategories}: CocoParameters,
): Int32Array {
  const kept = new Int32Array(images.length);
  let count = 0;
  for (let row = 0; row < images.length; row++) {
    if (images[row]! >= 0 && categories[row]! >= 0) kept[count++] = row;
  }
  const rows = kept.subarray(0, count);
  const joined = useCategories ? rows : sortByKey(rows, categories, categoryCount).rows;
  return sortByKey(joined, images, imageCount).rows;
}

/** Rows by category, keeping their order in each; as they are where categories are not told apart. */
function sortByGroup(
  rows: Int32Array,
  {categories, categoryCount}: Places,
  {useCategories}: CocoParameters,
): Sorted {
  return useCategories
    ? sortByKey(rows, categories, categoryCount)
    : {rows, starts: Int32Array.of(0, rows.length)};
}

function ofGroup({rows, starts}: Sorted, k: number): Int32Array {
  return rows.subarray(starts[k]!, starts[k + 1]!);
}

type JoinedByImage = Pick<
  CategoryGroup,
  'images' | 'detections' | 'ranks' | 'detectionStarts' | 'groundTruthStarts'
>;

/** Walks both lists, sorted by image, and cuts each image's detections. */
function joinByImage(
  objects: Int32Array,
  imageOfObject: Int32Array,
  found: Int32Array,
  imageOfDetection: Int32Array,
  cut: number,
): JoinedByImage {
  const images: number[] = [];
  const detectionStarts = [0];
  const groundTruthStarts = [0];
  const detections = new Int32Array(found.length);
  const ranks = new Int32Array(found.length);
  let kept = 0;
  let nextFound = 0;
  let nextObject = 0;
  while (nextFound < found.length || nextObject < objects.length) {
    const image = Math.min(
      nextFound < found.length ? imageOfDetection[found[nextFound]!]! : Infinity,
      nextObject < objects.length ? imageOfObject[objects[nextObject]!]! : Infinity,
    );
    for (
      let rank = 0;
      nextFound < found.length && imageOfDetection[found[nextFound]!] === image;
      nextFound++, rank++
    ) {
      if (rank >= cut) continue;
      detections[kept] = found[nextFound]!;
      ranks[kept++] = rank;
    }
    while (nextObject < objects.length && imageOfObject[objects[nextObject]!] === image) nextObject++;
    images.push(image);
    detectionStarts.push(kept);
    groundTruthStarts.push(nextObject);
  }
  return {
    images: Int32Array.from(images),
    detections: detections.subarray(0, kept),
    ranks: ranks.subarray(0, kept),
    detectionStarts: Int32Array.from(detectionStarts),
    groundTruthStarts: Int32Array.from(groundTruthStarts),
  };
}

/** Positions in `detections` of those of `rows` that are there, in the order of `rows`. `scratch`: one entry a record. */
function positionsIn(detections: Int32Array, rows: Int32Array, scratch: Int32Array): Int32Array {
  for (let i = 0; i < rows.length; i++) scratch[rows[i]!] = -1;
  for (let position = 0; position < detections.length; position++) scratch[detections[position]!] = position;
  const positions = new Int32Array(detections.length);
  let count = 0;
  for (let i = 0; i < rows.length; i++) {
    const position = scratch[rows[i]!]!;
    if (position >= 0) positions[count++] = position;
  }
  return positions;
}
