/** Which files of a folder are a data set's: the layouts in which COCO and PASCAL VOC data usually lie on disk. */
import {existsSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import type {DataSetConfig} from '../config/run.js';
import {UsageError} from '../errors.js';

export type DataConfig = {readonly train: DataSetConfig; readonly val: DataSetConfig};
type Role = keyof DataConfig;

/** Names that either split goes by, the usual one first. */
const COCO_SPLITS: Readonly<Record<Role, readonly string[]>> = {
  train: ['train2017', 'train2014', 'train'],
  val: ['val2017', 'val2014', 'val', 'valid'],
};

type CocoFiles = {readonly annotations: string; readonly images: readonly string[]};

/** Where the files of a split may be, relative to the folder. */
function cocoCandidates(split: string): readonly CocoFiles[] {
  return [
    {
      annotations: join('annotations', `instances_${split}.json`),
      images: [split, join('images', split), 'images'],
    },
    // As annotation services export it: images and annotations of a split in one folder.
    {annotations: join(split, '_annotations.coco.json'), images: [split]},
  ];
}

/** A data set that is not split: training and evaluation then see the same images. */
const COCO_UNSPLIT: CocoFiles = {annotations: join('annotations', 'instances.json'), images: ['images']};

/**
 * The two splits of a COCO folder. Where one is missing, the config names the file that would be next to the other,
 * so that a command that needs both says what is missing and one that needs the other works.
 * @throws UsageError with what was looked for when there is neither.
 */
export function cocoLayout(folder: string): DataConfig {
  const [trainSplits, valSplits] = [COCO_SPLITS.train, COCO_SPLITS.val];
  const train = findCoco(folder, trainSplits.flatMap(cocoCandidates));
  const val = findCoco(folder, valSplits.flatMap(cocoCandidates));
  if (train !== undefined && val !== undefined) return {train, val};
  if (train !== undefined) return {train, val: sibling(folder, train, trainSplits, valSplits)};
  if (val !== undefined) return {train: sibling(folder, val, valSplits, trainSplits), val};
  const whole = findCoco(folder, [COCO_UNSPLIT]);
  if (whole !== undefined) return {train: whole, val: whole};
  const names = [...trainSplits, ...valSplits].join(',');
  throw new UsageError(
    `${folder} holds no COCO data set: looked for annotations/instances_{${names}}.json, annotations/instances.json and ` +
      '{train,valid}/_annotations.coco.json; name other files in a data-set YAML',
  );
}

function findCoco(folder: string, candidates: readonly CocoFiles[]): DataSetConfig | undefined {
  const found = candidates.find(({annotations}) => existsSync(join(folder, annotations)));
  return found === undefined ? undefined : cocoConfig(folder, found);
}

function cocoConfig(folder: string, {annotations, images}: CocoFiles): DataSetConfig {
  const existing = images.find(name => existsSync(join(folder, name))) ?? (images[0] as string);
  return {kind: 'coco', annotations: join(folder, annotations), images: join(folder, existing)};
}

/** The other split's config, by the place in the lists of names that `found` is at. */
function sibling(
  folder: string,
  found: DataSetConfig,
  splits: readonly string[],
  others: readonly string[],
): DataSetConfig {
  const at = splits.findIndex(split =>
    cocoCandidates(split).some(
      ({annotations}) => found.kind === 'coco' && found.annotations === join(folder, annotations),
    ),
  );
  return cocoConfig(folder, cocoCandidates(others[at] as string)[0] as CocoFiles);
}

/** Pairs of lists in the order of preference: VOC 2007 has labels for its test images, 2012 has not. */
const VOC_SPLITS: readonly (readonly [train: string, val: string])[] = [
  ['trainval', 'test'],
  ['train', 'val'],
  ['train', 'test'],
];

/**
 * The two splits of a VOC folder; difficult objects are not trained on, as in the authors' release.
 * @throws UsageError with what was looked for when there is no list of images.
 */
export function vocLayout(folder: string): DataConfig {
  const lists = new Set(listNames(join(folder, 'ImageSets', 'Main')));
  const [train, val] =
    VOC_SPLITS.find(pair => pair.every(split => lists.has(split))) ??
    VOC_SPLITS.slice(1).find(pair => pair.some(split => lists.has(split))) ??
    [];
  if (train === undefined || val === undefined)
    throw new UsageError(
      `${folder} holds no PASCAL VOC data set: looked for ImageSets/Main/{trainval,train,val,test}.txt beside Annotations and ` +
        'JPEGImages; name another list in a data-set YAML',
    );
  const config = (split: string): DataSetConfig => ({kind: 'voc', root: folder, split, difficult: 'drop'});
  return {train: config(train), val: config(val)};
}

function listNames(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap(file => (file.endsWith('.txt') ? [file.slice(0, -4)] : []));
}
