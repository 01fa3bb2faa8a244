/**
 * From the dense predictions of a batch to its detections: Lin et al. 2017, Sec. 4, "Inference", and mmdetection's rule for
 * detectors with one prediction a point.
 */
import * as tf from '@tensorflow/tfjs';
import {gatherBoxes} from '../boxes/box.js';
import {clipBoxes} from '../boxes/box-coder.js';
import type {DenseInferenceConfig} from '../config/network.js';
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
  /** Anchors or points of every level, in order. */
  readonly levelCounts: readonly number[];
  /** At most so many pairs of a level, or points. */
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
  const above = logitOf(theta);
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

  const rows = await readRows(
    deltas,
    chosen.map(({positions}) => positions),
  );
  return chosen.map((candidates, image) => ({...candidates, deltas: rows[image]!}));
}

/**
 * The points of every level of every image whose best class scores highest, with all of their classes above the
 * threshold: the rule of mmdetection. Chosen on the engine as above; the predictions stay the caller's.
 */
export async function pointCandidates(
  {logits, deltas}: DensePredictions,
  {levelCounts, preNmsTopK, scoreThreshold: theta}: CandidateOptions,
): Promise<readonly Candidates[]> {
  const [images, , classCount] = logits.shape;
  const above = logitOf(theta);
  const strongest = tf.tidy(() => {
    const best = tf.max<tf.Tensor2D>(logits, -1);
    return segmentTopK(best, levelCounts, {k: preNmsTopK, above}).indices;
  });
  const indices = await strongest.data<'int32'>();
  strongest.dispose();

  const slots = indices.length / images;
  const points = Array.from({length: images}, (_, image) =>
    indices
      .slice(image * slots, (image + 1) * slots)
      .filter(point => point >= 0)
      .sort(),
  );
  const [pointLogits, pointDeltas] = await Promise.all([readRows(logits, points), readRows(deltas, points)]);
  return points.map((ofImage, image) => {
    const scores = pointLogits[image]!;
    const pairs = Int32Array.from(scores.keys()).filter(pair => scores[pair]! > above);
    const rows = pairs.map(pair => Math.floor(pair / classCount));
    return {
      positions: rows.map(row => ofImage[row]!),
      classes: pairs.map((pair, i) => pair - rows[i]! * classCount),
      logits: Float32Array.from(pairs, pair => scores[pair]!),
      deltas: gatherBoxes(pointDeltas[image]!, rows),
    };
  });
}

/** sigmoid(z) > theta, asked of the logit z: no exponential for the vast majority. */
function logitOf(theta: number): number {
  return theta <= 0 ? Number.NEGATIVE_INFINITY : Math.log(theta / (1 - theta));
}

/** Rows of every image by their position, copied to the host in one piece: [B, A, D], positions [n] -> [n * D] each. */
async function readRows(x: tf.Tensor3D, positions: readonly Int32Array[]): Promise<readonly Float32Array[]> {
  const [images, perImage, width] = x.shape;
  const gathered = tf.tidy(() => {
    const rows = positions.flatMap((ofImage, image) => [...ofImage].map(row => image * perImage + row));
    return gatherRows(tf.reshape(x, [images * perImage, width]) as tf.Tensor2D, tf.tensor1d(rows, 'int32'));
  });
  const values = await gathered.data<'float32'>();
  gathered.dispose();
  let start = 0;
  return positions.map(({length}) => {
    const end = start + length * width;
    const rows = values.subarray(start, end);
    start = end;
    return rows;
  });
}

/** Predictions [n, 4] of the anchors or points at `positions` [n] as boxes [n, 4], neither clipped nor rounded. */
export type DecodeCandidates = (deltas: Float32Array, positions: Int32Array) => Float32Array;

export type DetectionOptions = Pick<DenseInferenceConfig, 'nmsThreshold' | 'maxDetections'> & {
  /** Whether boxes suppress one another as they are cut to the image, or as they are predicted (darknet). Default: cut. */
  readonly suppress?: 'clipped' | 'predicted';
};

/**
 * Candidates of one image decoded and clipped to it, non-maximum suppression a class, at most `maxDetections`; boxes in
 * pixels of the image file. Those without a part in the image are dropped.
 */
export function denseDetections(
  candidates: Candidates,
  decode: DecodeCandidates,
  info: ImageInfo,
  options: DetectionOptions,
): Detections {
  const decoded = decode(candidates.deltas, candidates.positions);
  const clipped = clipBoxes(decoded, info);
  const withArea = Int32Array.from(candidates.positions.keys()).filter(
    i => clipped[4 * i + 2]! > clipped[4 * i]! && clipped[4 * i + 3]! > clipped[4 * i + 1]!,
  );
  const boxes = gatherBoxes(options.suppress === 'predicted' ? decoded : clipped, withArea);
  const scores = Float32Array.from(withArea, i => 1 / (1 + Math.exp(-candidates.logits[i]!)));
  const classes = withArea.map(i => candidates.classes[i]! + 1);
  const kept = classwiseNms(boxes, scores, classes, options.nmsThreshold, options.maxDetections);
  return {
    imageId: info.imageId,
    boxes: toFilePixels(
      gatherBoxes(
        clipped,
        kept.map(index => withArea[index]!),
      ),
      info,
    ),
    scores: Float32Array.from(kept, index => scores[index]!),
    classes: kept.map(index => classes[index]!),
  };
}
