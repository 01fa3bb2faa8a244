/** Generated scenes as a data set: written as COCO files at the first use, read from them at every use. */
import {createHash, randomBytes} from 'node:crypto';
import {open, readdir, rename, rm, stat} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';
import sharp from 'sharp';
import type {DataSetConfig} from '../../config/run.js';
import {RunError} from '../../errors.js';
import {errorCode, makeFolder, writeError, writeFileAtomic} from '../../files/write-atomic.js';
import {loadCoco} from '../coco.js';
import {concurrently} from '../concurrently.js';
import type {Dataset} from '../dataset.js';
import {SHAPE_NAMES} from './outlines.js';
import {polygonBox} from './raster.js';
import {GENERATOR_VERSION, renderScene, type Scene} from './scene.js';

export type ShapesConfig = Extract<DataSetConfig, {kind: 'shapes'}>;

export type ShapesContext = {
  /** Holds one folder a configuration. */
  readonly cacheDir: string;
  readonly onProgress?: (done: number, total: number) => void;
};

/** Images that are encoded and written while the next ones are rendered. */
const UNDER_WAY = 8;
const ANNOTATIONS = 'instances.json';
const IMAGES = 'images';
/** A temporary folder that nothing was written to for this long was left by a process that died. */
const ABANDONED_AFTER_MS = 24 * 3600 * 1000;

/**
 * The generated data set of a configuration, as COCO files in `<cacheDir>/shapes-<hash>`. Pixels and objects depend on
 * the seed, the split and the image's number alone. Several processes may ask at once: the folder appears complete or
 * not at all, and whoever comes second takes the first one's.
 * @throws RunError when the disk is full or the folder is not writable.
 */
export async function openShapes(config: ShapesConfig, context: ShapesContext): Promise<Dataset> {
  const folder = join(context.cacheDir, `shapes-${configHash(config)}`);
  if (!(await exists(join(folder, ANNOTATIONS)))) await generate(config, folder, context);
  return loadCoco({
    annotations: join(folder, ANNOTATIONS),
    images: join(folder, IMAGES),
    name: `shapes:${config.split}`,
  });
}

function configHash({seed, split, images, size, classes}: ShapesConfig): string {
  const key = JSON.stringify([GENERATOR_VERSION, seed, split, images, size, classes]);
  return createHash('sha256').update(key).digest('hex').slice(0, 12);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function generate(config: ShapesConfig, folder: string, {onProgress}: ShapesContext): Promise<void> {
  const temporary = `${folder}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await makeFolder(join(temporary, IMAGES));
    await removeAbandoned(folder);
    const scenes = await writeImages(config, join(temporary, IMAGES), onProgress);
    await writeFileAtomic(join(temporary, ANNOTATIONS), JSON.stringify(cocoInstances(config, scenes)));
    await rename(temporary, folder);
  } catch (error) {
    // What went wrong first is what counts; leftovers go a day later at the latest.
    await rm(temporary, {recursive: true, force: true}).catch(() => undefined);
    if (!['EEXIST', 'ENOTEMPTY', 'EPERM'].includes(errorCode(error) ?? '')) throw writeError(folder, error);
    // Another process may have put the same folder there first. One that is not complete was damaged later.
    if (await exists(join(folder, ANNOTATIONS))) return;
    if (await exists(folder))
      throw new RunError(`${folder} lacks its ${ANNOTATIONS}; delete the folder to have it made anew`);
    throw writeError(folder, error);
  }
}

/** Deletes what processes that were killed left of this data set. */
async function removeAbandoned(folder: string): Promise<void> {
  const parent = dirname(folder);
  for (const name of await readdir(parent)) {
    if (!name.startsWith(`${basename(folder)}.`) || !name.endsWith('.tmp')) continue;
    const path = join(parent, name);
    const written = await stat(join(path, IMAGES)).catch(() => stat(path).catch(() => undefined));
    if (written && Date.now() - written.mtimeMs > ABANDONED_AFTER_MS)
      await rm(path, {recursive: true, force: true});
  }
}

type SceneObjects = Scene['objects'];

/** Renders on this thread while libvips' threads encode; the objects of every scene, in order. */
async function writeImages(
  config: ShapesConfig,
  folder: string,
  onProgress: ShapesContext['onProgress'],
): Promise<readonly SceneObjects[]> {
  const indices = Array.from({length: config.images}, (_, index) => index);
  let done = 0;
  return concurrently(indices, UNDER_WAY, async index => {
    const {pixels, objects} = renderScene(config, index);
    await writePng(join(folder, fileName(index)), pixels);
    onProgress?.(++done, config.images);
    return objects;
  });
}

async function writePng(path: string, {data, width, height}: Scene['pixels']): Promise<void> {
  const png = await sharp(data, {raw: {width, height, channels: 3}})
    .png({compressionLevel: 3, adaptiveFiltering: true})
    .toBuffer();
  const file = await open(path, 'wx');
  try {
    await file.writeFile(png);
    await file.sync();
  } finally {
    await file.close();
  }
}

function fileName(index: number): string {
  return `${String(index + 1).padStart(6, '0')}.png`;
}

/** The COCO instances file of the scenes: image and annotation ids count from 1, category ids are the classes. */
function cocoInstances({seed, split, size, classes}: ShapesConfig, scenes: readonly SceneObjects[]) {
  return {
    info: {
      description: `Generated shapes, ${split} split, seed ${seed}, generator version ${GENERATOR_VERSION}`,
      version: String(GENERATOR_VERSION),
    },
    licenses: [],
    images: scenes.map((_, index) => ({
      id: index + 1,
      file_name: fileName(index),
      width: size,
      height: size,
    })),
    annotations: scenes
      .flatMap((objects, index) => objects.map(object => ({object, image: index + 1})))
      .map(({object, image}, index) => {
        const [left, top, right, bottom] = polygonBox(object.polygon);
        return {
          id: index + 1,
          image_id: image,
          category_id: object.class,
          bbox: [left, top, right - left, bottom - top].map(hundredths),
          area: hundredths(object.area),
          segmentation: [object.polygon],
          iscrowd: 0,
        };
      }),
    categories: SHAPE_NAMES.slice(0, classes).map((name, index) => ({
      id: index + 1,
      name,
      supercategory: 'shape',
    })),
  };
}

/** Coordinates are whole hundredths; this removes what subtracting them added. */
function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
