/** The generated data set as a COCO folder of its own: annotations/instances_{train,val}.json, train/ and val/. */
import {rename, rm, stat} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {dataSetSchema} from '../config/run.js';
import {RunError, UsageError} from '../errors.js';
import {makeFolder, writeError} from '../files/write-atomic.js';
import {openShapes} from './shapes/open.js';

export type ShapesFolderOptions = {
  readonly images: number;
  readonly valImages: number;
  /** Side of an image in pixels. */
  readonly size: number;
  readonly classes: number;
  readonly seed: number;
};

/**
 * Writes both splits to the new folder `out`, which appears complete or not at all.
 * @param onProgress called after every image with the number of images of both splits done
 * @throws UsageError when `out` exists or an option is out of range, RunError when it cannot be written.
 */
export async function exportShapes(
  out: string,
  options: ShapesFolderOptions,
  onProgress?: (done: number) => void,
): Promise<void> {
  if ((await stat(out).catch(() => undefined)) !== undefined)
    throw new UsageError(`${out} exists already; choose a folder that does not`);
  const {images, valImages, size, classes, seed} = options;
  const temporary = `${out}.${process.pid}.tmp`;
  try {
    await makeFolder(join(temporary, 'annotations'));
    let before = 0;
    for (const [split, count] of [['train', images] as const, ['val', valImages] as const]) {
      const parsed = dataSetSchema.safeParse({kind: 'shapes', split, images: count, size, classes, seed});
      if (!parsed.success || parsed.data.kind !== 'shapes')
        throw new UsageError('shapes have 1 to 8 classes, and a size and images of at least 1');
      const dataset = await openShapes(parsed.data, {
        cacheDir: temporary,
        onProgress: done => onProgress?.(before + done),
      });
      before += count;
      const folder = imagesFolder(dataset.images[0]?.path);
      await rename(
        join(dirname(folder), 'instances.json'),
        join(temporary, 'annotations', `instances_${split}.json`),
      );
      await rename(folder, join(temporary, split));
      await rm(dirname(folder), {recursive: true});
    }
    await rename(temporary, out);
  } catch (error) {
    await rm(temporary, {recursive: true, force: true});
    throw error instanceof UsageError || error instanceof RunError ? error : writeError(out, error);
  }
}

function imagesFolder(path: string | undefined): string {
  if (path === undefined) throw new Error('a generated data set has no images');
  return dirname(path);
}
