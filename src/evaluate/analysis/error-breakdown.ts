/**
 * What each kind of error costs: the AP at IoU 0.5 that a detector would gain if it made no such error and all others
 * as before (TIDE, ECCV 2020, section 2.3). A kind is repaired thus:
 *
 *   classification, localisation   the detection becomes a true positive of its object, with its score; if the object
 *                                  is found already, or by a better detection that is repaired too, it is removed
 *   both, duplicate, background    the detection is removed
 *   missed                         the object counts no more
 *   false positives                all of them are removed
 *   false negatives                objects that are not found count no more
 *
 * The unrepaired AP is the evaluation's AP50 to the bit: same matches (at most maxDets detections of an image and
 * category, where TIDE's program takes 100 of an image), crowds, ties, 101 recall points and order of sums. The mean is
 * over the categories with objects, whatever is repaired: TIDE's program counts a category that has detections and no
 * objects as AP 0, and so loses AP to it; here its detections are errors that cost nothing. A category
 * whose objects have all been taken away by a repair has AP 1 if no false positive is left in it, else 0; all kinds
 * repaired together give AP 1.
 *
 * Repairing never loses AP, so no gain is below 0. Gains do not add up to 1 - AP: errors hide each other.
 */
import {accumulateCategory, emptyPrecisionRecall} from '../coco-accumulate.js';
import type {CocoCategory, CocoGroundTruth, CocoResults} from '../coco-data.js';
import type {CategoryGroup, Groups} from '../coco-groups.js';
import {FALSE_POSITIVE, IGNORED, TRUE_POSITIVE} from '../coco-matching.js';
import type {CocoParameters} from '../coco-parameters.js';
import {meanPrecision} from '../coco-stats.js';
import {sortByFallingScore} from '../score-order.js';
import {
  BACKGROUND_IOU,
  CLASSIFICATION,
  ERROR_KINDS,
  type ErrorKind,
  type Errors,
  FOREGROUND_IOU,
  missedObjects,
  NO_ERROR,
} from './error-kinds.js';
import {allAreas, type RecordOutcomes} from './outcomes.js';

/** Number of errors, and AP that their repair gains. */
export type ErrorCost = {readonly count: number; readonly gain: number};

export type ErrorCosts = {
  /** At IoU 0.5; -1 without objects, and then every gain is 0. */
  readonly AP: number;
  readonly errors: {readonly [kind in ErrorKind]: ErrorCost};
  readonly falsePositives: ErrorCost;
  /** Objects that are not found: the missed ones, and those that classification and localisation errors aim at. */
  readonly falseNegatives: ErrorCost;
};

/** Detections of the category; a repaired classification error gains AP in another category than its own. */
export type CategoryErrors = CocoCategory & ErrorCosts;

export type ErrorBreakdown = ErrorCosts & {
  readonly foregroundIou: number;
  readonly backgroundIou: number;
  /** Detections of an image and category that are looked at. */
  readonly maxDetections: number;
  /** AP with all six kinds repaired. */
  readonly repaired: number;
  readonly perCategory: readonly CategoryErrors[]; // [K]
};

/** What a repair leaves: outcomes of detections, detections that change category, objects that count. */
type Repair = {
  readonly outcomes: Uint8Array; // by row of the results
  /** Rows of the results that become true positives of the category. */
  readonly moved: ReadonlyMap<number, readonly number[]>;
  readonly positives: Int32Array; // [K]
};

/** Mean and per category; -1 for categories without objects. */
type Precisions = {readonly mean: number; readonly perCategory: Float64Array};

export type MatchedRecords = {
  readonly groups: Groups;
  readonly groundTruth: CocoGroundTruth;
  readonly results: CocoResults;
  readonly outcomes: RecordOutcomes;
  readonly errors: Errors;
  readonly parameters: CocoParameters;
};

