/**
 * COCO's files for an evaluation: instances JSON in, results JSON in and out (cocodataset.org/#format-data and
 * #format-results). Records are read one by one into columns, so a file of a gigabyte costs its numbers and no more.
 * Every field is checked; what the reference silently accepts or changes is reported as a warning.
 *
 * A record of the usual kind is read from its bytes. Anything else about it, right or wrong, and it is parsed as a
 * JSON value and read again with an eye on every field: there the errors are found and named.
 */
import {JsonBytes} from '../data/json-bytes.js';
import {JsonRecord} from '../data/json-record.js';
import {type JsonStreamOptions, streamJson} from '../data/json-stream.js';
import {RunError} from '../errors.js';
import {writeFileAtomic} from '../files/write-atomic.js';
import type {Mask} from '../masks/mask.js';
import {maskAt, maskBoxes} from '../masks/mask-table.js';
import {formatRunLengths} from '../masks/run-length-text.js';
import {
  boxAreas,
  type CocoCategory,
  type CocoGroundTruth,
  type CocoResults,
  checkFinite,
} from './coco-data.js';
import {AnnotationTable} from './coco-files-annotations.js';
import {type CocoImages, ImageTable} from './coco-files-images.js';
import {ResultTable} from './coco-files-results.js';
import {type CocoWarning, WarningCounter} from './coco-warnings.js';

export type CocoReadOptions = Pick<JsonStreamOptions, 'onProgress' | 'chunkBytes'> & {
  /** Read `segmentation`; otherwise it only has to be valid JSON. */
  readonly masks?: boolean;
};

export type CocoGroundTruthFile = {
  readonly groundTruth: CocoGroundTruth;
  readonly warnings: readonly CocoWarning[];
};

const SECTIONS = ['images', 'annotations', 'categories'] as const;

/**
 * Reads an instances JSON. As in the reference, `ignore` is set from iscrowd whatever the file says, boxes of zero or
 * negative size are kept, and area is the file's own; where it is missing the box's is taken, with a warning. With masks
 * every annotation needs a segmentation, and where it has no box the mask's is taken.
 * @throws UsageError when there is no such file, RunError naming record and field when it is not an instances JSON.
 */
export async function readCocoGroundTruth(
  path: string,
  {masks = false, ...options}: CocoReadOptions = {},
): Promise<CocoGroundTruthFile> {
  const warnings = new WarningCounter();
  const images = new ImageTable(masks, {path, warnings});
  const annotations = new AnnotationTable(path, masks, images, warnings);
  const categories = new Map<number, CocoCategory>();
  const bytes = new JsonBytes();

  const outline = await streamJson(
    path,
    {
      bytes(section, chunk, from) {
        switch (section) {
          case 'images':
            return images.addBytes(bytes, chunk, from);
          case 'annotations':
            return annotations.addBytes(bytes, chunk, from);
          default:
            return -1;
        }
      },
      element(section, index, value) {
        const record = () => new JsonRecord(path, `${section}[${index}]`, value);
        switch (section) {
          case 'images':
            images.addRecord(record());
            break;
          case 'categories': {
            const category = record();
            const id = category.integer('id');
            if (categories.has(id))
              throw new RunError(
                `${path}: ${category.where}.id: another category has the id ${id}; ids must differ`,
              );
            categories.set(id, {id, name: category.has('name') ? category.text('name') : String(id)});
            break;
          }
          case 'annotations':
            annotations.addRecord(record());
            break;
          default: // info, licenses and whatever else a file carries
        }
      },
    },
    options,
  );
  if (outline.kind === 'array') {
    throw new RunError(
      `${path} is a list; annotations are an object with ${SECTIONS.join(', ')} (is it the results file?)`,
    );
  }
  for (const section of SECTIONS) {
    if (!outline.sections.has(section)) {
      throw new RunError(
        `${path} has no list "${section}"; an instances JSON with ${SECTIONS.join(', ')} is needed`,
      );
    }
  }
  warnOfSharedNames([...categories.values()], warnings);
  return {
    groundTruth: {...images.columns(), categories: [...categories.values()], ...annotations.take()},
    warnings: warnings.list(),
  };
}

