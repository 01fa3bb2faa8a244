/**
 * What one list of a PASCAL VOC folder names: its annotation files, the classes and the images' numbers. Nothing is
 * judged here: training leaves out boxes that evaluation counts.
 */
import {readdir, readFile, stat} from 'node:fs/promises';
import {join} from 'node:path';
import {RunError, UsageError} from '../errors.js';
import {errorCode} from '../files/write-atomic.js';
import {concurrently} from './concurrently.js';
import {describe} from './json-record.js';
import type {Notices} from './notices.js';
import {MAX_XML_BYTES, parseVocAnnotation, type VocAnnotation} from './voc-annotation.js';

export type VocSplitOptions = {
  /** The folder that holds Annotations, JPEGImages and ImageSets. */
  readonly root: string;
  /** A list in ImageSets/Main. */
  readonly split: string;
  /** Names by class; default: PASCAL VOC's 20 if all names of Annotations fit, else those names, sorted. */
  readonly classes?: readonly string[];
};

export type VocEntry = {
  /** The image's name in the list: its files' names without their endings. */
  readonly stem: string;
  /** The annotation file. */
  readonly file: string;
  readonly annotation: VocAnnotation;
};

/** I images in the order of the list, C classes. */
export type VocSplit = {
  readonly entries: readonly VocEntry[]; // [I]
  /** Numbers that the names are, if all are numbers and differ (VOC 2007); else 1, 2, ... in the order of the list. */
  readonly imageIds: readonly number[]; // [I]
  readonly classNames: readonly string[]; // [C]
};

export const VOC_CLASSES: readonly string[] = [
  ...['aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow', 'diningtable'],
  ...['dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor'],
];

/** Files open at the same time. */
export const VOC_CONCURRENCY = 16;

/**
 * @throws UsageError when the folder or the list does not exist; RunError when an annotation is missing or broken.
 */
export async function readVocSplit(
  {root, split, classes}: VocSplitOptions,
  notices: Notices,
): Promise<VocSplit> {
  const stems = await readList(root, split);
  const entries = await concurrently(stems, VOC_CONCURRENCY, stem => readEntry(root, stem));
  const classNames = classes ?? (await findClasses(root, entries, notices));
  return {entries, imageIds: imageIds(stems), classNames};
}

/** Names of ImageSets/Main/<split>.txt; the lists of a class have a second column, -1, 0 or 1, which says nothing here. */
async function readList(root: string, split: string): Promise<readonly string[]> {
  const folder = join(root, 'ImageSets', 'Main');
  const file = join(folder, `${split}.txt`);
  const text = await readFile(file, 'utf8').catch(async error => {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') throw error;
    if ((await stat(root).catch(() => undefined))?.isFile())
      throw new UsageError(`${root} is a file; expected a folder of PASCAL VOC, such as VOCdevkit/VOC2007`);
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
    if (stem.length > 250 || /\p{Cc}/u.test(stem))
      throw new RunError(`${file} lists ${describe(stem)}, which is no name of a file`);
    if (seen.has(stem)) throw new RunError(`${file} lists ${describe(stem)} twice`);
    seen.add(stem);
  }
  return stems;
}

async function readEntry(root: string, stem: string): Promise<VocEntry> {
  const file = join(root, 'Annotations', `${stem}.xml`);
  try {
    // Before it is read: what is no annotation file may be larger than memory.
    if ((await stat(file)).size > MAX_XML_BYTES)
      throw new RunError(`${file}: larger than ${MAX_XML_BYTES >> 20} MiB, which no annotation file is`);
    return {stem, file, annotation: parseVocAnnotation(await readFile(file, 'utf8'), file)};
  } catch (error) {
    switch (errorCode(error)) {
      case 'ENOENT':
      case 'ENOTDIR':
      case 'ENAMETOOLONG':
        throw new RunError(`there is no annotation file ${file} for ${describe(stem)} of the list`);
      case 'EISDIR':
        throw new RunError(`${file} is a folder, not an annotation file`);
      case 'EACCES':
        throw new RunError(`${file} cannot be read: no permission`);
      default:
        throw error;
    }
  }
}

/**
 * Classes by the names in all annotation files, not only those of the split: lists for training and evaluation then
 * agree on them.
 */
async function findClasses(
  root: string,
  entries: readonly VocEntry[],
  notices: Notices,
): Promise<readonly string[]> {
  const names = new Set(entries.flatMap(({annotation}) => annotation.objects.map(object => object.name)));
  const read = new Set(entries.map(({stem}) => stem));
  const others = (await listFolder(join(root, 'Annotations'))).filter(
    file => file.endsWith('.xml') && !read.has(file.slice(0, -4)),
  );
  await concurrently(others, VOC_CONCURRENCY, async file => {
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

/** Names in a folder; none where there is no such folder. */
export async function listFolder(path: string): Promise<readonly string[]> {
  return readdir(path).catch(() => []);
}

/** Numbers that the names are, if they are and differ; else positions from 1. */
function imageIds(stems: readonly string[]): readonly number[] {
  const numbers = stems.map(stem => (/^\d{1,15}$/.test(stem) ? Number(stem) : Number.NaN));
  const usable = !numbers.some(Number.isNaN) && new Set(numbers).size === stems.length;
  return usable ? numbers : stems.map((_, i) => i + 1);
}
