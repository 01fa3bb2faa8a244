/**
 * PASCAL VOC's files for an evaluation: annotation XMLs in; detections in and out in VOC's own format, a text file a
 * class with lines `image score xmin ymin xmax ymax` (development kit, section "Detection task: submission of results"),
 * or in as COCO results. What is wrong is one line that names file and line.
 */
import {stat} from 'node:fs/promises';
import {basename, join} from 'node:path';
import {suggestion} from '../config/suggest.js';
import type {DatasetNotice} from '../data/dataset.js';
import {describe, JsonRecord} from '../data/json-record.js';
import {streamJson} from '../data/json-stream.js';
import {Notices} from '../data/notices.js';
import {listFolder, readVocSplit, type VocSplitOptions} from '../data/voc-split.js';
import {RunError, UsageError} from '../errors.js';
import {errorCode, writeFileAtomic} from '../files/write-atomic.js';
import type {VocGroundTruth, VocResults} from './voc-data.js';
import {formatVocLines, isVocName, readVocLines} from './voc-lines.js';

export type VocGroundTruthFiles = {
  readonly groundTruth: VocGroundTruth;
  /** What a person may want to know of the files; everything is evaluated all the same. */
  readonly notices: readonly DatasetNotice[];
};

export type VocResultsFiles = {readonly results: VocResults; readonly notices: readonly DatasetNotice[]};

const INVERTED = 'box with xmax < xmin or ymax < ymin, which nothing can hit';

/**
 * The objects of one list of a VOC folder; images and their ids are those of loadVoc. Every box is kept as the
 * reference keeps it: one pixel (xmin = xmax), where training leaves it out, and corners the wrong way round. Corners
 * between pixels, where the reference stops, are kept too.
 * @throws UsageError when the folder or the list does not exist; RunError when an annotation is missing or broken, or
 * names a class that is not among `classes`.
 */
export async function readVocGroundTruth(options: VocSplitOptions): Promise<VocGroundTruthFiles> {
  const notices = new Notices();
  const {entries, imageIds, classNames} = await readVocSplit(options, notices);
  const classes = new Map(classNames.map((name, index) => [name, index]));
  const imageOf: number[] = [];
  const classOf: number[] = [];
  const boxes: number[] = [];
  const difficult: number[] = [];
  entries.forEach(({file, annotation: {objects}}, image) => {
    objects.forEach((object, i) => {
      const [x1, y1, x2, y2] = object.box;
      const [xmin, ymin] = [x1 + 1, y1 + 1];
      const classIndex = classes.get(object.name);
      if (classIndex === undefined) throw unknownClass(`${file}: object ${i + 1}`, object.name, classNames);
      const example = `${file}: object ${i + 1} (${object.name}): ${[xmin, ymin, x2, y2].join(', ')}`;
      if (x2 < xmin || y2 < ymin) notices.add(INVERTED, example);
      if (!object.box.every(Number.isInteger)) notices.add('box with corners between pixels', example);
      imageOf.push(image);
      classOf.push(classIndex);
      boxes.push(xmin, ymin, x2, y2);
      difficult.push(object.difficult ? 1 : 0);
    });
  });
  return {
    groundTruth: {
      classNames,
      imageNames: entries.map(({stem}) => stem),
      imageIds,
      imageOf: Int32Array.from(imageOf),
      classOf: Int32Array.from(classOf),
      boxes: Float64Array.from(boxes),
      difficult: Uint8Array.from(difficult),
    },
    notices: notices.all,
  };
}

function unknownClass(where: string, name: string, classNames: readonly string[]): RunError {
  return new RunError(`${where}: unknown class ${describe(name)}${suggestion(name, classNames)}`);
}

/** Columns that grow by a detection at a time. */
class Rows {
  private readonly imageOf: number[] = [];
  private readonly classOf: number[] = [];
  private readonly boxes: number[] = [];
  private readonly scores: number[] = [];

  push(
    image: number,
    classIndex: number,
    score: number,
    box: readonly [number, number, number, number],
  ): void {
    this.imageOf.push(image);
    this.classOf.push(classIndex);
    this.boxes.push(...box);
    this.scores.push(score);
  }

  take(): VocResults {
    return {
      imageOf: Int32Array.from(this.imageOf),
      classOf: Int32Array.from(this.classOf),
      boxes: Float64Array.from(this.boxes),
      scores: Float64Array.from(this.scores),
    };
  }
}

/**
 * Reads detections on the images of `groundTruth`.
 * @param path a folder of VOC's files, `<class>.txt` or `comp4_det_<set>_<class>.txt` (any comp number), where a class
 *   without a file has no detections; or a COCO results JSON: category c is class c of the data set, from 1; image_id is
 *   the image's id as in loadVoc, or its name as a text; a box [x, y, w, h] covers the pixels x + 1 to x + w.
 * @throws UsageError when there is nothing at `path`; RunError naming file and line, or record and field, when a
 * class, an image or a number is wrong.
 */
export async function readVocResults(path: string, groundTruth: VocGroundTruth): Promise<VocResultsFiles> {
  const found = await stat(path).catch(error => {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR')
      throw new UsageError(
        `there is nothing at ${path}; expected a folder of <class>.txt or a COCO results JSON`,
      );
    if (errorCode(error) === 'EACCES') throw new UsageError(`${path} cannot be read: no permission`);
    throw error;
  });
  return found.isDirectory() ? readClassFiles(path, groundTruth) : readRecords(path, groundTruth);
}

