/**
 * AP at IoU 0.5 of a detector that no longer makes errors of some kinds (TIDE, ECCV 2020, section 2). They are repaired
 * thus:
 *
 *   classification, localisation   the detection becomes a true positive of its object, with its score; if the object
 *                                  is found already, or by a better detection that is repaired too, it is removed
 *   both, duplicate, background    the detection is removed
 *   missed                         the object counts no more
 *   false positives                all of them are removed
 *   false negatives                objects that are not found count no more
 *
 * The mean is over the categories with objects, whatever is repaired. A category whose objects have all been taken
 * away has AP 1 if no false positive is left in it, else 0.
 */
import {accumulateCategory, emptyPrecisionRecall} from '../coco-accumulate.js';
import type {CocoGroundTruth, CocoResults} from '../coco-data.js';
import type {CategoryGroup, Groups} from '../coco-groups.js';
import {FALSE_POSITIVE, IGNORED, TRUE_POSITIVE} from '../coco-matching.js';
import type {CocoParameters} from '../coco-parameters.js';
import {meanPrecision} from '../coco-stats.js';
import {sortByFallingScore} from '../score-order.js';
import {CLASSIFICATION, ERROR_KINDS, type ErrorKind, type Errors, NO_ERROR} from './error-kinds.js';
import {allAreas, type RecordOutcomes} from './outcomes.js';

export type MatchedRecords = {
  readonly groups: Groups;
  readonly groundTruth: CocoGroundTruth;
  readonly results: CocoResults;
  readonly outcomes: RecordOutcomes;
  readonly errors: Errors;
  /** Counted objects that neither a true positive nor a repair finds. By row of the ground truth. */
  readonly missed: Uint8Array;
  readonly parameters: CocoParameters;
};

/** Mean and per category; -1 for categories without objects. */
export type Precisions = {readonly mean: number; readonly perCategory: Float64Array};

/** AP with the errors of these kinds repaired together. */
export function repairKinds(records: MatchedRecords, kinds: readonly ErrorKind[]): Precisions {
  const {groups, outcomes, errors, results, missed} = records;
  const isRepaired = (row: number) => {
    const code = errors.kinds[row]!;
    return code !== NO_ERROR && kinds.includes(ERROR_KINDS[code - 1]!);
  };
  const winners = new Map<number, number>();
  const changed = outcomes.detections.slice();
  for (const {detections} of groups.categories) {
    for (const row of detections) {
      if (!isRepaired(row)) continue;
      changed[row] = IGNORED;
      const target = errors.targets[row]!;
      if (target < 0 || outcomes.found[target] === 1) continue;
      const rival = winners.get(target);
      if (rival === undefined || results.scores[row]! > results.scores[rival]!) winners.set(target, row);
    }
  }
  const moved = groups.categories.map((): number[] => []);
  const categories = winners.size > 0 ? categoryOfObjects(records) : undefined;
  for (const [target, row] of winners) {
    if (errors.kinds[row] === CLASSIFICATION) moved[categories![target]!]!.push(row);
    else changed[row] = TRUE_POSITIVE;
  }
  const gone = kinds.includes('missed') ? missed : undefined;
  return precisionsAfter(records, {outcomes: changed, moved, gone});
}

export function removeFalsePositives(records: MatchedRecords): Precisions {
  const outcomes = records.outcomes.detections.map(outcome =>
    outcome === FALSE_POSITIVE ? IGNORED : outcome,
  );
  return precisionsAfter(records, {outcomes, moved: [], gone: undefined});
}

/** @param unfound 1: counted and not found. By row of the ground truth. */
export function removeFalseNegatives(records: MatchedRecords, unfound: Uint8Array): Precisions {
  return precisionsAfter(records, {outcomes: records.outcomes.detections, moved: [], gone: unfound});
}

