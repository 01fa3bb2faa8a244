/** Precision at 101 recall points and final recall, from the outcomes of all detections of a category. */
import type {CocoResults} from './coco-data.js';
import type {CategoryGroup} from './coco-groups.js';
import {FALSE_POSITIVE, insideRange, TRUE_POSITIVE} from './coco-matching.js';
import type {Outcomes} from './coco-outcomes.js';
import {type AreaRange, type CocoParameters, RECALL_THRESHOLDS} from './coco-parameters.js';

/** T IoU thresholds, R recall points, K categories, A area ranges, M values of maxDets. */
export type PrecisionRecall = {
  /** Largest precision at this recall or beyond; 0 where it is not reached, -1 without ground truth. */
  readonly precision: Float64Array; // [T, R, K, A, M]
  /** Score at which the recall point is reached; 0 and -1 as above. */
  readonly scores: Float64Array; // [T, R, K, A, M]
  /** Recall of all detections; -1 without ground truth. */
  readonly recall: Float64Array; // [T, K, A, M]
  readonly shape: readonly [T: number, R: number, K: number, A: number, M: number];
};

export function emptyPrecisionRecall(T: number, K: number, A: number, M: number): PrecisionRecall {
  const R = RECALL_THRESHOLDS.length;
  return {
    precision: new Float64Array(T * R * K * A * M).fill(-1),
    scores: new Float64Array(T * R * K * A * M).fill(-1),
    recall: new Float64Array(T * K * A * M).fill(-1),
    shape: [T, R, K, A, M],
  };
}

/** Keeps the last bit of the reference's precision: a first hit has 1 / (1 + epsilon) = 0.9999999999999998. */
const EPSILON = Number.EPSILON;

/**
 * Writes the curves of category k: at all thresholds, in all area ranges and for all values of maxDets.
 * @param positives objects that count, in each area range; a range without any keeps its -1
 */
export function accumulateCategory(
  curves: PrecisionRecall,
  k: number,
  group: CategoryGroup,
  results: CocoResults,
  outcomes: Outcomes,
  positives: readonly number[],
  {areaRanges, maxDetections}: CocoParameters,
): void {
  const [T, R, K, A, M] = curves.shape;
  const touching = listTouching(group, results, outcomes, areaRanges, maxDetections);
  const hits = emptyHits(M, touching.rows.length);
  // Values of one category lie K * A * M apart in the whole: they are made side by side and spread afterwards.
  const precision = new Float64Array(T * R * A * M).fill(-1);
  const scores = new Float64Array(T * R * A * M).fill(-1);
  for (let a = 0; a < A; a++) {
    if (positives[a] === 0) continue;
    const needed = hitsNeeded(positives[a]!);
    for (let t = 0; t < T; t++) {
      collectHits(hits, touching, outcomes.outcomes, a, t, T, A);
      for (let m = 0; m < M; m++) {
        const found = hits.counts[m]!;
        const first = m * touching.rows.length;
        curves.recall[((t * K + k) * A + a) * M + m] = found / positives[a]!;
        for (let r = 0; r < R; r++) {
          const at = ((t * R + r) * A + a) * M + m;
          const reached = needed[r]! <= found;
          const hit = first + needed[r]! - 1;
          precision[at] = reached ? hits.precision[hit]! : 0;
          scores[at] = reached ? hits.scores[hit]! : 0;
        }
        // Recall 0 is reached by the first detection, whatever became of it.
        scores[(t * R * A + a) * M + m] = touching.highest[m]!;
      }
    }
  }
  for (let block = 0; block < T * R; block++) {
    const to = (block * K + k) * A * M;
    for (let i = 0; i < A * M; i++) {
      curves.precision[to + i] = precision[block * A * M + i]!;
      curves.scores[to + i] = scores[block * A * M + i]!;
    }
  }
}

/** The detections of a category that overlap objects, S of them by falling score (equal scores by image, then rank). */
type Touching = {
  readonly rows: Int32Array; // [S] of the outcomes
  readonly scores: Float64Array; // [S]
  /** The first value of maxDets whose lists have the detection. */
  readonly levels: Int32Array; // [S]
  /** False positives before it that overlap nothing. */
  readonly strays: Int32Array; // [S, A, M]
  /** Highest score among all detections of the lists at each maxDets; 0 without any. */
  readonly highest: Float64Array; // [M]
};

