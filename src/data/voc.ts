/** Data sets in the layout of PASCAL VOC: Annotations/*.xml, JPEGImages/, ImageSets/Main/<split>.txt. */
import {readdir, readFile, stat} from 'node:fs/promises';
import {join} from 'node:path';
import sharp from 'sharp';
import {RunError, UsageError} from '../errors.js';
import {errorCode} from '../files/write-atomic.js';
import {concurrently} from './concurrently.js';
import type {Dataset, GroundTruth, ImageRecord} from './dataset.js';
import {EMPTY_BOX, MAX_EMPTY_BOXES, Notices} from './notices.js';
import type {Size} from './resize.js';
import {MAX_XML_BYTES, parseVocAnnotation, type VocAnnotation, type VocObject} from './voc-annotation.js';

export type VocOptions = {
  /** The folder that holds Annotations, JPEGImages and ImageSets. */
  readonly root: string;
  /** A list in ImageSets/Main. */
  readonly split: string;
  /** Names by class; default: PASCAL VOC's 20 if all names of Annotations fit, else those names, sorted. */
  readonly classes?: readonly string[];
  /** Whether difficult objects are trained on. Evaluation ignores them in either case. */
  readonly difficult: 'train' | 'drop';
  readonly name: string;
};

export const VOC_CLASSES: readonly string[] = [
  ...['aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow', 'diningtable'],
  ...['dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor'],
];

/** Files open at the same time. */
const CONCURRENCY = 16;

type Entry = {readonly stem: string; readonly file: string; readonly annotation: VocAnnotation};

/**
 * Reads one split. Image ids are the names' numbers where all are numbers and differ (VOC 2007), else 1, 2, ... in the
 * order of the list; object ids count from 1. Boxes [xmin - 1, ymin - 1, xmax, ymax]; one without area is left out
 * and counted in `notices`. Difficult objects have `ignore` set.
 * @throws UsageError when the folder or the split does not exist; RunError when an annotation is missing or broken, or
 * names a class that is not among `classes`.
 */
export async function loadVoc({root, split, classes, difficult, name}: VocOptions): Promise<Dataset> {
  const stems = await readSplit(root, split);
  const notices = new Notices();
  const entries = await concurrently(stems, CONCURRENCY, stem => readEntry(root, stem));
  const classNames = classes ?? (await findClasses(root, entries, notices));
  const classOf = new Map(classNames.map((className, i) => [className, i + 1]));
  const files = new Set(await listFolder(join(root, 'JPEGImages')));
  const sizes = await concurrently(entries, CONCURRENCY, entry => sizeOf(root, entry, files, notices));
  const ids = imageIds(stems);
  let objects = 0;
  const images = entries.map((entry, i): ImageRecord => {
    const kept = keepBoxes(entry, notices);
    const fileName = imageName(entry, files);
    const record = {
      id: ids[i] as number,
      fileName,
      path: join(root, 'JPEGImages', fileName),
      ...(sizes[i] as Size),
      groundTruth: groundTruthOf(kept, entry.file, classOf, objects + 1),
    };
    objects += kept.length;
    return record;
  });
  checkBoxes(root, objects, notices);
  return {
    name,
    classNames,
    categoryIds: classNames.map((_, i) => i + 1),
    images,
    notices: notices.all,
    trainIgnored: difficult === 'train',
  };
}

/** Names of ImageSets/Main/<split>.txt; the lists of a class have a second column, -1, 0 or 1, which says nothing here. */
async function readSplit(root: string, split: string): Promise<readonly string[]> {
  const folder = join(root, 'ImageSets', 'Main');
  const file = join(folder, `${split}.txt`);
  const text = await readFile(file, 'utf8').catch(async error => {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') throw error;
    const names = await listFolder(folder);
    const splits = names.filter(entry => entry.endsWith('.txt')).map(entry => entry.slice(0, -4));
    const found = splits.length === 0 ? 'no lists are there' : `there are ${splits.slice(0, 20).join(', ')}`;
    throw new UsageError(`there is no file ${file}; ${found}`);
  });
  const lines = text.replace(/^\ufeff/, '').split('\n');
  const stems = lines.map(line => line.trim().replace(/\s+(-1|0|1)$/, '')).filter(Boolean);
  if (stems.length === 0) throw new RunError(`${file} lists no images`);
  const seen = new Set<string>();
  for (const stem of stems) {
    if (seen.has(stem)) throw new RunError(`${file} lists ${JSON.stringify(stem)} twice`);
    seen.add(stem);
  }
  return stems;
}

async function readEntry(root: string, stem: string): Promise<Entry> {
  const file = join(root, 'Annotations', `${stem}.xml`);
  try {
    // Before it is read: what is no annotation file may be larger than memory.
    if ((await stat(file)).size > MAX_XML_BYTES)
      throw new RunError(`${file}: larger than ${MAX_XML_BYTES >> 20} MiB, which no annotation file is`);
    return {stem, file, annotation: parseVocAnnotation(await readFile(file, 'utf8'), file)};
  } catch (error) {
    if (errorCode(error) === 'ENOENT')
      throw new RunError(`there is no annotation file ${file} for ${JSON.stringify(stem)} of the list`);
    throw error;
  }
}

