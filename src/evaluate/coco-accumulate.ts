/** Precision at 101 recall points and final recall, from the outcomes of all detections of a category. */
import type {CategoryGroup} from './coco-groups.js';
import {IGNORED, TRUE_POSITIVE} from './coco-matching.js';
import {RECALL_THRESHOLDS} from './coco-parameters.js';
import {sortByFallingScore} from './score-order.js';

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

/**
 * A detection list of each maxDets, over all images by falling score (equal scores by image id, then rank): positions
 * in group.detections.
 */
export function detectionLists(
  group: CategoryGroup,
  scores: Float64Array,
  maxDetections: readonly number[],
): readonly Int32Array[] {
  const positions = Int32Array.from(group.detections.keys());
  sortByFallingScore(
    positions,
    Float64Array.from(group.detections, row => scores[row]!),
    new Int32Array(positions.length),
  );
  return maxDetections.map(max => positions.filter(position => group.ranks[position]! < max));
}

/** Keeps the last bit of the reference's precision: a first hit has 1 / (1 + epsilon) = 0.9999999999999998. */
const EPSILON = Number.EPSILON;

/**
 * Writes the curve of one (threshold t, category k, area a, maxDets m) into `into`.
 * @param list positions by falling score
 * @param outcomes of every position at this threshold and area
 * @param positives number of objects that count, above 0
 */
export function accumulateCurve(
  into: PrecisionRecall,
  at: {readonly t: number; readonly k: number; readonly a: number; readonly m: number},
  list: Int32Array,
  outcomes: Uint8Array,
  scoreOf: (position: number) => number,
  positives: number,
): void {
  const [, R, K, A, M] = into.shape;
  const hits = new Int32Array(list.length); // positions of true positives, by falling score
  const precision = new Float64Array(list.length); // at each hit
  let truePositives = 0;
  let falsePositives = 0;
  for (const position of list) {
    const outcome = outcomes[position]!;
    if (outcome === IGNORED) continue;
    if (outcome === TRUE_POSITIVE) {
      hits[truePositives++] = position;
      precision[truePositives - 1] = truePositives / (falsePositives + truePositives + EPSILON);
    } else {
      falsePositives++;
    }
  }
  // Precision only falls between hits, so making it non-increasing from the right needs the hits alone.
  for (let hit = truePositives - 1; hit > 0; hit--) {
    if (precision[hit]! > precision[hit - 1]!) precision[hit - 1] = precision[hit]!;
  }
  into.recall[((at.t * K + at.k) * A + at.a) * M + at.m] = truePositives / positives;
  let hit = 0;
  for (let r = 0; r < R; r++) {
    const threshold = RECALL_THRESHOLDS[r]!;
    while (hit < truePositives && (hit + 1) / positives < threshold) hit++;
    const index = (((at.t * R + r) * K + at.k) * A + at.a) * M + at.m;
    const reached = hit < truePositives;
    into.precision[index] = reached ? precision[hit]! : 0;
    into.scores[index] = reached ? scoreOf(hits[hit]!) : 0;
    // Recall 0 is reached by the first detection, whatever became of it.
    if (threshold === 0 && list.length > 0) into.scores[index] = scoreOf(list[0]!);
  }
}
