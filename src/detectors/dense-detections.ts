/** From the dense predictions of a batch to its detections (Lin et al. 2017, Sec. 4, "Inference"). */
import * as tf from '@tensorflow/tfjs';
import {gatherBoxes} from '../boxes/box.js';
import {clipBoxes} from '../boxes/box-coder.js';
import type {RetinaNetConfig} from '../config/network.js';
import type {ImageInfo} from '../data/batch.js';
import {classwiseNms} from '../engine/host/nms.js';
import {gatherRows} from '../engine/ops/gather-rows.js';
import {segmentTopK} from '../engine/ops/top-k.js';
import type {DensePredictions} from '../heads/retina-head.js';
import type {Detections} from './detector.js';
import {toFilePixels} from './file-pixels.js';

/** (anchor or point, class) pairs of one image that go on to NMS, n of them, in the order in which they are predicted. */
export type Candidates = {
  /** Of the anchor or point, in 0..A. */
  readonly positions: Int32Array; // [n]
  /** From 0. */
  readonly classes: Int32Array; // [n]
  readonly logits: Float32Array; // [n]
  readonly deltas: Float32Array; // [n, 4]
};

export type CandidateOptions = {
  /** Anchors of every level, in order. */
  readonly levelCounts: readonly number[];
  /** At most so many pairs of a level. */
  readonly preNmsTopK: number;
  /** Scores must exceed this. */
  readonly scoreThreshold: number;
};

/**
 * The strongest pairs of every level of every image, chosen on the engine: of the predictions nothing else is copied to
 * the host. The predictions stay the caller's.
 */
export async function denseCandidates(
  {logits, deltas}: DensePredictions,
  {levelCounts, preNmsTopK, scoreThreshold: theta}: CandidateOptions,
): Promise<readonly Candidates[]> {
  const [images, anchorCount, classCount] = logits.shape;
  /** sigmoid(z) > theta, asked of the logit: no exponential for the vast majority. */
  const above = theta <= 0 ? Number.NEGATIVE_INFINITY : Math.log(theta / (1 - theta));
  const strongest = tf.tidy(() => {
    const rows = tf.reshape(logits, [images, anchorCount * classCount]) as tf.Tensor2D;
    const lengths = levelCounts.map(count => count * classCount);
    return segmentTopK(rows, lengths, {k: preNmsTopK, above});
  });
  const [values, indices] = await Promise.all([
    strongest.values.data<'float32'>(),
    strongest.indices.data<'int32'>(),
  ]);
  tf.dispose(Object.values(strongest));

  const slots = values.length / images;
  const chosen = Array.from({length: images}, (_, image) => {
    const pairs = indices.subarray(image * slots, (image + 1) * slots);
    const found = Int32Array.from(pairs.keys())
      .filter(slot => pairs[slot]! >= 0)
      .sort((a, b) => pairs[a]! - pairs[b]!);
    const positions = found.map(slot => Math.floor(pairs[slot]! / classCount));
    return {
      positions,
      classes: found.map((slot, i) => pairs[slot]! - positions[i]! * classCount),
      logits: Float32Array.from(found, slot => values[image * slots + slot]!),
    };
  });

  const rowsOf = chosen.map(({positions}, image) => positions.map(anchor => image * anchorCount + anchor));
  const gathered = tf.tidy(() => {
    const rows = tf.tensor1d(
      rowsOf.flatMap(rows => [...rows]),
      'int32',
    );
    return gatherRows(tf.reshape(deltas, [images * anchorCount, 4]) as tf.Tensor2D, rows);
  });
  const deltaValues = await gathered.data<'float32'>();
  gathered.dispose();
  let start = 0;
  return chosen.map(candidates => {
    const end = start + 4 * candidates.positions.length;
    const imageDeltas = deltaValues.subarray(start, end);
    start = end;
    return {...candidates, deltas: imageDeltas};
  });
}

/** Predictions [n, 4] of the anchors or points at `positions` [n] as boxes [n, 4], neither clipped nor rounded. */
export type DecodeCandidates = (deltas: Float32Array, positions: Int32Array) => Float32Array;

export type DetectionOptions = Pick<RetinaNetConfig['inference'], 'nmsThreshold' | 'maxDetections'>;

/**
 * Candidates of one image decoded and clipped to it, non-maximum suppression a class, at most `maxDetections`; boxes in
 * pixels of the image file.
 */
export function denseDetections(
  candidates: Candidates,
  decode: DecodeCandidates,
  info: ImageInfo,
  options: DetectionOptions,
): Detections {
  const decoded = decode(candidates.deltas, candidates.positions);
  const clipped = clipBoxes(decoded, {width: info.width, height: info.height});
  const withArea = Int32Array.from(candidates.positions.keys()).filter(
    i => clipped[4 * i + 2]! > clipped[4 * i]! && clipped[4 * i + 3]! > clipped[4 * i + 1]!,
  );
  const boxes = gatherBoxes(clipped, withArea);
  const scores = Float32Array.from(withArea, i => 1 / (1 + Math.exp(-candidates.logits[i]!)));
  const classes = withArea.map(i => candidates.classes[i]! + 1);
  const kept = classwiseNms(boxes, scores, classes, options.nmsThreshold, options.maxDetections);
  return {
    imageId: info.imageId,
    boxes: toFilePixels(gatherBoxes(boxes, kept), info),
    scores: Float32Array.from(kept, index => scores[index]!),
    classes: kept.map(index => classes[index]!),
  };
}
