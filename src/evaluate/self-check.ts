/**
 * Annotations evaluated against themselves: every annotation is also a detection with score 1 and the same box or mask.
 * A class whose AP is below 1 then has annotations that no detector can get right. Which ones, and why, is read off the
 * matches themselves: each object that was not found and each detection that counts as a false positive has one
 * cause here, so that nothing is left unexplained.
 */
import {maskArea} from '../masks/mask.js';
import {MaskTableBuilder, maskAt} from '../masks/mask-table.js';
import {boxAreas, type CocoGroundTruth, type CocoResults} from './coco-data.js';
import {type CocoEvaluation, evaluateCoco} from './coco-eval.js';
import {type CategoryGroup, groupRecords} from './coco-groups.js';
import {FALSE_POSITIVE, isIgnored, makePair, matchPair, outcomeOf, type Pair} from './coco-matching.js';
import {overlapsOf} from './coco-overlaps.js';
import type {AreaRange, CocoParameters, IouType} from './coco-parameters.js';
import {meanPrecision} from './coco-stats.js';
import {type SelfCheckNote, selfCheckNotes} from './self-check-notes.js';

/**
 * annotation-id-0: the reference takes this id for "no match", so that whatever finds the object is a false positive.
 * empty: no area, so the overlap is 0 even with itself; one object missed, one false positive.
 * self-overlap: the overlap with itself is below an IoU threshold, by rounding (a box far outside its image).
 * beyond-max-dets: its image has more annotations of the class than detections that count.
 * crowd: a crowd region lies on objects so that its detection takes one of them, and the next one's goes without.
 * area-range: as crowd, by an object that is itself outside the area range.
 * equal-overlap: as crowd, by an object on the same place.
 */
export const SELF_CHECK_CAUSES = [
  'annotation-id-0',
  'empty',
  'self-overlap',
  'beyond-max-dets',
  'crowd',
  'area-range',
  'equal-overlap',
] as const;

export type SelfCheckCause = (typeof SELF_CHECK_CAUSES)[number];

/** Annotations of one class with one cause; `row` is the first of them. */
export type SelfCheckFinding = {
  readonly cause: SelfCheckCause;
  readonly count: number;
  readonly annotationId: number;
  readonly imageId: number;
  /** Annotations of the class in that image. */
  readonly inImage: number;
};

export type SelfCheckClass = {
  readonly id: number;
  readonly name: string;
  /** AP in every area range of the parameters, -1 where there are no objects. [A] */
  readonly precisions: readonly number[];
  readonly objects: number;
  readonly findings: readonly SelfCheckFinding[];
};

export type SelfCheck = {
  readonly evaluation: CocoEvaluation;
  /** Classes with an AP below 1, by id. */
  readonly classes: readonly SelfCheckClass[];
  /** What costs nothing here, and does once detections are not perfect. */
  readonly notes: readonly SelfCheckNote[];
};

/** A first hit alone has precision 1 / (1 + epsilon). */
const ONE = 1 - 1e-9;

/**
 * Evaluates the annotations against themselves and says why a class falls short.
 * @throws UsageError for parameters that make no evaluation, or 'segm' without masks.
 */
export function selfCheck(groundTruth: CocoGroundTruth, changes: Partial<CocoParameters> = {}): SelfCheck {
  const annotations = withoutStrays(groundTruth);
  const detections = asDetections(annotations);
  const evaluation = evaluateCoco(annotations, detections, changes);
  const {curves, parameters, perCategory} = evaluation;
  const groups = groupRecords(annotations, detections, parameters);
  const max = parameters.maxDetections.length - 1;
  const classes = perCategory.flatMap(({id, name, groundTruths}, category): SelfCheckClass[] => {
    const precisions = parameters.areaRanges.map((_, area) => meanPrecision(curves, {category, area, max}));
    if (precisions.every(precision => precision === -1 || precision >= ONE)) return [];
    const findings = explain(groups.categories[category]!, annotations, detections, parameters);
    return [{id, name, precisions, objects: groundTruths, findings}];
  });
  return {evaluation, classes, notes: selfCheckNotes(annotations, groups, parameters)};
}