/**
 * Classes by the names in all annotation files, not only those of the split: lists for training and evaluation then
 * agree on them.
 */
async function findClasses(
  root: string,
  entries: readonly Entry[],
  notices: Notices,
): Promise<readonly string[]> {
  const names = new Set(entries.flatMap(({annotation}) => annotation.objects.map(object => object.name)));
  const read = new Set(entries.map(({stem}) => stem));
  const others = (await listFolder(join(root, 'Annotations'))).filter(
    file => file.endsWith('.xml') && !read.has(file.slice(0, -4)),
  );
  await concurrently(others, CONCURRENCY, async file => {
    try {
      const {annotation} = await readEntry(root, file.slice(0, -4));
      for (const object of annotation.objects) names.add(object.name);
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      notices.add('annotation file outside this split that cannot be read', error.message);
    }
  });
  if (names.size === 0)
    throw new RunError(
      `${join(root, 'Annotations')}: no object is annotated; name the classes in the config`,
    );
  if ([...names].every(className => VOC_CLASSES.includes(className))) return VOC_CLASSES;
  return [...names].sort();
}

async function listFolder(path: string): Promise<readonly string[]> {
  return readdir(path).catch(() => []);
}

/** The image of an annotation: by its own name as in VOC, else as the annotation says. */
function imageName({stem, annotation: {fileName}}: Entry, files: ReadonlySet<string>): string {
  const candidates = ['.jpg', '.jpeg', '.png', '.JPG', '.JPEG', '.PNG'].map(extension => stem + extension);
  if (fileName !== undefined) candidates.push(fileName);
  return candidates.find(candidate => files.has(candidate)) ?? `${stem}.jpg`;
}

/** The recorded size, or the image's own, upright, where none is recorded. */
async function sizeOf(
  root: string,
  entry: Entry,
  files: ReadonlySet<string>,
  notices: Notices,
): Promise<Size> {
  if (entry.annotation.size !== undefined) return entry.annotation.size;
  notices.add('size not recorded: taken from the image', entry.file);
  const path = join(root, 'JPEGImages', imageName(entry, files));
  try {
    const {autoOrient} = await sharp(path).metadata();
    return autoOrient;
  } catch {
    throw new RunError(`${entry.file} records no size, and image ${path} is missing or cannot be read`);
  }
}

/** Numbers that the names are, if they are and differ; else positions from 1. */
function imageIds(stems: readonly string[]): readonly number[] {
  const numbers = stems.map(stem => (/^\d{1,15}$/.test(stem) ? Number(stem) : Number.NaN));
  const usable = !numbers.some(Number.isNaN) && new Set(numbers).size === stems.length;
  return usable ? numbers : stems.map((_, i) => i + 1);
}

/** Objects with boxes. Corners inside the box could mean one pixel by xmin = xmax, but what does so is a slip. */
function keepBoxes({file, annotation: {objects}}: Entry, notices: Notices): readonly VocObject[] {
  return objects.filter(({box: [x1, y1, x2, y2], name}, i) => {
    const [xmin, ymin] = [x1 + 1, y1 + 1];
    const example = `${file}: object ${i + 1} (${name}): ${[xmin, ymin, x2, y2].join(', ')}`;
    if (x2 <= xmin || y2 <= ymin) {
      notices.add(EMPTY_BOX, example);
      return false;
    }
    if (xmin < 1 || ymin < 1) notices.add('box that begins before pixel 1, the first of VOC', example);
    return true;
  });
}

function checkBoxes(root: string, kept: number, notices: Notices): void {
  const empty = notices.count(EMPTY_BOX);
  if (empty > 1 && empty > MAX_EMPTY_BOXES * (kept + empty))
    throw new RunError(
      `${root}: ${empty} of ${kept + empty} boxes have no area, such as ${notices.example(EMPTY_BOX)}; ` +
        'bndbox holds corners: did you pass width and height as xmax and ymax?',
    );
}

function groundTruthOf(
  objects: readonly VocObject[],
  file: string,
  classOf: ReadonlyMap<string, number>,
  firstId: number,
): GroundTruth {
  const boxes = objects.flatMap(({box}) => box);
  return {
    boxes: Float64Array.from(boxes),
    classes: Int32Array.from(objects, ({name}) => {
      const classNumber = classOf.get(name);
      if (classNumber === undefined)
        throw new RunError(
          `${file}: unknown class ${JSON.stringify(name)}; the classes are ${[...classOf.keys()].join(', ')}`,
        );
      return classNumber;
    }),
    ignore: Uint8Array.from(objects, ({difficult}) => (difficult ? 1 : 0)),
    crowd: new Uint8Array(objects.length),
    areas: Float64Array.from(objects, ({box: [x1, y1, x2, y2]}) => (x2 - x1) * (y2 - y1)),
    ids: Float64Array.from(objects, (_, i) => firstId + i),
  };
}
