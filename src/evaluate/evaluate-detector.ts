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

/**
 * COCO's box AP of `detector` on `dataset`; objects that the format marks as difficult count neither way.
 * @throws the reason of `options.signal` when it is aborted before the last batch
 */
export async function evaluateDetector(
  detector: Detector,
  dataset: Dataset,
  options: DetectOptions,
): Promise<DetectorEvaluation> {
  const started = performance.now();
  const detections = await detectDataset(detector, dataset, options);
  const seconds = (performance.now() - started) / 1000;
  const evaluation = evaluateCoco(fromDataset(dataset), toResults(detections, dataset));
  return {evaluation, detections, seconds};
}