/** Position of the category of every object, by row of the ground truth. */
function categoryOfObjects({groups, groundTruth}: MatchedRecords): Int32Array {
  const categories = new Int32Array(groundTruth.ids.length);
  groups.categories.forEach((group, k) => {
    for (const row of group.groundTruths) categories[row] = k;
  });
  return categories;
}

/** What a repair leaves. */
type Repair = {
  readonly outcomes: Uint8Array; // by row of the results
  /** Rows of the results that become true positives of another category than their own, by that category. */
  readonly moved: readonly (readonly number[])[]; // [K]
  /** 1: the object counts no more. By row of the ground truth. */
  readonly gone: Uint8Array | undefined;
};

function precisionsAfter(
  {groups, results, outcomes, parameters}: MatchedRecords,
  repair: Repair,
): Precisions {
  const K = groups.categories.length;
  const curves = emptyPrecisionRecall(1, K, 1, 1);
  const setting = {
    ...parameters,
    areaRanges: [allAreas(parameters)],
    maxDetections: parameters.maxDetections.slice(-1),
  };
  groups.categories.forEach((group, k) => {
    let objects = 0;
    let positives = 0;
    for (const row of group.groundTruths) {
      objects += outcomes.counted[row]!;
      if (repair.gone?.[row] !== 1) positives += outcomes.counted[row]!;
    }
    if (objects === 0) return;
    const arrived = repair.moved[k] ?? [];
    const own = group.detections.length;
    // What is not listed is a false positive, as most detections are.
    const listed = new Int32Array(own + arrived.length);
    const changed = new Uint8Array(listed.length);
    let count = 0;
    let falsePositives = 0;
    for (let position = 0; position < listed.length; position++) {
      const outcome = position < own ? repair.outcomes[group.detections[position]!]! : TRUE_POSITIVE;
      if (outcome === FALSE_POSITIVE) {
        falsePositives++;
        continue;
      }
      listed[count] = position;
      changed[count++] = outcome;
    }
    if (positives === 0) {
      const [, R] = curves.shape;
      for (let r = 0; r < R; r++) curves.precision[r * K + k] = falsePositives > 0 ? 0 : 1;
      return;
    }
    const after = withArrivals(group, arrived, results);
    const outcomesAfter = {positions: listed.subarray(0, count), outcomes: changed.subarray(0, count)};
    accumulateCategory(curves, k, after, results, outcomesAfter, [positives], setting);
  });
  return {
    mean: meanPrecision(curves, {area: 0, max: 0}),
    perCategory: Float64Array.from({length: K}, (_, k) =>
      meanPrecision(curves, {category: k, area: 0, max: 0}),
    ),
  };
}

/** The group with detections of other categories behind its own. Equal scores stay in the order of images. */
function withArrivals(
  group: CategoryGroup,
  arrived: readonly number[],
  {imageOf, scores}: CocoResults,
): CategoryGroup {
  if (arrived.length === 0) return group;
  const own = group.detections.length;
  const detections = new Int32Array(own + arrived.length);
  detections.set(group.detections);
  detections.set(
    arrived.toSorted((a, b) => imageOf[a]! - imageOf[b]!),
    own,
  );
  const ranks = new Int32Array(detections.length);
  ranks.set(group.ranks);
  // Both parts are by image: merge them, own detections first, and sort the whole by score.
  const byScore = new Int32Array(detections.length);
  let [mine, theirs] = [0, own];
  for (let i = 0; i < byScore.length; i++) {
    const isMine =
      theirs === detections.length ||
      (mine < own && imageOf[detections[mine]!]! <= imageOf[detections[theirs]!]!);
    byScore[i] = isMine ? mine++ : theirs++;
  }
  const scoreOf = new Float64Array(detections.length);
  for (let position = 0; position < detections.length; position++) {
    scoreOf[position] = scores[detections[position]!]!;
  }
  sortByFallingScore(byScore, scoreOf, new Int32Array(byScore.length));
  return {...group, detections, ranks, byScore};
}