async function readClassFiles(folder: string, groundTruth: VocGroundTruth): Promise<VocResultsFiles> {
  const {classNames} = groundTruth;
  const files = (await listFolder(folder)).filter(file => file.endsWith('.txt')).sort();
  if (files.length === 0)
    throw new UsageError(
      `${folder} holds no detections of VOC: expected <class>.txt or comp4_det_<set>_<class>.txt`,
    );
  const fileOf = new Map<number, string>();
  for (const file of files) {
    const classIndex = classOfFile(file, classNames);
    if (classIndex < 0) throw unknownClass(join(folder, file), classPart(file), classNames);
    const earlier = fileOf.get(classIndex);
    if (earlier !== undefined)
      throw new RunError(
        `${folder}: ${earlier} and ${file} are both of class ${classNames[classIndex]}; keep one`,
      );
    fileOf.set(classIndex, file);
  }
  const images = new Map(groundTruth.imageNames.map((name, index) => [name, index]));
  const notices = new Notices();
  const rows = new Rows();
  for (const [classIndex, className] of classNames.entries()) {
    const file = fileOf.get(classIndex);
    if (file === undefined) {
      const toFind = groundTruth.classOf.some(
        (c, row) => c === classIndex && groundTruth.difficult[row] === 0,
      );
      if (toFind) notices.add('class with objects and without a file of detections: its AP is 0', className);
      continue;
    }
    const path = join(folder, file);
    await readVocLines(path, images, (image, score, box, line) => {
      if (box[2] < box[0] || box[3] < box[1]) notices.add(INVERTED, `${path}:${line}`);
      rows.push(image, classIndex, score, box);
    });
  }
  return {results: rows.take(), notices: notices.all};
}

/** A file's class: its name without the ending, or the longest class name that ends comp<n>_det_<set>_<class>. */
function classOfFile(file: string, classNames: readonly string[]): number {
  const stem = basename(file, '.txt');
  const exact = classNames.indexOf(stem);
  if (exact >= 0 || !/^comp\d+_det_/.test(stem)) return exact;
  let best = -1;
  classNames.forEach((name, index) => {
    if (stem.endsWith(`_${name}`) && name.length > (classNames[best]?.length ?? -1)) best = index;
  });
  return best;
}

/** What the file's name seems to call its class. */
function classPart(file: string): string {
  return basename(file, '.txt').replace(/^comp\d+_det_[^_]*_/, '');
}

async function readRecords(path: string, groundTruth: VocGroundTruth): Promise<VocResultsFiles> {
  const {imageIds, imageNames, classNames} = groundTruth;
  const images = new Map<unknown, number>([
    ...imageIds.map((id, index) => [id, index] as const),
    ...imageNames.map((name, index) => [name, index] as const),
  ]);
  const notices = new Notices();
  const rows = new Rows();
  const outline = await streamJson(path, {
    element(section, index, value) {
      if (section !== '') return;
      const record = new JsonRecord(path, `[${index}]`, value);
      const image = images.get(record.value('image_id'));
      if (image === undefined)
        throw record.wrong('image_id', `an image of the list, such as ${imageIds[0]} or "${imageNames[0]}"`);
      const category = record.integer('category_id');
      if (category < 1 || category > classNames.length)
        throw record.wrong(
          'category_id',
          `1 (${classNames[0]}) to ${classNames.length} (${classNames.at(-1)})`,
        );
      const [x, y, width, height] = cocoBox(record);
      if (width < 0 || height < 0) notices.add(INVERTED, `${path}: [${index}]`);
      rows.push(image, category - 1, record.number('score'), [x + 1, y + 1, x + width, y + height]);
    },
  });
  if (outline.kind === 'object')
    throw new RunError(`${path} is an object; results are a list of {image_id, category_id, bbox, score}`);
  return {results: rows.take(), notices: notices.all};
}

function cocoBox(record: JsonRecord): readonly [number, number, number, number] {
  const value = record.value('bbox');
  if (!Array.isArray(value) || value.length !== 4 || !value.every(number => Number.isFinite(number)))
    throw record.wrong('bbox', '[x, y, width, height]');
  return [value[0], value[1], value[2], value[3]];
}

/**
 * Writes detections as `comp4_det_<set>_<class>.txt` (comp4: trained on any data), a file for every class, in the order of
 * the rows and with all digits: evaluating the files gives what evaluating `results` gives.
 * @throws RunError when a file cannot be written, or an image or a class has a name that the format cannot hold.
 */
export async function writeVocResults(
  folder: string,
  results: VocResults,
  {classNames, imageNames}: Pick<VocGroundTruth, 'classNames' | 'imageNames'>,
  {set = 'test'}: {readonly set?: string} = {},
): Promise<void> {
  const unfit = classNames.find(name => /[/\\\p{Cc}]/u.test(name));
  if (unfit !== undefined)
    throw new RunError(
      `class ${describe(unfit)} cannot be part of a file's name; write COCO results instead`,
    );
  const unnamed = results.imageOf.find(image => !isVocName(imageNames[image]!));
  if (unnamed !== undefined) {
    const name = describe(imageNames[unnamed]);
    throw new RunError(`image ${name}: VOC's format cannot hold such a name; write COCO results instead`);
  }
  for (const [classIndex, name] of classNames.entries()) {
    const file = join(folder, `comp4_det_${set}_${name}.txt`);
    await writeFileAtomic(file, formatVocLines(results, classIndex, imageNames));
  }
}
