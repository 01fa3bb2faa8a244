/**
 * What became of the detections that overlap an object, over the pairs of a category. The others, which are most of
 * them, are false positives or ignored by their area alone and are not listed.
 */
import type {CocoGroundTruth, CocoResults} from './coco-data.js';
import type {CategoryGroup} from './coco-groups.js';
import {listCandidates, matchCandidates, outcomeOf, requiredOverlap} from './coco-matching.js';
import {overlapsOf} from './coco-overlaps.js';
import type {CocoParameters} from './coco-parameters.js';

/** S detections that overlap an object by the lowest threshold or more, whether they took it or not. */
export type Outcomes = {
  readonly positions: Int32Array; // [S] in the group's detections, ascending
  /** FALSE_POSITIVE, TRUE_POSITIVE or IGNORED. */
  readonly outcomes: Uint8Array; // [S, A, T]
};

/** What of a group is matched. */
export type PairLists = Pick<
  CategoryGroup,
  'detections' | 'detectionStarts' | 'groundTruths' | 'groundTruthStarts'
>;

/** Matches the pairs `from` to `to` - 1 in every area range and at every threshold. */
export type PairMatcher = (lists: PairLists, from: number, to: number) => Outcomes;

/** @throws RangeError when masks are to be compared and there are none. */
export function pairMatcher(
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  {iouType, areaRanges, iouThresholds}: CocoParameters,
): PairMatcher {
  const required = iouThresholds.map(requiredOverlap);
  const lowest = Math.min(...required);
  const overlaps = overlapsOf(iouType, groundTruth, results);
  const T = required.length;
  const size = areaRanges.length * T;
  return (lists, from, to) => {
    let positions = new Int32Array(256);
    let outcomes = new Uint8Array(256 * size);
    let used = 0;
    for (let p = from; p < to; p++) {
      const first = lists.detectionStarts[p]!;
      const detections = lists.detections.subarray(first, lists.detectionStarts[p + 1]!);
      const objects = lists.groundTruths.subarray(
        lists.groundTruthStarts[p]!,
        lists.groundTruthStarts[p + 1]!,
      );
      if (detections.length === 0 || objects.length === 0) continue;
      const candidates = listCandidates(overlaps(detections, objects), objects.length, lowest);
      const count = candidates.detections.length;
      if (count === 0) continue;
      while (used + count > positions.length) {
        positions = copied(positions, new Int32Array(2 * positions.length));
        outcomes = copied(outcomes, new Uint8Array(2 * outcomes.length));
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
  };
}

/** Outcomes of consecutive pairs as one. */
export function joinOutcomes(parts: readonly Outcomes[]): Outcomes {
  if (parts.length === 1) return parts[0]!;
  const positions = new Int32Array(parts.reduce((sum, part) => sum + part.positions.length, 0));
  const outcomes = new Uint8Array(parts.reduce((sum, part) => sum + part.outcomes.length, 0));
  let position = 0;
  let outcome = 0;
  for (const part of parts) {
    positions.set(part.positions, position);
    outcomes.set(part.outcomes, outcome);
    position += part.positions.length;
    outcome += part.outcomes.length;
  }
  return {positions, outcomes};
}

function copied<Column extends Int32Array | Uint8Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