/** The annotations that are evaluated: on an image and of a category that the file lists. */
function withoutStrays(groundTruth: CocoGroundTruth): CocoGroundTruth {
  const images = new Set(groundTruth.imageIds);
  const categories = new Set(groundTruth.categories.map(({id}) => id));
  const {ids, imageOf, categoryOf, boxes, areas, crowd, ignore, masks} = groundTruth;
  const rows = Int32Array.from(ids.keys()).filter(
    row => images.has(imageOf[row]!) && categories.has(categoryOf[row]!),
  );
  if (rows.length === ids.length) return groundTruth;
  const kept = new MaskTableBuilder();
  if (masks !== undefined) for (const row of rows) kept.push(maskAt(masks, row));
  return {
    ...groundTruth,
    ids: Float64Array.from(rows, row => ids[row]!),
    imageOf: Float64Array.from(rows, row => imageOf[row]!),
    categoryOf: Float64Array.from(rows, row => categoryOf[row]!),
    boxes: Float64Array.from({length: 4 * rows.length}, (_, i) => boxes[4 * rows[i >> 2]! + (i & 3)]!),
    areas: Float64Array.from(rows, row => areas[row]!),
    crowd: Uint8Array.from(rows, row => crowd[row]!),
    ignore: Uint8Array.from(rows, row => ignore[row]!),
    ...(masks === undefined ? {} : {masks: kept.take()}),
  };
}

/** Row i of the detections is annotation i; as in a results file with boxes, their area is the box's. */
function asDetections({ids, imageOf, categoryOf, boxes, masks}: CocoGroundTruth): CocoResults {
  return {
    imageOf,
    categoryOf,
    boxes,
    scores: new Float64Array(ids.length).fill(1),
    areas: boxAreas(boxes),
    ...(masks === undefined ? {} : {masks}),
  };
}

/** Everything that went wrong in one class, over all images, area ranges and thresholds: an annotation counts once. */
function explain(
  group: CategoryGroup,
  annotations: CocoGroundTruth,
  detections: CocoResults,
  {areaRanges, iouThresholds, iouType}: CocoParameters,
): readonly SelfCheckFinding[] {
  const overlaps = overlapsOf(iouType, annotations, detections);
  const isEmpty = emptiness(annotations, iouType);
  const findings = new Map<SelfCheckCause, SelfCheckFinding>();
  const counted = new Map<SelfCheckCause, Set<number>>(SELF_CHECK_CAUSES.map(cause => [cause, new Set()]));
  for (let p = 0; p < group.images.length; p++) {
    const found = group.detections.subarray(group.detectionStarts[p]!, group.detectionStarts[p + 1]!);
    const objects = group.groundTruths.subarray(group.groundTruthStarts[p]!, group.groundTruthStarts[p + 1]!);
    const pair = makePair(found, objects, overlaps);
    for (const range of areaRanges) {
      const {matches} = matchPair(pair, annotations, range, iouThresholds);
      iouThresholds.forEach((threshold, t) => {
        const atThreshold = matches.subarray(t * found.length, (t + 1) * found.length);
        const scene = new Scene(pair, atThreshold, annotations, detections, isEmpty, range, threshold);
        for (const {row, cause} of scene.faults()) {
          const rows = counted.get(cause)!;
          if (rows.size === 0) {
            const [annotationId, imageId] = [annotations.ids[row]!, annotations.imageOf[row]!];
            findings.set(cause, {cause, count: 0, annotationId, imageId, inImage: objects.length});
          }
          rows.add(row);
        }
      });
    }
  }
  return SELF_CHECK_CAUSES.flatMap(cause => {
    const finding = findings.get(cause);
    return finding === undefined ? [] : [{...finding, count: counted.get(cause)!.size}];
  });
}

