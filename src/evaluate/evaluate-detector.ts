/** A detector, a data set, and the number: runs inference and COCO's evaluation on its detections. */
import type {Dataset} from '../data/dataset.js';
import type {Detections, Detector} from '../detectors/detector.js';
import {maskAreas} from '../masks/mask-table.js';
import {type CocoResults, fromDataset, toResults} from './coco-data.js';
import {type CocoEvaluation, evaluateCoco} from './coco-eval.js';
import {type DetectOptions, detectDataset} from './detect.js';

export type DetectorEvaluation = {
  readonly evaluation: CocoEvaluation;
  /** Of the masks, where the detector finds them. */
  readonly masks?: CocoEvaluation;
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
 * COCO's box AP of `detector` on `dataset`, and its mask AP where it finds masks; objects that the format marks as
 * difficult count neither way.
 * @throws the reason of `options.signal` when it is aborted before the last batch
 */
export async function evaluateDetector(
  detector: Detector,
  dataset: Dataset,
  options: DetectOptions,
): Promise<DetectorEvaluation> {
  const found = await timeDetector(detector, dataset, options);
  const results = toResults(found.detections, dataset);
  const masks = results.masks !== undefined;
  const groundTruth = fromDataset(dataset, {masks});
  return {
    ...found,
    evaluation: evaluateCoco(groundTruth, results),
    ...(masks ? {masks: evaluateCoco(groundTruth, ofMasks(results), {iouType: 'segm'})} : {}),
  };
}

/**
 * The results with the areas of their masks, which decide the area range of an unmatched detection: as detectron2 and
 * maskrcnn-benchmark evaluate masks.
 */
export function ofMasks(results: CocoResults): CocoResults {
  return results.masks === undefined ? results : {...results, areas: maskAreas(results.masks)};
}
