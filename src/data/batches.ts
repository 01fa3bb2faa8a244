/** Batches of a data set for training, evaluation and prediction, decoded ahead of the step that uses them. */
import type {InputConfig} from '../config/run.js';
import {RunError, UsageError} from '../errors.js';
import type {Batch, ImageBatch, ImageInfo} from './batch.js';
import {batchOrder, sizeOrder, type Turn} from './batch-order.js';
import type {Dataset, ImageRecord} from './dataset.js';
import {decodeFile, decodeImage, resizePixels} from './image.js';
import {imagesToTensor} from './image-tensor.js';
import {sideOfBatch} from './letterbox.js';
import {PixelCache} from './pixel-cache.js';
import {prefetched} from './prefetch.js';
import type {Size} from './resize.js';
import {imageTargets, type TargetOptions, trainableImages} from './targets.js';
import {canvasOf, evaluationView, plainViews, trainingView, type View} from './view.js';

/** How far decoding runs ahead of the step: an image takes two turns, one to decode and one to resize. */
const PREFETCH = 2;
const CACHE_BYTES = 512 * 2 ** 20;

export type EvaluationConfig = {
  readonly input: InputConfig;
  readonly imagesPerBatch: number;
  /** Batches decoded ahead; default 2. */
  readonly prefetch?: number;
};

/** `trainIgnored` is the data set's own where it is not given. */
export type TrainingConfig = EvaluationConfig &
  TargetOptions & {
    readonly seed: number;
    /** Number of the first batch, counted from 0: the iterations that a resumed run has behind it. */
    readonly startIteration?: number;
    /** Parts that a batch comes in, of the same size, a divisor of `imagesPerBatch`; default: 1. */
    readonly subBatches?: number;
    /** Batches of the whole training: letterboxes are the largest towards its end. Default: it does not end. */
    readonly iterations?: number;
    /** Bytes of resized images kept in memory, so that a small data set is decoded once; default 512 MiB. */
    readonly cacheBytes?: number;
  };

export type TrainingBatch = Batch & {
  /** Number of this batch, from 0; its sub-batches all have it. */
  readonly iteration: number;
  readonly firstImage: number;
  /** Complete passes over the data set before the last image of this batch. */
  readonly epoch: number;
};

/**
 * Endless batches for training, each in its sub-batches, which are as large as their own images. Batch i depends on the
 * data set, the configuration and i alone; which images, views and draws it has, not on its sub-batches. Images without
 * anything to train on are left out (`trainableImages` counts them). The caller owns each batch's tensor; ending the
 * loop leaves nothing under way.
 * @throws UsageError when masks are asked for in letterboxes, into which no outlines are moved.
 * @throws RunError when no image has a trainable object or, where masks are asked for, an object has none, and at the
 * batch of an image that cannot be decoded.
 */
export async function* trainingBatches(
  dataset: Dataset,
  config: TrainingConfig,
): AsyncGenerator<TrainingBatch, void, void> {
  const {input, seed, startIteration = 0, prefetch = PREFETCH, cacheBytes = CACHE_BYTES} = config;
  const {iterations = Number.POSITIVE_INFINITY, imagesPerBatch, subBatches = 1} = config;
  const {trainIgnored = dataset.trainIgnored ?? true, masks = false} = config;
  const options = {trainIgnored, masks};
  const {letterbox} = input;
  if (masks && letterbox !== null) {
    throw new UsageError(
      'input.letterbox is not for detectors of masks; set it to null, and input.resize to a short side',
    );
  }
  const images = trainableImages(dataset.images, {trainIgnored});
  if (images.length === 0) {
    throw new RunError(
      `data set ${dataset.name} has no image with an object to train on; check its annotations`,
    );
  }
  // An object without a mask stops the run before its first step, not in the middle of an epoch.
  if (masks) for (const image of images) imageTargets(image, plainViews(image, input)[0], options);
  const cache = new PixelCache(cacheBytes);
  const order = batchOrder(images, {...config, aspectGrouping: input.aspectGrouping}, startIteration);
  /** Pixels of a view. Where sizes hardly ever come again, files are kept as they are. */
  const pixelsOf = async (record: ImageRecord, view: View): Promise<Uint8Array> => {
    if (view.limits === undefined) return cache.load(record, view);
    const {width, height} = record;
    return (await resizePixels({data: await cache.load(record, record), width, height}, view)).data;
  };
  const load = async ({turns, ...numbers}: NumberedTurns) => {
    const {iteration} = numbers;
    const side = letterbox === null ? undefined : sideOfBatch(letterbox, {seed, iteration, iterations});
    const views = await settled(
      turns.map(async ({index, epoch}) => {
        const record = images[index]!;
        const view = trainingView(record, input, {seed, epoch, side});
        return {record, epoch, data: await pixelsOf(record, view), ...view};
      }),
    );
    return {views, ...numbers};
  };

  const parts = numbered(order, startIteration, imagesPerBatch / subBatches);
  for await (const {views, ...numbers} of prefetched(parts, load, prefetch)) {
    yield {
      images: imagesToTensor(views, input),
      infos: views.map(view => imageInfo(view.record, view)),
      targets: views.map(view => imageTargets(view.record, view, options)),
      ...numbers,
      epoch: views.at(-1)!.epoch,
    };
  }
}

