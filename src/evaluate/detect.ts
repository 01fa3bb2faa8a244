/** Runs a detector over a data set: images in, detections out. */
import {setImmediate} from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import type {InputConfig} from '../config/run.js';
import {evaluationBatches} from '../data/batches.js';
import type {Dataset} from '../data/dataset.js';
import type {Detections, Detector} from '../detectors/detector.js';

export type DetectOptions = {
  readonly input: InputConfig;
  readonly imagesPerBatch: number;
  readonly onProgress?: (done: number, total: number) => void;
  /** Aborted: the detections so far are dropped, and its reason is thrown before the next batch. */
  readonly signal?: AbortSignal;
};

/**
 * Detections of every image of the data set, in the data set's order.
 * @throws the reason of `signal` when it is aborted before the last batch
 */
export async function detectDataset(
  detector: Detector,
  dataset: Dataset,
  {input, imagesPerBatch, onProgress, signal}: DetectOptions,
): Promise<readonly Detections[]> {
  const byImage = new Map<number, Detections>();
  for await (const batch of evaluationBatches(dataset, {input, imagesPerBatch})) {
    try {
      // Signals get their turn: the CPU engines never yield within a batch.
      await setImmediate();
      signal?.throwIfAborted();
      for (const detections of await detector.detect(batch)) byImage.set(detections.imageId, detections);
    } finally {
      tf.dispose(batch.images);
    }
    onProgress?.(byImage.size, dataset.images.length);
  }
  return dataset.images.flatMap(image => byImage.get(image.id) ?? []);
}
