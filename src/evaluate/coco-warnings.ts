/** What a COCO evaluation does to its input that a user may not expect: found here as data, printed by the commands. */
import {visibleText} from '../errors.js';
import {areaOfRuns} from '../masks/mask.js';
import type {CocoGroundTruth, CocoResults} from './coco-data.js';
import type {CocoParameters} from './coco-parameters.js';

export type CocoWarningKind =
  | 'annotation-id-0'
  | 'ignore-field'
  | 'missing-area'
  | 'implausible-area'
  | 'odd-polygon'
  | 'missing-iscrowd'
  | 'image-twice'
  | 'shared-category-name'
  | 'negative-box'
  | 'custom-max-dets'
  | 'category-without-ground-truth'
  | 'annotation-of-unknown-category'
  | 'annotation-on-unknown-image'
  | 'result-of-unknown-category'
  | 'more-than-max-dets'
  | 'area-of-box'
  | 'no-results';

/** How many records it concerns, and the first of them. */
export type CocoWarning = {readonly kind: CocoWarningKind; readonly count: number; readonly example: string};

/** Counts warnings of each kind and keeps the first example. */
export class WarningCounter {
  private readonly found = new Map<CocoWarningKind, {count: number; example: string}>();

  /** @param count records that it concerns */
  add(kind: CocoWarningKind, example: string, count = 1): void {
    const known = this.found.get(kind);
    if (known === undefined) this.found.set(kind, {count, example});
    else known.count += count;
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
  const {imageIds, categoryIds, maxDetections, useCategories, iouType} = parameters;
  const images = new Set(groundTruth.imageIds);
  const categories = new Set(groundTruth.categories.map(category => category.id));
  const evaluated = imageIds === null ? images : new Set(imageIds);
  const counted = new Set<number>();
  groundTruth.ids.forEach((id, row) => {
    const categoryId = groundTruth.categoryOf[row]!;
    const imageId = groundTruth.imageOf[row]!;
    if (!categories.has(categoryId)) warnings.add('annotation-of-unknown-category', `annotation ${id}`);
    else if (!images.has(imageId)) warnings.add('annotation-on-unknown-image', `annotation ${id}`);
    else if (id === 0) warnings.add('annotation-id-0', `category ${categoryId}`);
    if (groundTruth.ignore[row] === 0 && evaluated.has(imageId)) counted.add(categoryId);
  });
  for (const {id, name} of groundTruth.categories) {
    if (!useCategories || counted.has(id)) continue;
    if (categoryIds === null || categoryIds.includes(id)) warnings.add('category-without-ground-truth', name);
  }
  results.categoryOf.forEach((id, row) => {
    if (!categories.has(id)) warnings.add('result-of-unknown-category', `result ${row}, category ${id}`);
  });
  for (let row = 0; row < results.scores.length; row++) {
    const [width, height] = [results.boxes[4 * row + 2]!, results.boxes[4 * row + 3]!];
    if (width < 0 || height < 0) warnings.add('negative-box', `result ${row}: ${width} x ${height}`);
  }
  if (results.scores.length === 0) warnings.add('no-results', 'the list is empty');
  if (maxDetections.join() !== '1,10,100') warnings.add('custom-max-dets', maxDetections.join(', '));
  countCut(warnings, results, groundTruth, parameters);
  if (iouType === 'segm') checkAreas(warnings, results);
  return warnings.list();
}

/** Detections beyond the largest maxDets of an image and category (of an image where categories are one). */
function countCut(
  warnings: WarningCounter,
  {imageOf, categoryOf}: CocoResults,
  {imageIds: allImages, categories: allCategories}: CocoGroundTruth,
  {imageIds, categoryIds, maxDetections, useCategories}: CocoParameters,
): void {
  const most = maxDetections.at(-1)!;
  const images = new Set(imageIds ?? allImages);
  const categories = new Set(categoryIds ?? allCategories.map(({id}) => id));
  const ofImage = new Map<number, number>();
  for (const image of imageOf) ofImage.set(image, (ofImage.get(image) ?? 0) + 1);
  const crowded = new Map<number, Map<number, number>>();
  for (const [image, count] of ofImage) {
    if (count > most && images.has(image)) crowded.set(image, new Map());
  }
  if (crowded.size === 0) return;
  imageOf.forEach((image, row) => {
    const counts = crowded.get(image);
    const category = categoryOf[row]!;
    if (counts === undefined || !categories.has(category)) return;
    const key = useCategories ? category : -1;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  });
  for (const [image, counts] of crowded) {
    for (const [category, count] of counts) {
      if (count <= most) continue;
      const where = useCategories ? `image ${image}, category ${category}` : `image ${image}`;
      warnings.add('more-than-max-dets', `${where} has ${count} and maxDets is ${most}`, count - most);
    }
  }
}

/** Detections with masks whose areas are those of their boxes: the first record of their file has one. */
function checkAreas(warnings: WarningCounter, {masks, areas}: CocoResults): void {
  if (masks === undefined) return;
  const other = areas.findIndex(
    (area, row) => area !== areaOfRuns(masks.runs, masks.starts[row]!, masks.starts[row + 1]!),
  );
  if (other >= 0) warnings.add('area-of-box', `result ${other}`, areas.length);
}

/** The warning as one sentence. Names out of files are in it: control characters are shown as escapes. */
export function describeWarning(warning: CocoWarning): string {
  return visibleText(sentence(warning));
}

function sentence({kind, count, example}: CocoWarning): string {
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
    case 'image-twice':
      return `${count} ${count === 1 ? 'image is' : 'images are'} listed twice (${example}): taken as one`;
    case 'shared-category-name':
      return `${count} ${count === 1 ? 'category has' : 'categories have'} the name of another (${example}): they are evaluated apart`;
    case 'negative-box':
      return `${records('detection')} with a box of negative width or height: it finds nothing; boxes are [x, y, width, height], not corners`;
    case 'custom-max-dets':
      return (
        `maxDets is ${example}: these figures do not compare with those of the usual 1, 10, 100` +
        (example.split(', ').includes('100') ? '' : ", and pycocotools' AP, which is the one at 100, is -1")
      );
    case 'category-without-ground-truth':
      return `${count} ${count === 1 ? 'category' : 'categories'} without objects to find (${example}): left out of every mean`;
    case 'annotation-of-unknown-category':
      return `${records('annotation')} of a category that the file does not list: left out`;
    case 'annotation-on-unknown-image':
      return `${records('annotation')} on an image that the file does not list: left out`;
    case 'result-of-unknown-category':
      return `${records('detection')} of a category that the annotations do not list: left out`;
    case 'more-than-max-dets':
      return `${count} ${count === 1 ? 'detection' : 'detections'} left out (${example}): the best by score are kept`;
    case 'area-of-box':
      return (
        `${records('detection')} with a box: as in pycocotools, width * height of the box and not the mask decides ` +
        'between small, medium and large; leave "bbox" out of every record to have the masks\' areas'
      );
    case 'no-results':
      return 'there are no detections: every recall is 0';
  }
}
