/** A detector, a data set, and the number: runs inference and COCO's evaluation on its detections. */
import type {Dataset} from '../data/dataset.js';
import type {Detections, Detector} from '../detectors/detector.js';
import {fromDataset, toResults} from './coco-data.js';
import {type CocoEvaluation, evaluateCoco} from './coco-eval.js';
import {type DetectOptions, detectDataset} from './detect.js';

export type DetectorEvaluation = {
  readonly evaluation: CocoEvaluation;
  readonly detections: readonly Detections[];
  /** Wall-clock time of decoding and inference of all images. */
  readonly seconds: number;
};

export type TimedDetections = Pick<DetectorEvaluation, 'detections' | 'seconds'>;

/** @throws the reason of `options.signal` when it is aborted before the last batch */
export async function timeDetector(
  detector: Detector,
  dataset: Dataset,
  options: DetectOptions,
): Promise<TimedDetections> {
  const started = performance.now();
  const detections = await detectDataset(detector, dataset, options);
  return {detections, seconds: (performance.now() - started) / 1000};
}

/**
 * COCO's box AP of `detector` on `dataset`; objects that the format marks as difficult count neither way.
 * @throws the reason of `options.signal` when it is aborted before the last batch
 */
export async function evaluateDetector(
  detector: Detector,
  dataset: Dataset,
  options: DetectOptions,
): Promise<DetectorEvaluation> {
  const found = await timeDetector(detector, dataset, options);
  const evaluation = evaluateCoco(fromDataset(dataset), toResults(found.detections, dataset));
  return {...found, evaluation};
}
