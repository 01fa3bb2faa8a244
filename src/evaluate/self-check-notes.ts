/** What costs annotations nothing when they are evaluated against themselves, and detectors something all the same. */
import {maskAreas} from '../masks/mask-table.js';
import {boxAreas, type CocoGroundTruth} from './coco-data.js';
import type {Groups} from './coco-groups.js';
import {insideRange} from './coco-matching.js';
import type {CocoParameters} from './coco-parameters.js';

/**
 * area-out-of-step: the field `area` is in other area ranges than the box (segm: the mask). The object counts in one, a
 * detection of that size that misses it in the other.
 * same-box: two objects of a class on the very same box; a detector that finds one of them misses the other.
 */
export type SelfCheckNoteKind = 'area-out-of-step' | 'same-box';

/** How many annotations it concerns, and the first of them. */
export type SelfCheckNote = {
  readonly kind: SelfCheckNoteKind;
  readonly count: number;
  readonly annotationId: number;
  readonly imageId: number;
  readonly detail: string;
};

export function selfCheckNotes(
  annotations: CocoGroundTruth,
  {categories}: Groups,
  {areaRanges, iouType}: CocoParameters,
): readonly SelfCheckNote[] {
  const {ids, imageOf, areas, boxes, crowd, masks} = annotations;
  const measured = iouType === 'segm' && masks !== undefined ? maskAreas(masks) : boxAreas(boxes);
  const notes = new Map<SelfCheckNoteKind, SelfCheckNote>();
  const add = (kind: SelfCheckNoteKind, row: number, detail: string) => {
    const known = notes.get(kind);
    const first = known ?? {kind, count: 0, annotationId: ids[row]!, imageId: imageOf[row]!, detail};
    notes.set(kind, {...first, count: first.count + 1});
  };
  const rangesOf = (area: number) =>
    areaRanges.flatMap(range => (range.label !== 'all' && insideRange(area, range) ? [range.label] : []));
  const sameBox = (a: number, b: number) =>
    [0, 1, 2, 3].every(side => boxes[4 * a + side] === boxes[4 * b + side]);

  for (const {groundTruths, groundTruthStarts} of categories) {
    for (let p = 0; p + 1 < groundTruthStarts.length; p++) {
      const objects = groundTruths
        .subarray(groundTruthStarts[p]!, groundTruthStarts[p + 1]!)
        .filter(row => crowd[row] === 0);
      objects.forEach((row, i) => {
        const [stated, found] = [areas[row]!, measured[row]!].map(area => rangesOf(area).join(' and '));
        if (stated !== found)
          add('area-out-of-step', row, `${areas[row]}, and ${round(measured[row]!)} measured`);
        const twin = objects.subarray(0, i).find(other => sameBox(other, row));
        if (twin !== undefined) add('same-box', row, `as annotation ${ids[twin]}`);
      });
    }
  }
  return [...notes.values()];
}

function round(area: number): number {
  return Math.round(10 * area) / 10;
}