type NumberedTurns = {
  readonly turns: readonly Turn[];
  readonly iteration: number;
  readonly firstImage: number;
};

/** Batches in order, each in parts of `size` images. */
function* numbered(
  order: Iterable<readonly Turn[]>,
  start: number,
  size: number,
): Generator<NumberedTurns, void, void> {
  let iteration = start;
  for (const turns of order) {
    let firstImage = 0;
    for (const part of chunks(turns, size)) {
      yield {turns: part, iteration, firstImage};
      firstImage += part.length;
    }
    iteration++;
  }
}

/**
 * Every image of the data set once, unflipped. Only images of one padded size share a batch, so that no image sees more
 * padding, and no result differs, than in a batch of its own. The caller owns each batch's tensor.
 * @throws RunError at the batch of an image that cannot be decoded.
 */
export async function* evaluationBatches(
  dataset: Dataset,
  {input, imagesPerBatch, prefetch = PREFETCH}: EvaluationConfig,
): AsyncGenerator<ImageBatch, void, void> {
  const views = dataset.images.map(image => evaluationView(image, input));
  const canvases = views.map(view => canvasOf(view, input.sizeDivisor));
  const order = equalRuns(
    sizeOrder(canvases),
    index => `${canvases[index]!.height}x${canvases[index]!.width}`,
  );
  const load = (indices: readonly number[]) =>
    settled(
      indices.map(async index => {
        const record = dataset.images[index]!;
        const view = views[index]!;
        return {record, data: await decodeImage(record, view), ...view};
      }),
    );
  for await (const loaded of prefetched(
    order.flatMap(indices => [...chunks(indices, imagesPerBatch)]),
    load,
    prefetch,
  )) {
    yield {images: imagesToTensor(loaded, input), infos: loaded.map(view => imageInfo(view.record, view))};
  }
}

/** Cuts a list where the key changes. */
function equalRuns<T>(items: readonly T[], keyOf: (item: T) => string): readonly (readonly T[])[] {
  const runs: T[][] = [];
  let last: string | undefined;
  for (const item of items) {
    const key = keyOf(item);
    if (key !== last) runs.push([]);
    last = key;
    runs.at(-1)!.push(item);
  }
  return runs;
}

/**
 * One image file, of no data set, as a batch of one. The caller owns its tensor.
 * @throws RunError when the file cannot be decoded.
 */
export async function imageFileBatch(path: string, input: InputConfig, imageId = 0): Promise<ImageBatch> {
  const pixels = await decodeFile(path);
  const view = evaluationView(pixels, input);
  const resized = {...view, ...(await resizePixels(pixels, view))};
  return {images: imagesToTensor([resized], input), infos: [imageInfo({id: imageId, ...pixels}, view)]};
}

function imageInfo(
  original: Size & Pick<ImageRecord, 'id'>,
  {width, height, placement}: Size & Pick<View, 'placement'>,
): ImageInfo {
  return {
    imageId: original.id,
    ...(placement === undefined ? {} : {left: placement.left, top: placement.top}),
    height,
    width,
    originalHeight: original.height,
    originalWidth: original.width,
    scaleY: height / original.height,
    scaleX: width / original.width,
  };
}

/** Promise.all that waits for every promise even if one fails: no decode outlives its batch. */
async function settled<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

function* chunks<T>(items: readonly T[], size: number): Generator<readonly T[], void, void> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
