/** Whole batches in letterboxes: boxes are where the pixels of their objects are, and come back to the file's pixels. */
import {mkdtempSync} from 'node:fs';
import {rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import sharp from 'sharp';
import type {InputConfig} from '../../src/config/run.js';
import {evaluationBatches, imageFileBatch, trainingBatches} from '../../src/data/batches.js';
import type {Dataset, ImageRecord} from '../../src/data/dataset.js';
import {toFilePixels} from '../../src/detectors/file-pixels.js';

const folder = mkdtempSync(join(tmpdir(), 'sf-letterbox-'));

type Box = readonly [number, number, number, number];

/** A dark image with one orange box, of which no change of colour makes anything dark. */
async function makeImage(id: number, width: number, height: number, box: Box): Promise<ImageRecord> {
  const data = new Uint8Array(width * height * 3).fill(20);
  const [left, top, right, bottom] = box;
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++) data.set([220, 110, 40], (y * width + x) * 3);
  const path = join(folder, `${id}.png`);
  await sharp(data, {raw: {width, height, channels: 3}})
    .png()
    .toFile(path);
  const groundTruth = {
    boxes: Float64Array.from(box),
    classes: Int32Array.of(1),
    ignore: new Uint8Array(1),
    crowd: new Uint8Array(1),
    areas: Float64Array.of((right - left) * (bottom - top)),
    ids: Float64Array.of(id),
  };
  return {id, fileName: `${id}.png`, path, width, height, groundTruth};
}

const images = await Promise.all([
  makeImage(1, 120, 80, [10, 20, 60, 70]),
  makeImage(2, 80, 120, [30, 60, 76, 110]),
  makeImage(3, 100, 100, [50, 5, 95, 45]),
  makeImage(4, 200, 60, [120, 10, 190, 50]),
]);
test.after.always(() => rm(folder, {recursive: true}));

const dataset: Dataset = {name: 'test', classNames: ['thing'], categoryIds: [1], images, notices: []};

const input: InputConfig = {
  resize: null,
  letterbox: {
    side: {training: [96, 128, 160], evaluation: 160},
    redrawEvery: 2,
    largestForLast: 4,
    augmentation: {jitter: 0.3, hue: 0.1, saturation: 1.5, exposure: 1.5, minSide: 0.001, maxObjects: 90},
  },
  channelOrder: 'rgb',
  mean: [0, 0, 0],
  std: [255, 255, 255],
  flip: 0.5,
  sizeDivisor: 32,
  aspectGrouping: false,
};
const config = {input, imagesPerBatch: 3, seed: 5, iterations: 20};

/** The box around the pixels of image `index` whose colours differ by more than half of the brightest one's. */
function boxOfPixels(batch: tf.Tensor4D, index: number): number[] {
  const [, height, width] = batch.shape;
  const pixels = batch.dataSync<'float32'>();
  const start = index * height * width * 3;
  const spread = (i: number) => {
    const rgb = [...pixels.subarray(start + 3 * i, start + 3 * i + 3)];
    return Math.max(...rgb) - Math.min(...rgb);
  };
  const spreads = Float32Array.from({length: height * width}, (_, i) => spread(i));
  const limit = spreads.reduce((most, value) => Math.max(most, value), 0) / 2;
  const box = [width, height, 0, 0];
  for (const [i, value] of spreads.entries()) {
    if (value < limit) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    box[0] = Math.min(box[0]!, x);
    box[1] = Math.min(box[1]!, y);
    box[2] = Math.max(box[2]!, x + 1);
    box[3] = Math.max(box[3]!, y + 1);
  }
  return box;
}

const far = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

type Batch = {readonly side: number; readonly pixels: Float32Array; readonly boxes: readonly number[][]};

test.serial(
  'boxes follow pixels through jitter, flip and colours, at every side; a resumed run sees the same',
  async t => {
    const before = tf.memory().numTensors;
    const run = async (startIteration: number): Promise<Batch[]> => {
      const taken: Batch[] = [];
      for await (const {images: tensor, targets} of trainingBatches(dataset, {...config, startIteration})) {
        for (const [index, {boxes}] of targets.entries()) {
          // A pixel that is half of the object's colour belongs to it or not.
          const distance = far(boxOfPixels(tensor, index), boxes);
          t.true(distance <= 1, `off by ${distance} in batch ${startIteration + taken.length}`);
        }
        t.is(tensor.shape[1], tensor.shape[2]);
        taken.push({
          side: tensor.shape[1],
          pixels: tensor.dataSync<'float32'>().slice(),
          boxes: targets.map(({boxes}) => [...boxes]),
        });
        tensor.dispose();
        if (startIteration + taken.length === 20) break;
      }
      return taken;
    };
    const whole = await run(0);
    const sides = whole.map(({side}) => side);
    t.deepEqual([...new Set(sides)].sort(), [128, 160, 96]);
    // Drawn for two batches at a time; the draw at 18 has two batches left, that at 16 four.
    for (let i = 0; i < 20; i += 2) t.is(sides[i], sides[i + 1]);
    t.deepEqual(sides.slice(18), [160, 160]);
    t.deepEqual(await run(7), whole.slice(7));
    t.is(tf.memory().numTensors, before);
  },
);

test.serial('what is found in a letterbox comes back to the pixels of the file', async t => {
  const before = tf.memory().numTensors;
  let seen = 0;
  for await (const {images: tensor, infos} of evaluationBatches(dataset, {input, imagesPerBatch: 3})) {
    t.deepEqual(tensor.shape.slice(1), [160, 160, 3]);
    for (const [index, info] of infos.entries()) {
      const found = toFilePixels(Float32Array.from(boxOfPixels(tensor, index)), info);
      const {groundTruth, width} = images.find(({id}) => id === info.imageId)!;
      // Within a pixel of the batch, which is as large as max(width, height) / 160 pixels of the file.
      t.true(
        far(found, groundTruth.boxes) <= Math.max(1, width / 160) + 1e-3,
        `${found} of image ${info.imageId}`,
      );
      seen++;
    }
    tensor.dispose();
  }
  t.is(seen, 4);
  const {images: tensor, infos} = await imageFileBatch(images[3]!.path, input);
  // 200 x 60 in 160: 160 x 48, at 56.
  t.like(infos[0], {left: 0, top: 56, width: 160, height: 48, scaleX: 0.8, scaleY: 0.8});
  t.deepEqual([...tf.tidy(() => tensor.slice([0, 55, 80, 0], [1, 1, 1, 3]).dataSync())], [0.5, 0.5, 0.5]);
  tensor.dispose();
  t.is(tf.memory().numTensors, before);
});

test.serial('outlines are not moved into letterboxes: masks are refused in one line', async t => {
  const batches = trainingBatches(dataset, {...config, masks: true});
  await t.throwsAsync(batches.next(), {
    message:
      'input.letterbox is not for detectors of masks; set it to null, and input.resize to a short side',
  });
});
