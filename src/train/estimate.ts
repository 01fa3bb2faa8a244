/** How long a run will take: a few real steps at a small size, scaled by pixels and images. */
import * as tf from '@tensorflow/tfjs';
import {type DataSetConfig, imagesAtOnce, type RunConfig} from '../config/run.js';
import type {Batch} from '../data/batch.js';
import {paddedSize, type Size} from '../data/resize.js';
import {canvasOf, plainViews} from '../data/view.js';
import {buildDetector, inputStd, stagesOf} from '../detectors/build.js';
import {Random} from '../random/random.js';
import {Sgd} from './sgd.js';
import {trainStep} from './step.js';

/** What data sets are assumed to look like before they are opened: the commonest size and the class count of COCO. */
const TYPICAL_IMAGE: Size = {width: 640, height: 480};
const TYPICAL_CLASSES = 80;
/** Side of the images that are timed: larger ones are slower in proportion to their pixels. */
const PROBE_SIDE = 256;
/** A batch of at most this many pixels is timed whole, since small steps are dominated by what does not scale. */
const WHOLE_BATCH_PIXELS = 512 * 512;
const PROBE_STEPS = 3;

/** Seconds of one training iteration of `config` on the engine in use; decoding is assumed to keep up. */
export async function estimateIterationSeconds(config: RunConfig): Promise<number> {
  const {data, input, model, schedule} = config;
  const image =
    data.train.kind === 'shapes' ? {width: data.train.size, height: data.train.size} : TYPICAL_IMAGE;
  const canvases = plainViews(image, input).map(view => canvasOf(view, input.sizeDivisor));
  const pixels = canvases.reduce((sum, {width, height}) => sum + width * height, 0) / canvases.length;
  const [{width, height}] = plainViews(image, input);
  const probe = paddedSize(
    {width: Math.min(width, PROBE_SIDE), height: Math.min(height, PROBE_SIDE)},
    input.sizeDivisor,
  );
  const classes = classCount(data.train);
  const imbalance = Object.fromEntries(
    stagesOf(model).map(([name]) => [name, {examples: 1000, foreground: 1}]),
  );
  const detector = buildDetector(model, {classes, seed: 0, imbalance, inputStd: inputStd(input)});
  const optimizer = new Sgd(detector.parameters, schedule);
  const atOnce = imagesAtOnce(schedule);
  const whole = probe.width * probe.height * atOnce <= WHOLE_BATCH_PIXELS;
  const images = whole ? atOnce : 1;
  const batch = randomBatch(probe, images);
  try {
    const seconds: number[] = [];
    for (let step = 0; step < PROBE_STEPS; step++) {
      const started = performance.now();
      await trainStep(detector, batch, optimizer, 1e-6);
      seconds.push((performance.now() - started) / 1000);
    }
    const scale = (pixels * schedule.imagesPerBatch) / (probe.width * probe.height * images);
    return Math.min(...seconds) * scale;
  } finally {
    tf.dispose(batch.images);
    optimizer.dispose();
    detector.parameters.dispose();
  }
}

function classCount(data: DataSetConfig): number {
  switch (data.kind) {
    case 'shapes':
      return data.classes;
    case 'voc':
      return data.classes?.length ?? 20;
    case 'coco':
      return TYPICAL_CLASSES;
  }
}

function randomBatch({width, height}: Size, images: number): Batch {
  const random = new Random(0, 'probe');
  const pixels = Float32Array.from({length: images * width * height * 3}, () => random.normal());
  const [left, top, right, bottom] = [width / 4, height / 4, width / 2, height / 2];
  const polygons = [Float64Array.of(left, top, right, top, right, bottom, left, bottom)];
  const targets = {
    boxes: Float32Array.of(left, top, right, bottom),
    classes: Int32Array.of(1),
    outlines: [{kind: 'polygons', height, width, polygons}],
  } as const;
  return {
    images: tf.tensor4d(pixels, [images, height, width, 3]),
    infos: Array.from({length: images}, (_, imageId) => ({
      imageId,
      width,
      height,
      originalWidth: width,
      originalHeight: height,
      scaleX: 1,
      scaleY: 1,
    })),
    targets: Array.from({length: images}, () => targets),
    iteration: 0,
  };
}
