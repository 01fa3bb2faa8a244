/** What a COCO evaluation does to its input that a user may not expect: found here as data, printed by the commands. */
import type {CocoGroundTruth, CocoResults} from './coco-data.js';
import type {CocoParameters} from './coco-parameters.js';

export type CocoWarningKind =
  | 'annotation-id-0'
  | 'ignore-field'
  | 'missing-area'
  | 'implausible-area'
  | 'odd-polygon'
  | 'missing-iscrowd'
  | 'custom-max-dets'
  | 'category-without-ground-truth'
  | 'annotation-of-unknown-category'
  | 'annotation-on-unknown-image'
  | 'result-of-unknown-category'
  | 'no-results';

/** How many records it concerns, and the first of them. */
export type CocoWarning = {readonly kind: CocoWarningKind; readonly count: number; readonly example: string};

/** Counts warnings of each kind and keeps the first example. */
export class WarningCounter {
  private readonly found = new Map<CocoWarningKind, {count: number; example: string}>();

  add(kind: CocoWarningKind, example: string): void {
    const known = this.found.get(kind);
    if (known === undefined) this.found.set(kind, {count: 1, example});
    else known.count++;
  }

  list(): readonly CocoWarning[] {
    return Array.from(this.found, ([kind, {count, example}]) => ({kind, count, example}));
  }
}

/** What is remarkable about evaluating these results with these parameters. */
export function cocoWarnings(
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  parameters: CocoParameters,
): readonly CocoWarning[] {
  const warnings = new WarningCounter();
  const images = new Set(groundTruth.imageIds);
  const categories = new Set(groundTruth.categories.map(category => category.id));
  const counted = new Set<number>();
  groundTruth.ids.forEach((id, row) => {
    const categoryId = groundTruth.categoryOf[row]!;
    if (!categories.has(categoryId)) warnings.add('annotation-of-unknown-category', `annotation ${id}`);
    else if (!images.has(groundTruth.imageOf[row]!))
      warnings.add('annotation-on-unknown-image', `annotation ${id}`);
    else if (id === 0) warnings.add('annotation-id-0', `category ${categoryId}`);
    if (groundTruth.ignore[row] === 0) counted.add(categoryId);
  });
  for (const {id, name} of groundTruth.categories) {
    if (!counted.has(id)) warnings.add('category-without-ground-truth', name);
  }
  results.categoryOf.forEach((id, row) => {
    if (!categories.has(id)) warnings.add('result-of-unknown-category', `result ${row}, category ${id}`);
  });
  if (results.scores.length === 0) warnings.add('no-results', 'the list is empty');
  if (parameters.maxDetections.join() !== '1,10,100') {
    warnings.add('custom-max-dets', parameters.maxDetections.join(', '));
  }
  return warnings.list();
}

/** The warning as one sentence. */
export function describeWarning({kind, count, example}: CocoWarning): string {
  const records = (noun: string) =>
    `${count} ${noun}${count === 1 ? '' : 's'} (${example}${count > 1 ? ' first' : ''})`;
  switch (kind) {
    case 'annotation-id-0':
      return (
        `an annotation has the id 0 (${example}): as in pycocotools a detection that finds it counts as a false ` +
        'positive; number annotations from 1'
      );
    case 'ignore-field':
      return `${records('annotation')}: "ignore" differs from "iscrowd" and has no effect; COCO evaluation reads iscrowd alone`;
    case 'missing-area':
      return `${records('annotation')} without "area": width * height of the box is used (pycocotools stops there)`;
    case 'implausible-area':
      return `${records('annotation')} whose "area" does not fit its box: it decides between small, medium and large all the same`;
    case 'odd-polygon':
      return `${records('annotation')} with a polygon of an odd count of numbers: the last is left out, as in pycocotools`;
    case 'missing-iscrowd':
      return `${records('annotation')} without "iscrowd": taken as 0 (pycocotools stops there)`;
    case 'custom-max-dets':
      return (
        `maxDets is ${example}: these figures do not compare with the usual 1, 10, 100` +
        (example.split(', ').includes('100') ? '' : ', and AP is -1, since it is defined at 100')
      );
    case 'category-without-ground-truth':
      return `${count} ${count === 1 ? 'category' : 'categories'} without objects to find (${example}): left out of every mean`;
    case 'annotation-of-unknown-category':
      return `${records('annotation')} of a category that the file does not list: left out`;
    case 'annotation-on-unknown-image':
      return `${records('annotation')} on an image that the file does not list: left out`;
    case 'result-of-unknown-category':
      return `${records('detection')} of a category that the annotations do not list: left out`;
    case 'no-results':
      return 'there are no detections: every recall is 0';
  }
}
