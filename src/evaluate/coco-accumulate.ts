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
  const ranked = byFallingScore(group, results, outcomes);
  const hits = {
    precision: new Float64Array(outcomes.positions.length),
    scores: new Float64Array(outcomes.positions.length),
  };
  // Values of one category lie K * A * M apart in the whole: they are made side by side and spread afterwards.
  const precision = new Float64Array(T * R * A * M).fill(-1);
  const scores = new Float64Array(T * R * A * M).fill(-1);
  areaRanges.forEach((range, a) => {
    if (positives[a] === 0) return;
    const needed = hitsNeeded(positives[a]!);
    maxDetections.forEach((max, m) => {
      const list = listTouching(ranked, range, max);
      for (let t = 0; t < T; t++) {
        const found = walk(list, outcomes.outcomes, a * T + t, A * T, hits);
        curves.recall[((t * K + k) * A + a) * M + m] = found / positives[a]!;
        for (let r = 0; r < R; r++) {
          const at = ((t * R + r) * A + a) * M + m;
          const hit = needed[r]! - 1;
          precision[at] = hit < found ? hits.precision[hit]! : 0;
          scores[at] = hit < found ? hits.scores[hit]! : 0;
          // Recall 0 is reached by the first detection, whatever became of it.
          if (RECALL_THRESHOLDS[r] === 0 && list.length > 0) scores[at] = list.highest;
        }
      }
    });
  });
  for (let block = 0; block < T * R; block++) {
    const to = (block * K + k) * A * M;
    for (let i = 0; i < A * M; i++) {
      curves.precision[to + i] = precision[block * A * M + i]!;
      curves.scores[to + i] = scores[block * A * M + i]!;
    }
  }
}

/** The detections of a category by falling score, equal scores by image id, then rank. */
type Ranked = {
  readonly scores: Float64Array; // [D]
  readonly areas: Float64Array; // [D]
  readonly ranks: Int32Array; // [D] place in the image's list
  /** Row of the outcomes; -1 for a detection that overlaps no object. */
  readonly rows: Int32Array; // [D]
};

function byFallingScore(
  {detections, ranks, byScore}: CategoryGroup,
  results: CocoResults,
  outcomes: Outcomes,
): Ranked {
  const D = byScore.length;
  const rowOf = new Int32Array(D).fill(-1);
  for (let row = 0; row < outcomes.positions.length; row++) rowOf[outcomes.positions[row]!] = row;
  const ranked = {
    scores: new Float64Array(D),
    areas: new Float64Array(D),
    ranks: new Int32Array(D),
    rows: new Int32Array(D),
  };
  for (let i = 0; i < D; i++) {
    const position = byScore[i]!;
    const detection = detections[position]!;
    ranked.scores[i] = results.scores[detection]!;
    ranked.areas[i] = results.areas[detection]!;
    ranked.ranks[i] = ranks[position]!;
    ranked.rows[i] = rowOf[position]!;
  }
  return ranked;
}

/** The detections of a list that overlap objects, S of them by falling score, for all thresholds. */
type TouchingList = {
  readonly rows: Int32Array; // [S] of the outcomes
  readonly scores: Float64Array; // [S]
  /** False positives before it among the detections that overlap nothing. */
  readonly strays: Int32Array; // [S]
  /** Detections in the list, and the highest score among them. */
  readonly length: number;
  readonly highest: number;
};

/** The list at one value of maxDets, in one area range. */
function listTouching({scores, areas, ranks, rows}: Ranked, range: AreaRange, max: number): TouchingList {
  const list = {
    rows: new Int32Array(rows.length),
    scores: new Float64Array(rows.length),
    strays: new Int32Array(rows.length),
  };
  let touching = 0;
  let strays = 0;
  let length = 0;
  let highest = 0;
  for (let i = 0; i < rows.length; i++) {
    if (ranks[i]! >= max) continue;
    if (length++ === 0) highest = scores[i]!;
    if (rows[i]! < 0) {
      if (insideRange(areas[i]!, range)) strays++;
      continue;
    }
    list.rows[touching] = rows[i]!;
    list.scores[touching] = scores[i]!;
    list.strays[touching++] = strays;
  }
  return {
    rows: list.rows.subarray(0, touching),
    scores: list.scores.subarray(0, touching),
    strays: list.strays.subarray(0, touching),
    length,
    highest,
  };
}

/**
 * Precision and score at every hit, written to `hits`, precision as the largest from there on; returns their number.
 * The outcome of row s is outcomes[s * stride + offset].
 */
function walk(
  {rows, scores, strays}: TouchingList,
  outcomes: Uint8Array,
  offset: number,
  stride: number,
  hits: {readonly precision: Float64Array; readonly scores: Float64Array},
): number {
  let truePositives = 0;
  let falsePositives = 0;
  for (let i = 0; i < rows.length; i++) {
    const outcome = outcomes[rows[i]! * stride + offset]!;
    if (outcome === TRUE_POSITIVE) {
      hits.scores[truePositives++] = scores[i]!;
      hits.precision[truePositives - 1] =
        truePositives / (falsePositives + strays[i]! + truePositives + EPSILON);
    } else if (outcome === FALSE_POSITIVE) {
      falsePositives++;
    }
  }
  // Precision only falls between hits, so making it non-increasing from the right needs the hits alone.
  for (let hit = truePositives - 1; hit > 0; hit--) {
    if (hits.precision[hit]! > hits.precision[hit - 1]!) hits.precision[hit - 1] = hits.precision[hit]!;
  }
  return truePositives;
}

/** How many hits it takes to reach each recall point, at least one. [R] */
function hitsNeeded(positives: number): Int32Array {
  let hits = 1;
  return Int32Array.from(RECALL_THRESHOLDS, threshold => {
    while (hits / positives < threshold) hits++;
    return hits;
  });
}
