import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import type {InputConfig} from '../../src/config/run.js';
import {
  evaluationBatches,
  imageFileBatch,
  type TrainingBatch,
  trainingBatches,
} from '../../src/data/batches.js';
import {loadCoco} from '../../src/data/coco.js';
import type {Dataset} from '../../src/data/dataset.js';
import {imageMaker} from './image-maker.js';

const folder = await mkdtemp(join(tmpdir(), 'sf-batches-'));
const makeImage = imageMaker(folder);

const input: InputConfig = {
  resize: null,
  letterbox: null,
  channelOrder: 'rgb',
  mean: [0, 0, 0],
  std: [1, 1, 1],
  flip: 0.5,
  sizeDivisor: 16,
  aspectGrouping: true,
};

const images = await Promise.all([
  ...Array.from({length: 7}, (_, i) => makeImage(i + 1, 40, 24)),
  ...Array.from({length: 4}, (_, i) => makeImage(i + 8, 24, 40)),
  makeImage(12, 40, 24, []),
]);
test.after.always(() => rm(folder, {recursive: true}));

const dataset: Dataset = {name: 'test', classNames: ['thing'], categoryIds: [1], images, notices: []};
const config = {input, imagesPerBatch: 3, seed: 5};

type Summary = Pick<TrainingBatch, 'iteration' | 'firstImage' | 'epoch' | 'infos' | 'targets'> & {
  readonly values: Float32Array;
};

/** Batches as plain data; their tensors are disposed. */
async function take(
  count: number,
  options: Partial<Parameters<typeof trainingBatches>[1]> = {},
  from = dataset,
): Promise<Summary[]> {
  const taken: Summary[] = [];
  for await (const {images: tensor, ...batch} of trainingBatches(from, {...config, ...options})) {
    taken.push({...batch, values: tensor.dataSync<'float32'>()});
    tensor.dispose();
    if (taken.length === count) break;
  }
  return taken;
}

test.serial('a resumed run gets the very same batches, pixels, flips and boxes included', async t => {
  const before = tf.memory().numTensors;
  const whole = await take(12);
  t.deepEqual(await take(7, {startIteration: 5}), whole.slice(5));
  t.deepEqual(await take(12, {cacheBytes: 0, prefetch: 0}), whole);
  t.deepEqual(
    whole.map(({iteration}) => iteration),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  );
  // 12 batches of 3 of 11 images: the last one belongs to the third or fourth epoch.
  t.true(whole[0]!.epoch === 0 && whole[11]!.epoch >= 2);
  t.is(tf.memory().numTensors, before);
});

test.serial('sub-batches are the parts of a batch, in its order and at its place', async t => {
  const wholes = await take(4);
  const parts = await take(12, {subBatches: 3});
  t.deepEqual(
    parts.map(({iteration, firstImage}) => [iteration, firstImage]),
    [0, 1, 2, 3].flatMap(iteration => [0, 1, 2].map(image => [iteration, image])),
  );
  for (const [i, {infos, targets, values}] of wholes.entries()) {
    const own = parts.slice(3 * i, 3 * i + 3);
    t.deepEqual(
      own.flatMap(part => part.infos),
      infos,
    );
    t.deepEqual(
      own.flatMap(part => part.targets),
      targets,
    );
    // All images of a batch have one size here: the pixels of its parts are its own.
    t.deepEqual(Float32Array.from(own.flatMap(part => [...part.values])), values);
  }
  t.deepEqual(await take(6, {subBatches: 3, startIteration: 2}), parts.slice(6));
});

test.serial('images without objects are left out, wide and tall ones kept apart', async t => {
  for (const {infos} of await take(20)) {
    t.is(new Set(infos.map(({width}) => width)).size, 1);
    t.false(infos.some(({imageId}) => imageId === 12));
  }
});

test.serial('pixels and boxes are flipped together', async t => {
  const flips = new Set<boolean>();
  for (const {infos, targets, values} of await take(20)) {
    const {width} = infos[0]!;
    const [paddedWidth, paddedHeight] = width === 40 ? [48, 32] : [32, 48];
    infos.forEach(({imageId, height}, i) => {
      const at = (x: number, y: number, c: number) =>
        values[((i * paddedHeight + y) * paddedWidth + x) * 3 + c];
      t.is(at(0, 0, 0), imageId);
      t.is(at(width, 0, 0), 0);
      t.is(at(0, height, 0), 0);
      const flipped = at(0, 0, 1) === 0;
      flips.add(flipped);
      // The box [2, 3, 10, 9] lies in the green half: mirrored, x runs from width - 10 to width - 2.
      t.deepEqual([...targets[i]!.boxes], flipped ? [width - 10, 3, width - 2, 9] : [2, 3, 10, 9]);
      t.is(at(targets[i]!.boxes[0]!, 3, 1), 200);
    });
  }
  t.is(flips.size, 2);
});