/** Categories of one name are told apart by their ids, and by nothing that a person sees. */
function warnOfSharedNames(categories: readonly CocoCategory[], warnings: WarningCounter): void {
  const byName = new Map<string, number>();
  for (const {id, name} of categories) {
    const earlier = byName.get(name);
    if (earlier === undefined) byName.set(name, id);
    else warnings.add('shared-category-name', `${name}: ids ${earlier} and ${id}`);
  }
}

/**
 * Reads a results JSON, a list of {image_id, category_id, bbox, segmentation, score}. The first record decides where boxes
 * and areas come from: from `bbox`, also in a file with masks, or where it has none from the masks. Boxes of zero
 * or negative size are kept, as the reference keeps them.
 * @param images when given, the images that results may be on, such as the ground truth; polygons and, with masks, boxes
 *   without a mask are drawn at their sizes
 * @throws UsageError when there is no such file, RunError naming record and field when a record is wrong.
 */
export async function readCocoResults(
  path: string,
  images?: CocoImages,
  {masks = false, ...options}: CocoReadOptions = {},
): Promise<CocoResults> {
  const results = new ResultTable(path, masks, images && ImageTable.of(images));
  const bytes = new JsonBytes();
  const outline = await streamJson(
    path,
    {
      bytes: (section, chunk, from) => (section === '' ? results.addBytes(bytes, chunk, from) : -1),
      element(section, index, value) {
        if (section === '') results.addRecord(new JsonRecord(path, `[${index}]`, value));
      },
    },
    options,
  );
  if (outline.kind === 'object') {
    throw new RunError(`${path} is an object; results are a list of {image_id, category_id, bbox, score}`);
  }
  return results.take();
}

const RECORDS_A_CHUNK = 4096;

/**
 * Writes results as COCO's list of records, boxes and scores with all their digits, masks as compressed run lengths:
 * evaluating the file gives what evaluating `results` gives. The file is complete or not there.
 * @throws RunError when it cannot be written, or a box or score is not a finite number.
 */
export async function writeCocoResults(path: string, results: CocoResults): Promise<void> {
  checkFinite(results);
  await writeFileAtomic(path, resultChunks(results));
}

function* resultChunks(results: CocoResults): Generator<Uint8Array> {
  const count = results.scores.length;
  const impliedBoxes = boxesThatMasksImply(results);
  yield Buffer.from('[');
  for (let from = 0; from < count; from += RECORDS_A_CHUNK) {
    const to = Math.min(from + RECORDS_A_CHUNK, count);
    let text = '';
    for (let row = from; row < to; row++)
      text += (row === 0 ? '\n' : ',\n') + resultRecord(results, row, impliedBoxes);
    yield Buffer.from(text);
  }
  yield Buffer.from('\n]\n');
}

/**
 * Where areas are those of masks, their boxes, which must not be written: a first record with a box would say that areas
 * are width * height.
 */
function boxesThatMasksImply({boxes, areas, masks}: CocoResults): Float64Array | undefined {
  if (masks === undefined) return undefined;
  const ofBoxes = boxAreas(boxes);
  return areas.every((area, row) => area === ofBoxes[row]) ? undefined : maskBoxes(masks);
}

function resultRecord(
  {imageOf, categoryOf, boxes, scores, masks}: CocoResults,
  row: number,
  impliedBoxes: Float64Array | undefined,
): string {
  const box = boxes.subarray(4 * row, 4 * row + 4);
  const implied = impliedBoxes !== undefined && box.every((value, i) => value === impliedBoxes[4 * row + i]);
  const bbox = implied ? '' : `"bbox":[${box.join(',')}],`;
  const segmentation = masks === undefined ? '' : segmentationField(maskAt(masks, row));
  return `{"image_id":${imageOf[row]},"category_id":${categoryOf[row]},${bbox}"score":${scores[row]}${segmentation}}`;
}

function segmentationField(mask: Mask): string {
  const counts = JSON.stringify(formatRunLengths(mask));
  return `,"segmentation":{"size":[${mask.height},${mask.width}],"counts":${counts}}`;
}