export function errorBreakdown(records: MatchedRecords): ErrorBreakdown {
  const {groups, groundTruth, outcomes, errors} = records;
  const missed = missedObjects(groundTruth, errors, outcomes);
  const unfound = outcomes.counted.map((counted, row) => counted & (outcomes.found[row]! ^ 1));
  const repaired = (kinds: readonly ErrorKind[]) =>
    precisionsAfter(records, repair(records, new Set(kinds), missed));
  const nothing = repair(records, new Set(), missed);
  const base = precisionsAfter(records, nothing);
  const byKind = new Map(ERROR_KINDS.map(kind => [kind, repaired([kind])]));
  const withoutFalse = precisionsAfter(records, {
    ...nothing,
    outcomes: nothing.outcomes.map(outcome => (outcome === FALSE_POSITIVE ? IGNORED : outcome)),
  });
  const withoutUnfound = precisionsAfter(records, {...nothing, positives: remaining(records, unfound)});

  const costs = (k: number | undefined): ErrorCosts => {
    const of = (precisions: Precisions) => (k === undefined ? precisions.mean : precisions.perCategory[k]!);
    const cost = (count: number, precisions: Precisions): ErrorCost => ({
      count,
      gain: of(precisions) - of(base),
    });
    const chosen = k === undefined ? groups.categories : [groups.categories[k]!];
    const detections = countCodes(
      chosen.map(group => group.detections),
      errors.kinds,
    );
    const objects = (marks: Uint8Array) =>
      countCodes(
        chosen.map(group => group.groundTruths),
        marks,
      )[1]!;
    const errorCost = (kind: ErrorKind) =>
      cost(kind === 'missed' ? objects(missed) : detections[codeOf(kind)]!, byKind.get(kind)!);
    return {
      AP: of(base),
      errors: {
        classification: errorCost('classification'),
        localisation: errorCost('localisation'),
        both: errorCost('both'),
        duplicate: errorCost('duplicate'),
        background: errorCost('background'),
        missed: errorCost('missed'),
      },
      falsePositives: cost(
        detections.reduce((sum, count, code) => sum + (code === NO_ERROR ? 0 : count), 0),
        withoutFalse,
      ),
      falseNegatives: cost(objects(unfound), withoutUnfound),
    };
  };
  return {
    ...costs(undefined),
    foregroundIou: FOREGROUND_IOU,
    backgroundIou: BACKGROUND_IOU,
    maxDetections: records.parameters.maxDetections.at(-1)!,
    repaired: repaired(ERROR_KINDS).mean,
    perCategory: groups.categories.map(({category}, k) => ({...category, ...costs(k)})),
  };
}

/** Code of a kind of detection error in Errors.kinds: 1 to 5 in the order of ERROR_KINDS. */
function codeOf(kind: ErrorKind): number {
  return ERROR_KINDS.indexOf(kind) + 1;
}

function countCodes(rows: readonly Int32Array[], codes: Uint8Array): readonly number[] {
  const counts = new Array<number>(ERROR_KINDS.length).fill(0);
  for (const part of rows) for (const row of part) counts[codes[row]!]!++;
  return counts;
}

function repair(records: MatchedRecords, kinds: ReadonlySet<ErrorKind>, missed: Uint8Array): Repair {
  const {groups, outcomes, errors} = records;
  const changed = outcomes.detections.slice();
  const repairs = ERROR_KINDS.map(kind => kinds.has(kind));
  const winners = new Map<number, number>();
  for (const {detections} of groups.categories) {
    for (const row of detections) {
      const code = errors.kinds[row]!;
      if (code === NO_ERROR || !repairs[code - 1]) continue;
      changed[row] = IGNORED;
      const target = errors.targets[row]!;
      if (target < 0 || outcomes.found[target] === 1) continue;
      const rival = winners.get(target);
      if (rival === undefined || records.results.scores[row]! > records.results.scores[rival]!) {
        winners.set(target, row);
      }
    }
  }
  const moved = new Map<number, number[]>();
  if (winners.size > 0) {
    const categories = categoryOfObjects(records);
    for (const [target, row] of winners) {
      if (errors.kinds[row] !== CLASSIFICATION) {
        changed[row] = TRUE_POSITIVE;
        continue;
      }
      const category = categories[target]!;
      const rows = moved.get(category);
      if (rows === undefined) moved.set(category, [row]);
      else rows.push(row);
    }
  }
  const gone = kinds.has('missed') ? missed : new Uint8Array(missed.length);
  return {outcomes: changed, moved, positives: remaining(records, gone)};
}

