/**
 * Kinds of detection errors, as TIDE defines them (Bolya, Foley, Hays, Hoffman: TIDE: A General Toolbox for Identifying
 * Object Detection Errors, ECCV 2020, section 2): of every false positive, by its largest IoU with objects of its
 * own category and of others, and of every object that nothing found.
 *
 *   localisation    background threshold <= IoU with an object of its category < foreground threshold
 *   classification  IoU with an object of another category >= foreground threshold
 *   duplicate       IoU with an object of its category >= foreground threshold: a better detection has taken it
 *   background      IoU with every object < background threshold
 *   both            all others: near an object of another category, and not near enough
 *   missed          an object that no true positive took and no localisation or classification error aims at
 *
 * Where several fit, the first in this list is taken: the order of the authors' program (dbolya/tide 09eeffb), which
 * the paper leaves open. An IoU of exactly a threshold has reached it.
 *
 * Only objects that count are looked at: what lies on a crowd of another category is background, as it is for AP.
 * Detections that AP ignores are no errors.
 */
import type {CocoGroundTruth} from '../coco-data.js';
import {FALSE_POSITIVE} from '../coco-matching.js';
import type {ImageRecords} from './image-records.js';
import type {RecordOutcomes} from './outcomes.js';

export const ERROR_KINDS = [
  'classification',
  'localisation',
  'both',
  'duplicate',
  'background',
  'missed',
] as const;

export type ErrorKind = (typeof ERROR_KINDS)[number];

/** TIDE's thresholds: t_f, that of the AP that errors are measured in, and t_b. */
export const FOREGROUND_IOU = 0.5;
export const BACKGROUND_IOU = 0.1;

/** Codes of `Errors.kinds`. */
export const NO_ERROR = 0;
export const CLASSIFICATION = 1;
export const LOCALISATION = 2;
export const BOTH = 3;
export const DUPLICATE = 4;
export const BACKGROUND = 5;

/** By row of the results. */
export type Errors = {
  readonly kinds: Uint8Array;
  /** Of classification and localisation errors: the row of the object that the detection should have been. */
  readonly targets: Int32Array;
};

export function noErrors(detections: number): Errors {
  return {kinds: new Uint8Array(detections), targets: new Int32Array(detections).fill(-1)};
}

/**
 * Enters the kind of every false positive of an image into `errors`.
 * @param overlaps of all detections of the image with all its objects [D, G]
 */
export function classifyErrors(
  errors: Errors,
  image: ImageRecords,
  overlaps: Float64Array,
  outcomes: RecordOutcomes,
): void {
  const {detections, detectionCategories, groundTruths, groundTruthCategories} = image;
  const width = groundTruths.length;
  for (let d = 0; d < detections.length; d++) {
    const row = detections[d]!;
    if (outcomes.detections[row] !== FALSE_POSITIVE) continue;
    // Largest overlap with an object of the same category, of another one, and the columns where they are.
    let [same, other, sameAt, otherAt] = [0, 0, -1, -1];
    for (let g = 0; g < width; g++) {
      const overlap = overlaps[d * width + g]!;
      if (overlap < BACKGROUND_IOU || outcomes.counted[groundTruths[g]!] === 0) continue;
      if (groundTruthCategories[g] === detectionCategories[d]) {
        if (overlap >= same) [same, sameAt] = [overlap, g];
      } else if (overlap >= other) {
        [other, otherAt] = [overlap, g];
      }
    }
    if (sameAt >= 0 && same < FOREGROUND_IOU) {
      errors.kinds[row] = LOCALISATION;
      errors.targets[row] = groundTruths[sameAt]!;
    } else if (otherAt >= 0 && other >= FOREGROUND_IOU) {
      errors.kinds[row] = CLASSIFICATION;
      errors.targets[row] = groundTruths[otherAt]!;
    } else if (sameAt >= 0) {
      // The object with annotation id 0 comes here too: its detection took it and counts as false (coco-matching.ts).
      errors.kinds[row] = DUPLICATE;
    } else {
      errors.kinds[row] = otherAt >= 0 ? BOTH : BACKGROUND;
    }
  }
}

/** By row of the ground truth, 1: counted, not found, and no error whose repair would find it. */
export function missedObjects(
  groundTruth: CocoGroundTruth,
  errors: Errors,
  outcomes: RecordOutcomes,
): Uint8Array {
  const missed = new Uint8Array(groundTruth.ids.length);
  for (let row = 0; row < missed.length; row++) {
    missed[row] = outcomes.counted[row] === 1 && outcomes.found[row] === 0 ? 1 : 0;
  }
  for (const target of errors.targets) if (target >= 0) missed[target] = 0;
  return missed;
}