test.serial(
  'outlines come with the boxes when masks are asked for, and are missed before the first batch',
  async t => {
    const outlined = images.map(image => {
      const {boxes, classes} = image.groundTruth;
      const shapes = Array.from(classes, (_, i) => {
        const [left, top, right, bottom] = [0, 1, 2, 3].map(at => boxes[4 * i + at]!) as [
          number,
          number,
          number,
          number,
        ];
        return {kind: 'polygons' as const, polygons: [[left, top, right, top, right, bottom, left, bottom]]};
      });
      return {...image, groundTruth: {...image.groundTruth, shapes}};
    });
    t.true((await take(1)).every(({targets}) => targets.every(target => !('outlines' in target))));
    for (const {infos, targets} of await take(6, {masks: true}, {...dataset, images: outlined})) {
      for (const [i, {boxes, outlines}] of targets.entries()) {
        const [outline] = outlines!;
        if (outline?.kind !== 'polygons') return t.fail();
        t.deepEqual([outline.height, outline.width], [infos[i]!.height, infos[i]!.width]);
        const xs = outline.polygons[0]!.filter((_, at) => at % 2 === 0);
        const ys = outline.polygons[0]!.filter((_, at) => at % 2 === 1);
        t.deepEqual([...boxes], [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]);
      }
    }
    // One of eleven has none: whichever comes first, the run does not begin.
    const {shapes: _, ...bare} = outlined[6]!.groundTruth;
    const incomplete = outlined.map((image, i) => (i === 6 ? {...image, groundTruth: bare} : image));
    await t.throwsAsync(take(1, {masks: true}, {...dataset, images: incomplete}), {
      name: 'RunError',
      message: `${images[6]!.path}: annotation 0 has no mask; give every object a mask or train on boxes only`,
    });
  },
);

test.serial('boxes and infos follow the resizing', async t => {
  // 40x24 to short side 12: 20x12, halves.
  const [batch] = await take(1, {input: {...input, flip: 0, resize: {shortSide: 12, maxLongSide: 1000}}});
  const info = batch!.infos[0]!;
  t.is(Math.min(info.width, info.height), 12);
  t.is(info.scaleX, 0.5);
  t.is(info.scaleY, 0.5);
  t.deepEqual([...batch!.targets[0]!.boxes], [1, 1.5, 5, 4.5]);
});

test.serial('images are trained on at sizes of their own, and evaluated at one', async t => {
  const before = tf.memory().numTensors;
  const resize = {shortSide: {training: [12, 24, 48], evaluation: 36}, maxLongSide: 1000};
  const options = {input: {...input, flip: 0, resize}};
  const whole = await take(15, options);
  t.deepEqual(await take(8, {...options, startIteration: 7, cacheBytes: 0}), whole.slice(7));
  const sides = new Map<number, Set<number>>();
  for (const {infos, targets} of whole) {
    for (const [i, {imageId, width, height, scaleX}] of infos.entries()) {
      const side = Math.min(width, height);
      sides.set(imageId, (sides.get(imageId) ?? new Set()).add(side));
      t.is(scaleX, side / 24);
      // Float32 boxes: 2, 3, 10, 9 times a half, 1 or 2.
      t.deepEqual(
        [...targets[i]!.boxes],
        [2, 3, 10, 9].map(value => value * scaleX),
      );
    }
  }
  // 45 turns of 11 images: each is seen four times, most of them at several sizes.
  t.deepEqual([...new Set([...sides.values()].flatMap(seen => [...seen]))].sort(), [12, 24, 48]);
  t.true([...sides.values()].some(seen => seen.size > 1));
  t.true(whole.some(({infos}) => new Set(infos.map(({height}) => height)).size > 1));
  for await (const {images: tensor, infos} of evaluationBatches(dataset, {
    ...options,
    imagesPerBatch: 5,
  })) {
    t.true(infos.every(({width, height}) => Math.min(width, height) === 36));
    tensor.dispose();
  }
  t.is(tf.memory().numTensors, before);
});