/** Position of the category of every object, by row of the ground truth. */
function categoryOfObjects({groups, groundTruth}: MatchedRecords): Int32Array {
  const categories = new Int32Array(groundTruth.ids.length);
  groups.categories.forEach((group, k) => {
    for (const row of group.groundTruths) categories[row] = k;
  });
  return categories;
}

/** Objects of each category that count, without those that are gone. [K] */
function remaining({groups, outcomes}: MatchedRecords, gone: Uint8Array): Int32Array {
  return Int32Array.from(groups.categories, ({groundTruths}) => {
    let positives = 0;
    for (const row of groundTruths) positives += outcomes.counted[row]! & (gone[row]! ^ 1);
    return positives;
  });
}

/** AP of every category after a repair. */
function precisionsAfter(records: MatchedRecords, repair: Repair): Precisions {
  const {groups, results, outcomes, parameters} = records;
  const K = groups.categories.length;
  const curves = emptyPrecisionRecall(1, K, 1, 1);
  const setting = {
    ...parameters,
    areaRanges: [allAreas(parameters)],
    maxDetections: parameters.maxDetections.slice(-1),
  };
  groups.categories.forEach((group, k) => {
    if (!group.groundTruths.some(row => outcomes.counted[row] === 1)) return;
    const arrived = repair.moved.get(k) ?? [];
    const own = group.detections.length;
    const positions = new Int32Array(own + arrived.length);
    const changed = new Uint8Array(positions.length).fill(TRUE_POSITIVE, own);
    for (let position = 0; position < positions.length; position++) {
      positions[position] = position;
      if (position < own) changed[position] = repair.outcomes[group.detections[position]!]!;
    }
    if (repair.positives[k] === 0) {
      const precision = changed.includes(FALSE_POSITIVE) ? 0 : 1;
      const [, R] = curves.shape;
      for (let r = 0; r < R; r++) curves.precision[r * K + k] = precision;
      return;
    }
    const after = withArrivals(group, arrived, results.scores);
    const positives = [repair.positives[k]!];
    accumulateCategory(curves, k, after, results, {positions, outcomes: changed}, positives, setting);
  });
  return {
    mean: meanPrecision(curves, {area: 0, max: 0}),
    perCategory: Float64Array.from({length: K}, (_, k) =>
      meanPrecision(curves, {category: k, area: 0, max: 0}),
    ),
  };
}

/** The group with detections of other categories; among equal scores these come last. */
function withArrivals(group: CategoryGroup, arrived: readonly number[], scores: Float64Array): CategoryGroup {
  if (arrived.length === 0) return group;
  const own = group.detections.length;
  const detections = new Int32Array(own + arrived.length);
  const ranks = new Int32Array(detections.length);
  const byScore = new Int32Array(detections.length);
  const scoreOf = new Float64Array(detections.length);
  detections.set(group.detections);
  detections.set(arrived, own);
  ranks.set(group.ranks);
  byScore.set(group.byScore);
  for (let position = 0; position < detections.length; position++) {
    if (position >= own) byScore[position] = position;
    scoreOf[position] = scores[detections[position]!]!;
  }
  sortByFallingScore(byScore, scoreOf, new Int32Array(byScore.length));
  return {...group, detections, ranks, byScore};
}
