/** Looks at every image and every object of a data set before a run does. Only reads; never changes a user's file. */
import {stat} from 'node:fs/promises';
import {availableParallelism} from 'node:os';
import sharp from 'sharp';
import {RunError} from '../errors.js';
import {concurrently} from './concurrently.js';
import type {Dataset, ImageRecord} from './dataset.js';
import {decodeFile} from './image.js';

/** Errors stop a run or spoil its numbers; warnings are for a person to judge. */
export type Severity = 'error' | 'warning';

export type Finding = {
  readonly severity: Severity;
  readonly kind: string;
  readonly count: number;
  /** The first ones, at most EXAMPLES. */
  readonly examples: readonly string[];
};

export type DataReport = {
  readonly name: string;
  readonly images: number;
  readonly objects: number;
  /** Errors first, then by falling count. */
  readonly findings: readonly Finding[];
  /** Sums of the findings' counts. */
  readonly errors: number;
  readonly warnings: number;
};

export type CheckOptions = {
  /** Called after every image. */
  readonly onProgress?: (done: number, total: number) => void;
};

const EXAMPLES = 20;

/** Annotation tools round outwards: a box may leave its image by this many pixels. */
const BORDER_TOLERANCE = 1;

class Findings {
  private readonly byKind = new Map<string, {severity: Severity; count: number; examples: string[]}>();

  add(severity: Severity, kind: string, example: string, count = 1): void {
    const finding = this.byKind.get(kind) ?? {severity, count: 0, examples: []};
    this.byKind.set(kind, finding);
    finding.count += count;
    if (finding.examples.length < EXAMPLES) finding.examples.push(example);
  }

