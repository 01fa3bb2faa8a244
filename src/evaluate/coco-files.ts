/**
 * COCO's files for an evaluation: instances JSON in, results JSON in and out (cocodataset.org/#format-data and
 * #format-results). Records are read one by one into columns, so a file of a gigabyte costs its numbers and no more.
 * Every field is checked; what the reference silently accepts or changes is reported as a warning.
 */
import {JsonRecord} from '../data/json-record.js';
import {streamJson} from '../data/json-stream.js';
import {RunError} from '../errors.js';
import {writeFileAtomic} from '../files/write-atomic.js';
import {
  boxAreas,
  type CocoCategory,
  type CocoGroundTruth,
  type CocoResults,
  checkFinite,
} from './coco-data.js';
import {type CocoWarning, WarningCounter} from './coco-warnings.js';

/** Numbers that are appended one by one. */
class Column {
  private values = new Float64Array(1024);
  private used = 0;

  push(value: number): void {
    if (this.used === this.values.length) {
      const larger = new Float64Array(2 * this.used);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.used++] = value;
  }

  get length(): number {
    return this.used;
  }

  take(): Float64Array {
    return this.values.slice(0, this.used);
  }
}

export type CocoGroundTruthFile = {
  readonly groundTruth: CocoGroundTruth;
  readonly warnings: readonly CocoWarning[];
};

const SECTIONS = ['images', 'annotations', 'categories'] as const;

/**
 * Reads an instances JSON. As in the reference, `ignore` is set from iscrowd whatever the file says, boxes of zero or
 * negative size are kept, and area is the file's own; where it is missing the box's is taken, with a warning.
 * @throws UsageError when there is no such file, RunError naming record and field when it is not an instances JSON.
 */
export async function readCocoGroundTruth(path: string): Promise<CocoGroundTruthFile> {
  const imageIds = new Column();
  const categories = new Map<number, CocoCategory>();
  const ids = new Column();
  const imageOf = new Column();
  const categoryOf = new Column();
  const boxes = new Column();
  const areas = new Column();
  const crowd = new Column();
  const rowOf = new Map<number, number>();
  const warnings = new WarningCounter();

  const readAnnotation = (record: JsonRecord, row: number) => {
    const id = record.integer('id');
    const earlier = rowOf.get(id);
    if (earlier !== undefined) {
      throw new RunError(
        `${path}: annotations[${row}].id: ${id} is also the id of annotations[${earlier}]; ids must differ`,
      );
    }
    rowOf.set(id, row);
    const [x, y, width, height] = box(record);
    const isCrowd = record.flag('iscrowd');
    ids.push(id);
    imageOf.push(record.integer('image_id'));
    categoryOf.push(record.integer('category_id'));
    for (const value of [x, y, width, height]) boxes.push(value);
    areas.push(record.has('area') ? record.number('area') : width * height);
    crowd.push(isCrowd ? 1 : 0);
    if (!record.has('area')) warnings.add('missing-area', `annotation ${id}`);
    if (!record.has('iscrowd')) warnings.add('missing-iscrowd', `annotation ${id}`);
    if (record.has('ignore') && record.flag('ignore') !== isCrowd) {
      warnings.add('ignore-field', `annotation ${id}`);
    }
  };

  const outline = await streamJson(path, {
    element(section, index, value) {
      const record = () => new JsonRecord(path, `${section}[${index}]`, value);
      switch (section) {
        case 'images':
          imageIds.push(record().integer('id'));
          break;
        case 'categories': {
          const category = record();
          const id = category.integer('id');
          categories.set(id, {id, name: category.has('name') ? category.text('name') : String(id)});
          break;
        }
        case 'annotations':
          readAnnotation(record(), index);
          break;
        default: // info, licenses and whatever else a file carries
      }
    },
  });
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
  const isCrowd = Uint8Array.from(crowd.take());
  return {
    groundTruth: {
      imageIds: Float64Array.from(new Set(imageIds.take())),
      categories: [...categories.values()],
      ids: ids.take(),
      imageOf: imageOf.take(),
      categoryOf: categoryOf.take(),
      boxes: boxes.take(),
      areas: areas.take(),
      crowd: isCrowd,
      ignore: isCrowd,
    },
    warnings: warnings.list(),
  };
}

/**
 * Reads a results JSON, a list of {image_id, category_id, bbox, score}. Boxes of zero or negative size are kept, as
 * the reference keeps them.
 * @param imageIds when given, the images that results may be on
 * @throws UsageError when there is no such file, RunError naming record and field when a record is wrong.
 */
export async function readCocoResults(path: string, imageIds?: Float64Array): Promise<CocoResults> {
  const known = imageIds === undefined ? undefined : new Set(imageIds);
  const imageOf = new Column();
  const categoryOf = new Column();
  const boxes = new Column();
  const scores = new Column();
  const outline = await streamJson(path, {
    element(section, index, value) {
      if (section !== '') return;
      const record = new JsonRecord(path, `[${index}]`, value);
      const imageId = record.integer('image_id');
      if (known !== undefined && !known.has(imageId)) {
        throw new RunError(
          `${path}: [${index}].image_id: ${imageId} is not among the images of the annotations; ` +
            'evaluate against the annotations that the detections were made for',
        );
      }
      imageOf.push(imageId);
      categoryOf.push(record.integer('category_id'));
      for (const number of box(record)) boxes.push(number);
      scores.push(record.number('score'));
    },
  });
  if (outline.kind === 'object') {
    throw new RunError(`${path} is an object; results are a list of {image_id, category_id, bbox, score}`);
  }
  const all = boxes.take();
  return {
    imageOf: imageOf.take(),
    categoryOf: categoryOf.take(),
    boxes: all,
    scores: scores.take(),
    areas: boxAreas(all),
  };
}

/** The record's bbox: left, top, width, height. */
function box(record: JsonRecord): readonly [number, number, number, number] {
  const value = record.value('bbox');
  const isBox = Array.isArray(value) && value.length === 4 && value.every(number => Number.isFinite(number));
  if (!isBox) throw record.wrong('bbox', '[x, y, width, height]');
  return [value[0], value[1], value[2], value[3]];
}

const RECORDS_A_CHUNK = 4096;

/**
 * Writes results as COCO's list of records, boxes and scores with all their digits: evaluating the file gives what
 * evaluating `results` gives. The file is complete or not there.
 * @throws RunError when it cannot be written, or a box or score is not a finite number.
 */
export async function writeCocoResults(path: string, results: CocoResults): Promise<void> {
  checkFinite(results);
  await writeFileAtomic(path, resultChunks(results));
}

function* resultChunks(results: CocoResults): Generator<Uint8Array> {
  const count = results.scores.length;
  yield Buffer.from('[');
  for (let from = 0; from < count; from += RECORDS_A_CHUNK) {
    const to = Math.min(from + RECORDS_A_CHUNK, count);
    let text = '';
    for (let row = from; row < to; row++) text += (row === 0 ? '\n' : ',\n') + resultRecord(results, row);
    yield Buffer.from(text);
  }
  yield Buffer.from('\n]\n');
}

function resultRecord({imageOf, categoryOf, boxes, scores}: CocoResults, row: number): string {
  const bbox = boxes.subarray(4 * row, 4 * row + 4).join(',');
  return `{"image_id":${imageOf[row]},"category_id":${categoryOf[row]},"bbox":[${bbox}],"score":${scores[row]}}`;
}
