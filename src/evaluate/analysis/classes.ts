/**
 * What the figures of each category are made of: objects, detections, and what became of them at IoU 0.5, at all scores and
 * from a score threshold on. Detections are the first maxDets of each image and category, as for AP.
 */

import type {CocoResults} from '../coco-data.js';
import type {CategoryEvaluation, CocoEvaluation} from '../coco-eval.js';
import type {Groups} from '../coco-groups.js';
import {FALSE_POSITIVE, TRUE_POSITIVE} from '../coco-matching.js';
import type {CocoStats} from '../coco-stats.js';
import {sortByFallingScore} from '../score-order.js';
import type {RecordOutcomes} from './outcomes.js';

export type OutcomeCounts = {
  readonly truePositives: number;
  readonly falsePositives: number;
  /** Neither: matched with crowds or ignored objects, or of no area that counts. */
  readonly ignored: number;
};

/** Detections of at least `score`. */
export type OperatingPoint = {
  readonly score: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
};

export type DetectionCounts = {
  /** Objects that count. */
  readonly groundTruths: number;
  /** Crowds and other objects that AP ignores. */
  readonly ignoredGroundTruths: number;
  readonly detections: number;
  readonly counts: OutcomeCounts;
  readonly countsAtThreshold: OutcomeCounts;
  /** Largest F1 = 2 TP / (objects + TP + FP) and the highest score that gives it; absent if nothing is found. */
  readonly best?: OperatingPoint;
};

export type ClassRow = CategoryEvaluation & DetectionCounts;

export type ClassTable = {
  readonly scoreThreshold: number;
  /** Figures are means over categories; counts and F1 are of all detections together, with one score threshold. */
  readonly all: CocoStats & DetectionCounts;
  readonly rows: readonly ClassRow[]; // [K]
};

export function classTable(
  {stats, perCategory}: CocoEvaluation,
  groups: Groups,
  results: CocoResults,
  outcomes: RecordOutcomes,
  scoreThreshold: number,
): ClassTable {
  const rows = groups.categories.map((group, k): ClassRow => {
    const detections = group.byScore.map(position => group.detections[position]!);
    return {
      ...perCategory[k]!,
      ...countDetections(detections, group.groundTruths, results.scores, outcomes, scoreThreshold),
      detections: group.detectionCount,
    };
  });
  const everything = concatenated(groups.categories.map(({detections}) => detections));
  sortByFallingScore(everything, results.scores, new Int32Array(everything.length));
  const objects = concatenated(groups.categories.map(({groundTruths}) => groundTruths));
  return {
    scoreThreshold,
    all: {
      ...stats,
      ...countDetections(everything, objects, results.scores, outcomes, scoreThreshold),
      detections: rows.reduce((sum, {detections}) => sum + detections, 0),
    },
    rows,
  };
}

/** @param detections rows of the results by falling score */
function countDetections(
  detections: Int32Array,
  objects: Int32Array,
  scores: Float64Array,
  {detections: outcomes, counted}: RecordOutcomes,
  scoreThreshold: number,
): DetectionCounts {
  const groundTruths = objects.reduce((sum, row) => sum + counted[row]!, 0);
  const above = detections.findIndex(row => scores[row]! < scoreThreshold);
  const best = bestF1(detections, groundTruths, scores, outcomes);
  return {
    groundTruths,
    ignoredGroundTruths: objects.length - groundTruths,
    detections: detections.length,
    counts: countOutcomes(detections, outcomes),
    countsAtThreshold: countOutcomes(above < 0 ? detections : detections.subarray(0, above), outcomes),
    ...(best !== undefined && {best}),
  };
}

function countOutcomes(rows: Int32Array, outcomes: Uint8Array): OutcomeCounts {
  let truePositives = 0;
  let falsePositives = 0;
  for (const row of rows) {
    if (outcomes[row] === TRUE_POSITIVE) truePositives++;
    else if (outcomes[row] === FALSE_POSITIVE) falsePositives++;
  }
  return {truePositives, falsePositives, ignored: rows.length - truePositives - falsePositives};
}

function bestF1(
  detections: Int32Array,
  objects: number,
  scores: Float64Array,
  outcomes: Uint8Array,
): OperatingPoint | undefined {
  let truePositives = 0;
  let falsePositives = 0;
  let best: OperatingPoint | undefined;
  for (let i = 0; i < detections.length; i++) {
    const row = detections[i]!;
    if (outcomes[row] === TRUE_POSITIVE) truePositives++;
    else if (outcomes[row] === FALSE_POSITIVE) falsePositives++;
    // A threshold cannot part equal scores.
    if (i + 1 < detections.length && scores[detections[i + 1]!] === scores[row]) continue;
    const f1 = (2 * truePositives) / (objects + truePositives + falsePositives);
    if (truePositives === 0 || f1 <= (best?.f1 ?? 0)) continue;
    best = {
      score: scores[row]!,
      precision: truePositives / (truePositives + falsePositives),
      recall: truePositives / objects,
      f1,
    };
  }
  return best;
}

function concatenated(parts: readonly Int32Array[]): Int32Array {
  const whole = new Int32Array(parts.reduce((sum, {length}) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