  get sorted(): readonly Finding[] {
    return [...this.byKind]
      .map(([kind, finding]) => ({kind, ...finding}))
      .sort(
        (a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning') || b.count - a.count,
      );
  }
}

/**
 * Decodes every image in full (on all cores) and checks every object: files that are missing, broken or of another size
 * than recorded, boxes outside their image or without area, classes that do not exist or have no objects, ids and
 * file names that occur twice. What loading left out is a warning each.
 */
export async function checkDataset(dataset: Dataset, options: CheckOptions = {}): Promise<DataReport> {
  const findings = new Findings();
  for (const notice of dataset.notices) findings.add('warning', notice.kind, notice.example, notice.count);
  checkNames(dataset, findings);
  checkObjects(dataset, findings);
  await checkImages(dataset, findings, options);
  const {sorted} = findings;
  const total = (severity: Severity) =>
    sorted.reduce((sum, finding) => sum + (finding.severity === severity ? finding.count : 0), 0);
  return {
    name: dataset.name,
    images: dataset.images.length,
    objects: dataset.images.reduce((sum, image) => sum + image.groundTruth.classes.length, 0),
    findings: sorted,
    errors: total('error'),
    warnings: total('warning'),
  };
}

/** What has to differ: image ids, object ids, paths, class names. */
function checkNames(dataset: Dataset, findings: Findings): void {
  const imageIds = new Set<number>();
  const objectIds = new Set<number>();
  const paths = new Map<string, number>();
  for (const image of dataset.images) {
    if (imageIds.has(image.id)) findings.add('error', 'image id used twice', `image ${image.id}`);
    imageIds.add(image.id);
    const other = paths.get(image.path);
    if (other !== undefined)
      findings.add(
        'warning',
        'file of more than one image',
        `images ${other} and ${image.id}: ${image.fileName}`,
      );
    else paths.set(image.path, image.id);
    for (const id of image.groundTruth.ids) {
      if (objectIds.has(id))
        findings.add('error', 'object id used twice', `object ${id} of image ${image.id}`);
      objectIds.add(id);
    }
  }
  const names = new Set<string>();
  for (const className of dataset.classNames) {
    if (names.has(className)) findings.add('warning', 'two classes of one name', className);
    names.add(className);
  }
}

function checkObjects(dataset: Dataset, findings: Findings): void {
  const objects = new Int32Array(dataset.classNames.length + 1);
  for (const image of dataset.images) {
    const {classes, ignore} = image.groundTruth;
    const seen = new Set<string>();
    for (let i = 0; i < classes.length; i++) {
      const classNumber = classes[i]!;
      const known = classNumber >= 1 && classNumber <= dataset.classNames.length;
      if (!known) findings.add('error', 'unknown class', `${objectText(image, i)}: class ${classNumber}`);
      else if (ignore[i] === 0) objects[classNumber]!++;
      checkBox(image, i, findings);
      const key = `${classNumber} ${boxOf(image, i).join(' ')}`;
      if (seen.has(key))
        findings.add('warning', 'object annotated twice: same class and box', objectText(image, i));
      seen.add(key);
    }
  }
  dataset.classNames.forEach((className, i) => {
    if (objects[i + 1] === 0) findings.add('warning', 'class without objects', className);
  });
}

function checkBox(image: ImageRecord, i: number, findings: Findings): void {
  const [x1, y1, x2, y2] = boxOf(image, i);
  const example = () =>
    `${objectText(image, i)}: [${[x1, y1, x2, y2].join(', ')}] in ${image.width}x${image.height}`;
  // Written so that NaN is found too.
  if (!(x2 > x1 && y2 > y1)) findings.add('error', 'box without area', example());
  else if (x2 <= 0 || y2 <= 0 || x1 >= image.width || y1 >= image.height)
    findings.add('error', 'box entirely outside its image', example());
  else if (
    Math.min(x1, y1) < -BORDER_TOLERANCE ||
    x2 > image.width + BORDER_TOLERANCE ||
    y2 > image.height + BORDER_TOLERANCE
  )
    findings.add(
      'warning',
      `box more than ${BORDER_TOLERANCE} pixel over the border of its image`,
      example(),
    );
}

function boxOf({groundTruth: {boxes}}: ImageRecord, i: number): readonly [number, number, number, number] {
  return [boxes[i * 4]!, boxes[i * 4 + 1]!, boxes[i * 4 + 2]!, boxes[i * 4 + 3]!];
}

function objectText(image: ImageRecord, i: number): string {
  return `object ${image.groundTruth.ids[i]} of ${image.fileName}`;
}

async function checkImages(dataset: Dataset, findings: Findings, {onProgress}: CheckOptions): Promise<void> {
  const {images} = dataset;
  let done = 0;
  // Found in any order, reported in the order of the data set.
  const found = await concurrently(images, availableParallelism(), async image => {
    const finding = await checkImage(image);
    onProgress?.(++done, images.length);
    return finding;
  });
  for (const finding of found)
    if (finding !== undefined) findings.add('error', finding.kind, finding.example);
}

async function checkImage(
  image: ImageRecord,
): Promise<{readonly kind: string; readonly example: string} | undefined> {
  const file = await stat(image.path).catch(() => undefined);
  if (file?.isFile() !== true) return {kind: 'image file missing', example: image.path};
  try {
    const {width, height} = await decodeFile(image.path);
    if (width === image.width && height === image.height) return undefined;
    return {
      kind: 'image of another size than recorded',
      example: `${image.path}: ${width}x${height}${await orientationText(image)}, recorded ${image.width}x${image.height}`,
    };
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    return {kind: 'image that cannot be decoded', example: error.message};
  }
}

/** Says so where the recorded size is that of the stored pixels, before EXIF orientation turns them. */
async function orientationText(image: ImageRecord): Promise<string> {
  const {width, height, orientation = 1} = await sharp(image.path).metadata();
  if (orientation === 1) return '';
  const stored = width === image.width && height === image.height;
  return ` upright (EXIF orientation ${orientation}${stored ? '; the annotations were made without it' : ''})`;
}