test.serial('evaluation sees every image once, unflipped, padded with zeros', async t => {
  const before = tf.memory().numTensors;
  const seen: number[] = [];
  for await (const {images: tensor, infos} of evaluationBatches(dataset, {input, imagesPerBatch: 5})) {
    const values = tensor.dataSync();
    const [, height, width] = tensor.shape;
    infos.forEach(({imageId}, i) => {
      t.is(values[i * height * width * 3], imageId);
      t.is(values[i * height * width * 3 + 1], 200);
    });
    seen.push(...infos.map(({imageId}) => imageId));
    tensor.dispose();
  }
  t.deepEqual(
    [...seen].sort((a, b) => a - b),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
  );
  t.deepEqual(seen.slice(0, 4), [8, 9, 10, 11]);
  t.is(tf.memory().numTensors, before);
});

test.serial('a broken image stops the run at its batch and is named', async t => {
  const path = join(folder, 'broken.png');
  await writeFile(path, 'not an image');
  const broken = {...dataset, images: [...images.slice(0, 3), {...images[3]!, path}]};
  const error = await t.throwsAsync(
    async () => {
      for await (const batch of trainingBatches(broken, {...config, imagesPerBatch: 2}))
        batch.images.dispose();
    },
    {name: 'RunError'},
  );
  t.is(
    error?.message,
    `${path} is not a JPEG, PNG, WebP, GIF, TIFF or AVIF image; convert it to one of these`,
  );
});

test.serial("a data set's own word decides whether its ignored objects are trained on", async t => {
  const image = images[0]!;
  const difficult = {...image, groundTruth: {...image.groundTruth, ignore: Uint8Array.of(1)}};
  const counts = async (trainIgnored: boolean) => {
    const batches = trainingBatches({...dataset, images: [difficult, images[1]!], trainIgnored}, config);
    const {value} = await batches.next();
    await batches.return();
    value?.images.dispose();
    return new Set(value?.infos.map(({imageId}) => imageId)).size;
  };
  t.is(await counts(true), 2);
  t.is(await counts(false), 1);
});

test.serial('a data set without objects cannot be trained on', async t => {
  const empty = {...dataset, images: images.slice(11)};
  await t.throwsAsync(trainingBatches(empty, config).next(), {
    name: 'RunError',
    message: 'data set test has no image with an object to train on; check its annotations',
  });
});

test.serial('a single file becomes a batch of one', async t => {
  const {images: tensor, infos} = await imageFileBatch(images[0]!.path, {
    ...input,
    resize: {shortSide: 48, maxLongSide: 100},
  });
  t.deepEqual(tensor.shape, [1, 48, 80, 3]);
  t.deepEqual(infos, [
    {imageId: 0, width: 80, height: 48, originalWidth: 40, originalHeight: 24, scaleX: 2, scaleY: 2},
  ]);
  tensor.dispose();
});

test.serial('photographs at 800/1333 become batches whose boxes lie inside', async t => {
  const data = process.env.SF_TEST_DATA;
  if (data === undefined) {
    t.log('skipped: SF_TEST_DATA is unset');
    t.pass();
    return;
  }
  const annotations = join(data, 'coco-sample', 'annotations', 'instances.json');
  const photographs = await loadCoco({
    annotations,
    images: join(data, 'coco-sample', 'images'),
    name: 'sample',
  });
  const resized = {...input, sizeDivisor: 32, resize: {shortSide: 800, maxLongSide: 1333}};
  const batches = trainingBatches(photographs, {input: resized, imagesPerBatch: 2, seed: 0, prefetch: 0});
  const {value} = await batches.next();
  await batches.return();
  const {images: tensor, infos, targets} = value!;
  const [, height, width] = tensor.shape;
  t.deepEqual([height % 32, width % 32], [0, 0]);
  infos.forEach((info, i) => {
    t.true(Math.min(info.width, info.height) === 800 || Math.max(info.width, info.height) >= 1332);
    t.true(info.width <= width && info.height <= height);
    const {boxes} = targets[i]!;
    t.true(boxes.length > 0);
    t.true(boxes.every((value, j) => value >= 0 && value <= (j % 2 === 0 ? info.width : info.height)));
  });
  tensor.dispose();
});
