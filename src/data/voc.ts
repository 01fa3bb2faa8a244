/** Data sets in the layout of PASCAL VOC: Annotations/*.xml, JPEGImages/, ImageSets/Main/<split>.txt. */
import {join} from 'node:path';
import sharp from 'sharp';
import {RunError} from '../errors.js';
import {concurrently} from './concurrently.js';
import type {Dataset, GroundTruth, ImageRecord} from './dataset.js';
import {EMPTY_BOX, MAX_EMPTY_BOXES, Notices} from './notices.js';
import type {Size} from './resize.js';
import type {VocObject} from './voc-annotation.js';
import {listFolder, readVocSplit, VOC_CONCURRENCY, type VocEntry, type VocSplitOptions} from './voc-split.js';

export type VocOptions = VocSplitOptions & {
  /** Whether difficult objects are trained on. Evaluation ignores them in either case. */
  readonly difficult: 'train' | 'drop';
  readonly name: string;
};

/**
 * Reads one split. Image ids are the names' numbers where all are numbers and differ (VOC 2007), else 1, 2, ... in the
 * order of the list; object ids count from 1. Boxes [xmin - 1, ymin - 1, xmax, ymax]; one without area is left out
 * and counted in `notices`. Difficult objects have `ignore` set.
 * @throws UsageError when the folder or the split does not exist; RunError when an annotation is missing or broken, or
 * names a class that is not among `classes`.
 */
export async function loadVoc({difficult, name, ...options}: VocOptions): Promise<Dataset> {
  const {root} = options;
  const notices = new Notices();
  const {entries, classNames, imageIds} = await readVocSplit(options, notices);
  const classOf = new Map(classNames.map((className, i) => [className, i + 1]));
  const files = new Set(await listFolder(join(root, 'JPEGImages')));
  const sizes = await concurrently(entries, VOC_CONCURRENCY, entry => sizeOf(root, entry, files, notices));
  let objects = 0;
  const images = entries.map((entry, i): ImageRecord => {
    const kept = keepBoxes(entry, notices);
    const fileName = imageName(entry, files);
    const record = {
      id: imageIds[i] as number,
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

/** The image of an annotation: by its own name as in VOC, else as the annotation says. */
function imageName({stem, annotation: {fileName}}: VocEntry, files: ReadonlySet<string>): string {
  const candidates = ['.jpg', '.jpeg', '.png', '.JPG', '.JPEG', '.PNG'].map(extension => stem + extension);
  if (fileName !== undefined) candidates.push(fileName);
  return candidates.find(candidate => files.has(candidate)) ?? `${stem}.jpg`;
}

/** The recorded size, or the image's own, upright, where none is recorded. */
async function sizeOf(
  root: string,
  entry: VocEntry,
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

/** Objects with boxes. Corners inside the box could mean one pixel by xmin = xmax, but what does so is a slip. */
function keepBoxes({file, annotation: {objects}}: VocEntry, notices: Notices): readonly VocObject[] {
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