function listTouching(
  {detections, ranks, byScore}: CategoryGroup,
  results: CocoResults,
  {positions}: Outcomes,
  areaRanges: readonly AreaRange[],
  maxDetections: readonly number[],
): Touching {
  const S = positions.length;
  const A = areaRanges.length;
  const M = maxDetections.length;
  // Gathered first: rows of the results by falling score lie far apart in memory.
  const areas = new Float64Array(detections.length);
  for (let position = 0; position < areas.length; position++)
    areas[position] = results.areas[detections[position]!]!;
  const rowOf = new Int32Array(detections.length).fill(-1);
  for (let row = 0; row < S; row++) rowOf[positions[row]!] = row;
  const touching = {
    rows: new Int32Array(S),
    scores: new Float64Array(S),
    levels: new Int32Array(S),
    strays: new Int32Array(S * A * M),
    highest: new Float64Array(M),
  };
  const started = new Uint8Array(M);
  const counts = new Int32Array(A * M); // of strays at each level, not of the levels before it
  let s = 0;
  for (let i = 0; i < byScore.length; i++) {
    const position = byScore[i]!;
    let level = 0;
    while (ranks[position]! >= maxDetections[level]!) level++;
    for (let m = level; m < M && started[m] === 0; m++) {
      started[m] = 1;
      touching.highest[m] = results.scores[detections[position]!]!;
    }
    if (rowOf[position]! < 0) {
      for (let a = 0; a < A; a++)
        counts[a * M + level]! += insideRange(areas[position]!, areaRanges[a]!) ? 1 : 0;
      continue;
    }
    touching.rows[s] = rowOf[position]!;
    touching.scores[s] = results.scores[detections[position]!]!;
    touching.levels[s] = level;
    for (let a = 0; a < A; a++) {
      let strays = 0;
      for (let m = 0; m < M; m++) {
        strays += counts[a * M + m]!;
        touching.strays[(s * A + a) * M + m] = strays;
      }
    }
    s++;
  }
  return touching;
}

/** Precision and score at every true positive at one threshold, in one area range and for each maxDets. */
type Hits = {
  /** The largest precision from this hit on. */
  readonly precision: Float64Array; // [M, S]
  readonly scores: Float64Array; // [M, S]
  readonly counts: Int32Array; // [M] hits
  readonly falsePositives: Int32Array; // [M] that overlap objects
};

function emptyHits(M: number, S: number): Hits {
  return {
    precision: new Float64Array(M * S),
    scores: new Float64Array(M * S),
    counts: new Int32Array(M),
    falsePositives: new Int32Array(M),
  };
}

function collectHits(
  {precision, scores, counts, falsePositives}: Hits,
  touching: Touching,
  outcomes: Uint8Array,
  a: number,
  t: number,
  T: number,
  A: number,
): void {
  const S = touching.rows.length;
  const M = counts.length;
  counts.fill(0);
  falsePositives.fill(0);
  for (let s = 0; s < S; s++) {
    const outcome = outcomes[(touching.rows[s]! * A + a) * T + t]!;
    if (outcome === TRUE_POSITIVE) {
      for (let m = touching.levels[s]!; m < M; m++) {
        const at = m * S + counts[m]!++;
        const negatives = touching.strays[(s * A + a) * M + m]! + falsePositives[m]!;
        precision[at] = counts[m]! / (negatives + counts[m]! + EPSILON);
        scores[at] = touching.scores[s]!;
      }
    } else if (outcome === FALSE_POSITIVE) {
      for (let m = touching.levels[s]!; m < M; m++) falsePositives[m]!++;
    }
  }
  // Precision only falls between hits, so making it non-increasing from the right needs the hits alone.
  for (let m = 0; m < M; m++) {
    for (let hit = m * S + counts[m]! - 1; hit > m * S; hit--) {
      if (precision[hit]! > precision[hit - 1]!) precision[hit - 1] = precision[hit]!;
    }
  }
}

/** How many hits reach each recall point, at least one. [R] */
function hitsNeeded(positives: number): Int32Array {
  let hits = 1;
  return Int32Array.from(RECALL_THRESHOLDS, threshold => {
    while (hits / positives < threshold) hits++;
    return hits;
  });
}
