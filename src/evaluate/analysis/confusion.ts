/**
 * Which category is taken for which: rows are the categories of objects, columns those of detections, and the last
 * row and column stand for background: detections of nothing, and objects that nothing detects.
 *
 * Image by image, the detections of at least the score threshold (the first maxDets of their category, as for AP)
 * choose by falling score, whatever their category, equal scores by category and place in the file: each takes the free
 * object with the largest IoU of at least the IoU threshold (of equal ones that of its own category, then the last in
 * the file), and counts in the row of that object and its own column. So the best detection of an object decides
 * what the object is taken for; AP asks within each category instead, and may find more of them. Objects that are
 * left count in the last column, detections in the last row.
 *
 * Crowds and other ignored objects have no row. A detection that finds no free object is left out of the matrix if it
 * reaches an ignored object of its own category (a crowd takes any number, another takes one), or if AP would ignore it
 * for its own area. An ignored object of another category excuses nothing.
 *
 * A column adds up to TP + FP of the category in per-class.csv unless it has ignored objects: AP looks at one category
 * alone and ignores a detection on a crowd of its own that here takes an object of another category, and counts
 * one that here falls to a crowd because a better detection of another category took its object.
 *
 * Hence rows but the last add up to the objects that count, and columns but the last to the detections that do.
 */
import type {CocoCategory, CocoGroundTruth, CocoResults} from '../coco-data.js';
import type {Groups} from '../coco-groups.js';
import {insideRange} from '../coco-matching.js';
import type {AreaRange} from '../coco-parameters.js';
import {sortByFallingScore} from '../score-order.js';
import type {ImageRecords} from './image-records.js';
import type {RecordOutcomes} from './outcomes.js';

export type ConfusionMatrix = {
  readonly iouThreshold: number;
  readonly scoreThreshold: number;
  readonly categories: readonly CocoCategory[]; // [K] by ascending id
  /** [K + 1, K + 1], row by row: objects by detections, background last. */
  readonly counts: Float64Array;
  /** Objects that count, by category. */
  readonly objects: Float64Array; // [K]
  /** Detections that count, by category. */
  readonly detections: Float64Array; // [K]
  /** Detections of at least the score threshold that were left out. */
  readonly ignored: number;
};

/** Fills a matrix image by image. */
export class ConfusionCounter {
  private readonly counts: Float64Array;
  private readonly detections: Float64Array;
  private ignored = 0;

  constructor(
    private readonly groups: Groups,
    private readonly groundTruth: CocoGroundTruth,
    private readonly results: CocoResults,
    private readonly thresholds: {readonly iou: number; readonly score: number},
    private readonly range: AreaRange,
  ) {
    const K = groups.categories.length;
    this.counts = new Float64Array((K + 1) * (K + 1));
    this.detections = new Float64Array(K);
  }

  /** @param overlaps of all detections of the image with all its objects [D, G] */
  add(image: ImageRecords, overlaps: Float64Array, {counted}: RecordOutcomes): void {
    const {detectionCategories, groundTruths, groundTruthCategories} = image;
    const background = this.groups.categories.length;
    const taken = new Uint8Array(groundTruths.length);
    for (const d of this.byScore(image)) {
      const category = detectionCategories[d]!;
      const object = this.choose(image, overlaps, d, g => counted[groundTruths[g]!] === 1 && taken[g] === 0);
      if (object >= 0) {
        taken[object] = 1;
        this.enter(groundTruthCategories[object]!, category);
        continue;
      }
      const excuse = this.choose(
        image,
        overlaps,
        d,
        g => counted[groundTruths[g]!] === 0 && taken[g] === 0 && groundTruthCategories[g] === category,
      );
      if (excuse >= 0) taken[excuse] = this.groundTruth.crowd[groundTruths[excuse]!] === 1 ? 0 : 1;
      if (excuse >= 0 || !insideRange(this.results.areas[image.detections[d]!]!, this.range)) this.ignored++;
      else this.enter(background, category);
    }
    for (let g = 0; g < groundTruths.length; g++) {
      if (counted[groundTruths[g]!] === 1 && taken[g] === 0) {
        this.counts[groundTruthCategories[g]! * (background + 1) + background]!++;
      }
    }
  }

  private enter(row: number, category: number): void {
    this.counts[row * (this.groups.categories.length + 1) + category]!++;
    this.detections[category]!++;
  }

  /** Positions of the image's detections of at least the score threshold, by falling score. */
  private byScore({detections}: ImageRecords): Int32Array {
    const scores = Float64Array.from(detections, row => this.results.scores[row]!);
    const positions = Int32Array.from(detections.keys()).filter(d => scores[d]! >= this.thresholds.score);
    sortByFallingScore(positions, scores, new Int32Array(positions.length));
    return positions;
  }

  /** The object that detection d takes among those allowed, or -1. */
  private choose(
    {detectionCategories, groundTruthCategories}: ImageRecords,
    overlaps: Float64Array,
    d: number,
    allowed: (g: number) => boolean,
  ): number {
    const width = groundTruthCategories.length;
    let best = Math.min(this.thresholds.iou, 1 - 1e-10);
    let chosen = -1;
    for (let g = 0; g < width; g++) {
      const overlap = overlaps[d * width + g]!;
      if (overlap < best || !allowed(g)) continue;
      const own = (object: number) => groundTruthCategories[object] === detectionCategories[d];
      if (chosen >= 0 && overlap === best && own(chosen) && !own(g)) continue;
      best = overlap;
      chosen = g;
    }
    return chosen;
  }

  /** @throws RangeError if a row or column does not add up, which is an error of this program */
  matrix({counted}: RecordOutcomes): ConfusionMatrix {
    const objects = Float64Array.from(this.groups.categories, ({groundTruths}) =>
      groundTruths.reduce((sum, row) => sum + counted[row]!, 0),
    );
    const matrix = {
      iouThreshold: this.thresholds.iou,
      scoreThreshold: this.thresholds.score,
      categories: this.groups.categories.map(({category}) => category),
      counts: this.counts,
      objects,
      detections: this.detections,
      ignored: this.ignored,
    };
    checkSums(matrix);
    return matrix;
  }
}

function checkSums({categories, counts, objects, detections}: ConfusionMatrix): void {
  const size = categories.length + 1;
  categories.forEach(({name}, k) => {
    let row = 0;
    let column = 0;
    for (let i = 0; i < size; i++) {
      row += counts[k * size + i]!;
      column += counts[i * size + k]!;
    }
    if (row !== objects[k] || column !== detections[k]) {
      throw new RangeError(
        `confusion matrix: ${name} has ${objects[k]} objects and ${detections[k]} detections, ` +
          `its row and column add up to ${row} and ${column}`,
      );
    }
  });
}

export type Confusion = {
  readonly object: CocoCategory;
  readonly detection: CocoCategory;
  readonly count: number;
};

/** The most frequent pairs of different categories, at most `limit` of them. */
export function topConfusions({categories, counts}: ConfusionMatrix, limit: number): readonly Confusion[] {
  const size = categories.length + 1;
  return categories
    .flatMap((object, row) =>
      categories.map((detection, column) => ({object, detection, count: counts[row * size + column]!})),
    )
    .filter(({object, detection, count}) => object !== detection && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, limit);
}
