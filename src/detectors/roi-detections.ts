/** From the probabilities and refined boxes of a RoI-subnet to detections: Girshick, "Fast R-CNN", Sec. 2.2 (detection). */

import {gatherBoxes} from '../boxes/box.js';
import {clipBoxes, decodeBoxes, type Region} from '../boxes/box-coder.js';
import type {BoxCoderConfig} from '../config/network.js';
import type {ImageInfo} from '../data/batch.js';
import {classwiseNms} from '../engine/host/nms.js';
import type {Detections} from './detector.js';
import {toFilePixels} from './file-pixels.js';

export type RoiDetectionOptions = {
  readonly boxWeights: BoxCoderConfig['weights'];
  readonly classAgnostic: boolean;
  /** A probability must exceed this. */
  readonly scoreThreshold: number;
  readonly nmsThreshold: number;
  readonly maxDetections: number;
};

/** What a RoI-subnet says of the boxes of one image, on the host. R boxes, C classes. */
export type RoiOutputs = {
  readonly boxes: Float32Array; // [R, 4], the proposals
  readonly probabilities: Float32Array; // [R, C + 1], background first
  readonly deltas: Float32Array; // [R, 4] or [R, 4 C]
};

/** Detections of one image in the batch's pixels: what the mask head looks at. */
export type BatchDetections = Omit<Detections, 'masks' | 'imageId'>;

/**
 * Every class of every box is a candidate with a box of its own; candidates above the threshold are cut to the image and
 * compete within their class; the best `maxDetections` stay.
 */
export function roiDetections(
  {boxes: rois, probabilities, deltas}: RoiOutputs,
  region: Region,
  options: RoiDetectionOptions,
): BatchDetections {
  const count = rois.length / 4;
  const columns = count === 0 ? 1 : probabilities.length / count;
  const candidates: number[] = []; // positions in `probabilities`
  for (let i = 0; i < probabilities.length; i++) {
    if (i % columns !== 0 && probabilities[i]! > options.scoreThreshold) candidates.push(i);
  }
  const roiOf = Int32Array.from(candidates, i => Math.floor(i / columns));
  const classOf = Int32Array.from(candidates, i => i % columns);
  const deltaRows = roiOf.map((roi, i) =>
    options.classAgnostic ? roi : roi * (columns - 1) + classOf[i]! - 1,
  );
  const decoded = clipBoxes(
    decodeBoxes(gatherBoxes(deltas, deltaRows), gatherBoxes(rois, roiOf), options.boxWeights),
    region,
  );
  const withArea = Int32Array.from(candidates.keys()).filter(
    i => decoded[4 * i + 2]! > decoded[4 * i]! && decoded[4 * i + 3]! > decoded[4 * i + 1]!,
  );
  const boxes = gatherBoxes(decoded, withArea);
  const scores = Float32Array.from(withArea, i => probabilities[candidates[i]!]!);
  const classes = withArea.map(i => classOf[i]!);
  const kept = classwiseNms(boxes, scores, classes, options.nmsThreshold, options.maxDetections);
  return {
    boxes: gatherBoxes(boxes, kept),
    scores: Float32Array.from(kept, index => scores[index]!),
    classes: kept.map(index => classes[index]!),
  };
}

/** The same in pixels of the image file. */
export function inFilePixels(detections: BatchDetections, info: ImageInfo): Detections {
  return {...detections, imageId: info.imageId, boxes: toFilePixels(detections.boxes, info)};
}
