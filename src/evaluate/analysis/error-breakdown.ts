/**
 * What each kind of error costs: the AP at IoU 0.5 that a detector would gain if it made no such error and all others
 * as before, in the manner of TIDE (Bolya et al., ECCV 2020). error-kinds.ts defines the kinds, error-repair.ts what it
 * means to repair one.
 *
 * The unrepaired AP is the evaluation's AP50 to the bit: same matches (at most maxDets detections of an image and
 * category, where TIDE's program takes 100 of an image), crowds, ties, 101 recall points and order of sums. A category
 * that has detections and no objects is in no mean, as everywhere in COCO (TIDE's program counts it as AP 0, so that
 * AP falls by it): its detections are errors that cost nothing. Files without objects or without detections have a
 * breakdown as others do. TIDE's program repairs an object by its best localisation or classification error even if
 * only one of these kinds is repaired; here the best among those that are repaired is taken, as the paper has it.
 *
 * Repairing never loses AP, so no gain is below 0; all kinds repaired together give AP 1. Gains do not add up to
 * 1 - AP, since errors hide each other.
 */
import type {CocoCategory} from '../coco-data.js';
import {
  BACKGROUND_IOU,
  ERROR_KINDS,
  type ErrorKind,
  FOREGROUND_IOU,
  missedObjects,
  NO_ERROR,
} from './error-kinds.js';
import {
  type MatchedRecords,
  type Precisions,
  removeFalseNegatives,
  removeFalsePositives,
  repairKinds,
} from './error-repair.js';

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

/** Counts of the category's own detections and objects; a repaired classification error gains AP in another category. */
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

export function errorBreakdown(matched: Omit<MatchedRecords, 'missed'>): ErrorBreakdown {
  const {groups, groundTruth, outcomes, errors, parameters} = matched;
  const missed = missedObjects(groundTruth, errors, outcomes);
  const unfound = outcomes.counted.map((counted, row) => counted & (outcomes.found[row]! ^ 1));
  const records = {...matched, missed};
  const base = repairKinds(records, []);
  const repaired: {readonly [kind in ErrorKind]: Precisions} = {
    classification: repairKinds(records, ['classification']),
    localisation: repairKinds(records, ['localisation']),
    both: repairKinds(records, ['both']),
    duplicate: repairKinds(records, ['duplicate']),
    background: repairKinds(records, ['background']),
    missed: repairKinds(records, ['missed']),
  };
  const withoutFalse = removeFalsePositives(records);
  const withoutUnfound = removeFalseNegatives(records, unfound);

  /** Of category k, or of all of them. */
  const costs = (k?: number): ErrorCosts => {
    const chosen = k === undefined ? groups.categories : [groups.categories[k]!];
    const APof = ({mean, perCategory}: Precisions) => (k === undefined ? mean : perCategory[k]!);
    const cost = (count: number, after: Precisions) => ({count, gain: APof(after) - APof(base)});
    const kinds = new Array<number>(ERROR_KINDS.length).fill(0);
    let [lost, hidden] = [0, 0];
    for (const group of chosen) {
      for (const row of group.detections) kinds[errors.kinds[row]!]!++;
      for (const row of group.groundTruths) {
        lost += missed[row]!;
        hidden += unfound[row]!;
      }
    }
    const detectionErrors = kinds.reduce((sum, count, code) => sum + (code === NO_ERROR ? 0 : count), 0);
    return {
      AP: APof(base),
      errors: {
        classification: cost(kinds[codeOf('classification')]!, repaired.classification),
        localisation: cost(kinds[codeOf('localisation')]!, repaired.localisation),
        both: cost(kinds[codeOf('both')]!, repaired.both),
        duplicate: cost(kinds[codeOf('duplicate')]!, repaired.duplicate),
        background: cost(kinds[codeOf('background')]!, repaired.background),
        missed: cost(lost, repaired.missed),
      },
      falsePositives: cost(detectionErrors, withoutFalse),
      falseNegatives: cost(hidden, withoutUnfound),
    };
  };
  return {
    ...costs(),
    foregroundIou: FOREGROUND_IOU,
    backgroundIou: BACKGROUND_IOU,
    maxDetections: parameters.maxDetections.at(-1)!,
    repaired: repairKinds(records, ERROR_KINDS).mean,
    perCategory: groups.categories.map(({category}, k) => ({...category, ...costs(k)})),
  };
}

/** Code of a kind of detection error in Errors.kinds: 1 to 5 in the order of ERROR_KINDS. */
function codeOf(kind: Exclude<ErrorKind, 'missed'>): number {
  return ERROR_KINDS.indexOf(kind) + 1;
}
