/**
 * What became of the detections that overlap an object, over the pairs of a category. The others, which are most of
 * them, are false positives or ignored by their area alone and are not listed.
 */
import type {CocoGroundTruth, CocoResults} from './coco-data.js';
import type {CategoryGroup} from './coco-groups.js';
import {listCandidates, matchCandidates, outcomeOf, requiredOverlap} from './coco-matching.js';
import type {Overlaps} from './coco-overlaps.js';
import type {CocoParameters} from './coco-parameters.js';

/** S detections that overlap an object by the lowest threshold or more, whether they took it or not. */
export type Outcomes = {
  readonly positions: Int32Array; // [S] in group.detections, ascending
  /** FALSE_POSITIVE, TRUE_POSITIVE or IGNORED. */
  readonly outcomes: Uint8Array; // [S, A, T]
};

/** Matches the pairs `from` to `to` - 1 of a group in every area range and at every threshold. */
export function matchPairs(
  group: CategoryGroup,
  from: number,
  to: number,
  overlapsOf: Overlaps,
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  {areaRanges, iouThresholds}: CocoParameters,
): Outcomes {
  const required = iouThresholds.map(requiredOverlap);
  const lowest = Math.min(...required);
  const T = required.length;
  const size = areaRanges.length * T;
  let positions = new Int32Array(256);
  let outcomes = new Uint8Array(256 * size);
  let used = 0;
  for (let p = from; p < to; p++) {
    const first = group.detectionStarts[p]!;
    const detections = group.detections.subarray(first, group.detectionStarts[p + 1]!);
    const objects = group.groundTruths.subarray(group.groundTruthStarts[p]!, group.groundTruthStarts[p + 1]!);
    if (detections.length === 0 || objects.length === 0) continue;
    const candidates = listCandidates(overlapsOf(detections, objects), objects.length, lowest);
    const count = candidates.detections.length;
    if (count === 0) continue;
    while (used + count > positions.length) {
      positions = doubled(positions, new Int32Array(2 * positions.length));
      outcomes = doubled(outcomes, new Uint8Array(2 * outcomes.length));
    }
    const matches = matchCandidates(candidates, objects, groundTruth, areaRanges, required);
    for (let c = 0; c < count; c++, used++) {
      const d = candidates.detections[c]!;
      positions[used] = first + d;
      for (let a = 0; a < areaRanges.length; a++) {
        let column = -2; // neither a column nor -1
        let outcome = 0;
        for (let t = 0; t < T; t++) {
          const match = matches[(a * T + t) * count + c]!;
          if (match !== column) {
            column = match;
            const row = match < 0 ? -1 : objects[match]!;
            outcome = outcomeOf(detections[d]!, row, groundTruth, results, areaRanges[a]!);
          }
          outcomes[used * size + a * T + t] = outcome;
        }
      }
    }
  }
  return {positions: positions.slice(0, used), outcomes: outcomes.slice(0, used * size)};
}

function doubled<Column extends Int32Array | Uint8Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
