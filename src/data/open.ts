/** Opens data sets: what `--data` means, and what a data-set config names. */
import {existsSync, readFileSync, statSync} from 'node:fs';
import {basename, dirname, resolve} from 'node:path';
import {z} from 'zod';
import {explain} from '../config/explain.js';
import {type DataSetConfig, dataSetSchema} from '../config/run.js';
import {suggestion} from '../config/suggest.js';
import {plain} from '../config/tree.js';
import {parseYaml} from '../config/yaml.js';
import {UsageError} from '../errors.js';
import {loadCoco} from './coco.js';
import type {Dataset} from './dataset.js';
import {cocoLayout, type DataConfig, vocLayout} from './layout.js';
import {openShapes} from './shapes/open.js';
import {loadVoc} from './voc.js';

export type DatasetContext = {
  /** Generated data sets are kept here. */
  readonly cacheDir: string;
  /** Relative paths of a config start here; default: the working folder. */
  readonly dataRoot?: string;
  /** Images made, where they are generated. */
  readonly onProgress?: (done: number, total: number) => void;
};

const KINDS = ['coco', 'voc', 'shapes'] as const;
const FORMS = 'coco:DIR, voc:DIR, shapes, or a YAML file with train and val';

/** The generated data set at the size of the mini preset. */
const SHAPES: DataConfig = {
  train: {kind: 'shapes', split: 'train', images: 2000, size: 160, classes: 8, seed: 1},
  val: {kind: 'shapes', split: 'val', images: 200, size: 160, classes: 8, seed: 1},
};

const dataFileSchema = z.strictObject({train: dataSetSchema, val: dataSetSchema});

/**
 * The data sets that the text of `--data` names: `coco:DIR`, `voc:DIR`, `shapes`, or the path of a YAML file with a
 * `train` and a `val` data-set config, whose relative paths start at its own folder. Paths come out absolute.
 * @throws UsageError with what was looked for when it names nothing.
 */
export function parseDataFlag(text: string): DataConfig {
  const [, kind = '', path = ''] = /^([A-Za-z]+)(?::(.*))?$/s.exec(text) ?? [];
  if (kind === 'shapes' && path === '') return SHAPES;
  if (kind === 'coco' && path !== '') return cocoLayout(existingFolder(text, path));
  if (kind === 'voc' && path !== '') return vocLayout(existingFolder(text, path));
  if (isFile(text)) return readDataFile(text);
  if (text.includes(':') && KINDS.every(known => known !== kind)) {
    const given = text.slice(0, text.indexOf(':'));
    throw new UsageError(`--data ${text}: there is no kind ${given}${suggestion(given, KINDS)}`);
  }
  const reason = existsSync(text) ? 'that is a folder, of which kind?' : 'there is no such file';
  throw new UsageError(`--data ${text}: ${reason}; expected ${FORMS}`);
}

function isFile(path: string): boolean {
  return statSync(path, {throwIfNoEntry: false})?.isFile() === true;
}

function existingFolder(flag: string, path: string): string {
  const folder = resolve(path);
  if (statSync(folder, {throwIfNoEntry: false})?.isDirectory() !== true)
    throw new UsageError(`--data ${flag}: there is no folder ${folder}`);
  return folder;
}

function readDataFile(path: string): DataConfig {
  const tree = parseYaml(readFileSync(path, 'utf8'), path, true);
  const value = plain(tree);
  const parsed = dataFileSchema.safeParse(value);
  if (!parsed.success) throw explain(parsed.error.issues, dataFileSchema, value, tree);
  const folder = resolve(dirname(path));
  return {train: withRoot(parsed.data.train, folder), val: withRoot(parsed.data.val, folder)};
}

/** The config with its relative paths starting at `root`. */
function withRoot(config: DataSetConfig, root: string): DataSetConfig {
  switch (config.kind) {
    case 'coco':
      return {
        ...config,
        annotations: resolve(root, config.annotations),
        images: resolve(root, config.images),
      };
    case 'voc':
      return {...config, root: resolve(root, config.root)};
    case 'shapes':
      return config;
  }
}

/**
 * Reads the data set that `config` names, or makes it where it is generated.
 * @throws UsageError when a file or folder does not exist, RunError when one is broken: one line for the user.
 */
export async function openDataset(config: DataSetConfig, context: DatasetContext): Promise<Dataset> {
  const placed = withRoot(config, context.dataRoot ?? '.');
  switch (placed.kind) {
    case 'coco': {
      const {annotations, images} = placed;
      requireFolder(images, 'images');
      return loadCoco({annotations, images, name: cocoName(annotations)});
    }
    case 'voc': {
      const {root, split, classes, difficult} = placed;
      requireFolder(root, 'the PASCAL VOC data set');
      const name = `voc:${basename(root)}/${split}`;
      return loadVoc({root, split, difficult, name, ...(classes === undefined ? {} : {classes})});
    }
    case 'shapes':
      return openShapes(placed, context);
  }
}

function requireFolder(path: string, holding: string): void {
  if (statSync(path, {throwIfNoEntry: false})?.isDirectory() !== true)
    throw new UsageError(
      `there is no folder ${path}, which should hold ${holding}; check data in the config`,
    );
}

/** `coco:val2017` for instances_val2017.json; the folder's name where the file's says nothing. */
function cocoName(annotations: string): string {
  const stem = basename(annotations)
    .replace(/\.json$/, '')
    .replace(/^instances_?/, '');
  if (stem !== '' && !stem.startsWith('_annotations')) return `coco:${stem}`;
  const folder = dirname(annotations);
  return `coco:${basename(basename(folder) === 'annotations' ? dirname(folder) : folder)}`;
}