/** Whether there is nothing to overlap: a box without width or height, a mask without a pixel. */
function emptiness({boxes, masks}: CocoGroundTruth, iouType: IouType): (row: number) => boolean {
  if (iouType === 'segm' && masks !== undefined) return row => maskArea(maskAt(masks, row)) === 0;
  return row => !(boxes[4 * row + 2]! > 0 && boxes[4 * row + 3]! > 0);
}

type Fault = {readonly row: number; readonly cause: SelfCheckCause};

/** One image and class, matched in one area range at one threshold. Detection row = annotation row. */
class Scene {
  private readonly required: number;
  /** Column of every annotation of the scene, and place of every detection that was not cut. */
  private readonly columnOf = new Map<number, number>();
  private readonly placeOf = new Map<number, number>();
  /** Place of the detection that took a column; crowds are taken by many. */
  private readonly takerOf = new Map<number, number>();

  constructor(
    private readonly pair: Pair,
    private readonly matches: Int32Array,
    private readonly annotations: CocoGroundTruth,
    private readonly detections: CocoResults,
    private readonly isEmpty: (row: number) => boolean,
    private readonly range: AreaRange,
    threshold: number,
  ) {
    this.required = Math.min(threshold, 1 - 1e-10);
    pair.groundTruths.forEach((row, column) => {
      this.columnOf.set(row, column);
    });
    pair.detections.forEach((row, place) => {
      this.placeOf.set(row, place);
    });
    matches.forEach((column, place) => {
      if (column >= 0) this.takerOf.set(column, place);
    });
  }

  /** Objects that were not found, and false positives by the annotation that they are copies of. */
  faults(): readonly Fault[] {
    const {annotations, detections, pair, range} = this;
    const missed = Array.from(pair.groundTruths)
      .filter((row, column) => !isIgnored(annotations, row, range) && !this.takerOf.has(column))
      .map(row => ({row, cause: this.causeOfMiss(row)}));
    const wrong = Array.from(pair.detections).flatMap((row, place): Fault[] => {
      const column = this.matches[place]!;
      const matched = column < 0 ? -1 : pair.groundTruths[column]!;
      if (outcomeOf(row, matched, annotations, detections, range) !== FALSE_POSITIVE) return [];
      if (matched >= 0) return [{row: matched, cause: 'annotation-id-0'}];
      return [{row, cause: this.ownCause(row) ?? this.causeOfTaking(row, new Set())}];
    });
    return [...missed, ...wrong];
  }

  /** What is wrong with the annotation by itself. */
  private ownCause(row: number): SelfCheckCause | undefined {
    const overlap = this.overlap(row, row);
    if (overlap >= this.required) return undefined;
    return this.isEmpty(row) ? 'empty' : 'self-overlap';
  }

  private causeOfMiss(row: number): SelfCheckCause {
    const cut = this.pair.groundTruths.length > this.pair.detections.length;
    return this.ownCause(row) ?? (cut ? 'beyond-max-dets' : 'equal-overlap');
  }

  /** Follows who took whose object, from a detection that went without to the first that took one not its own. */
  private causeOfTaking(row: number, followed: Set<number>): SelfCheckCause {
    const taker = this.takerOf.get(this.columnOf.get(row)!);
    if (taker === undefined || followed.has(taker)) return 'equal-overlap';
    followed.add(taker);
    const takerRow = this.pair.detections[taker]!;
    if (this.annotations.crowd[takerRow] === 1) return 'crowd';
    if (isIgnored(this.annotations, takerRow, this.range)) return 'area-range';
    if (this.overlap(takerRow, row) >= this.overlap(takerRow, takerRow)) return 'equal-overlap';
    return this.causeOfTaking(takerRow, followed);
  }

  /** Overlap of the detection with the annotation; for detections that were cut, that of the box with itself. */
  private overlap(detection: number, annotation: number): number {
    const place = this.placeOf.get(detection);
    const column = this.columnOf.get(annotation)!;
    if (place === undefined) return 1;
    return this.pair.overlaps[place * this.pair.groundTruths.length + column]!;
  }
}
