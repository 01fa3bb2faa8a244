/**
 * The smallest thing that is a Detector: a linear model of the pixels, whose two outputs stand for classification and
 * box. It learns brightness (the mean pixel) and its half, so that its losses fall and every batch differs.
 */
import * as tf from '@tensorflow/tfjs';
import type {Batch} from '../../src/data/batch.js';
import type {Detector} from '../../src/detectors/detector.js';
import {Parameters} from '../../src/layers/parameters.js';
import {Random} from '../../src/random/random.js';

const SIDE = 4;
const PIXELS = SIDE * SIDE * 3;

/** @param padding numbers in a parameter that takes room in checkpoints and has no gradient */
export function linearDetector(padding = 1): Detector {
  const parameters = new Parameters();
  const weight = parameters.create('head.weight', 'weight', tf.zeros([PIXELS, 2]));
  const bias = parameters.create('head.bias', 'bias', tf.zeros([2]));
  parameters.create('stem.frozen', 'weight', tf.ones([padding]), false);
  return {
    parameters,
    losses(batch: Batch) {
      const pixels = tf.reshape(batch.images, [-1, PIXELS]); // [B, PIXELS]
      const brightness = tf.mean(pixels, 1, true); // [B, 1]
      const target = tf.concat([brightness, tf.div(brightness, 2)], 1); // [B, 2]
      const errors = tf.square(tf.sub(tf.add(tf.matMul(pixels, weight), bias), target)); // [B, 2]
      const [classification, box] = tf.unstack(tf.mean(errors, 0)) as [tf.Scalar, tf.Scalar];
      const w = tf.scalar(2);
      const total = tf.add<tf.Scalar>(box, tf.mul(classification, w));
      return {dense: {classification, box, total, w, examples: PIXELS, foreground: batch.infos.length}};
    },
    async detect() {
      return [];
    },
  };
}

/** Batch i: two images of noise that depend on i alone. @param spoil turns the pixels of one batch into NaN */
export function noiseBatch(iteration: number, spoil = false): Batch {
  const random = new Random(7, 'noise', iteration);
  const images = tf.tensor4d(
    Float32Array.from({length: 2 * PIXELS}, () => (spoil ? Number.NaN : random.uniform())),
    [2, SIDE, SIDE, 3],
  );
  const info = (imageId: number) => ({
    ...{imageId, height: SIDE, width: SIDE, originalHeight: SIDE, originalWidth: SIDE, scaleY: 1, scaleX: 1},
  });
  const targets = {boxes: new Float32Array(), classes: new Int32Array()};
  return {
    images,
    infos: [info(2 * iteration), info(2 * iteration + 1)],
    targets: [targets, targets],
    iteration,
  };
}

/** Endless noise. @param pause milliseconds before each batch */
export function noiseBatches({pause = 0, spoilAt = -1, end = Number.POSITIVE_INFINITY} = {}) {
  return async function* (startIteration: number): AsyncGenerator<Batch, void, void> {
    for (let i = startIteration; i < end; i++) {
      if (pause > 0) await new Promise(resolve => setTimeout(resolve, pause));
      yield noiseBatch(i, i === spoilAt);
    }
  };
}

/** Endless noise whose batches come in as many parts: batch i has the images of noiseBatch(i * parts) and following. */
export function noiseParts(parts: number) {
  return async function* (startIteration: number): AsyncGenerator<Batch, void, void> {
    for (let iteration = startIteration; ; iteration++) {
      for (let part = 0; part < parts; part++) {
        const batch = noiseBatch(iteration * parts + part);
        yield {...batch, iteration, firstImage: part * batch.infos.length};
      }
    }
  };
}

/** The same in one part. */
export function noiseWholes(parts: number) {
  return async function* (startIteration: number): AsyncGenerator<Batch, void, void> {
    for (let iteration = startIteration; ; iteration++) {
      const batches = Array.from({length: parts}, (_, part) => noiseBatch(iteration * parts + part));
      const images = tf.concat4d(
        batches.map(batch => batch.images),
        0,
      );
      tf.dispose(batches.map(batch => batch.images));
      yield {
        images,
        infos: batches.flatMap(({infos}) => infos),
        targets: batches.flatMap(({targets}) => targets),
        iteration,
      };
    }
  };
}
