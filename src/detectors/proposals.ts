/**
 * From the predictions of a region proposal network to the boxes that the next stage looks at: Ren et al., "Faster R-CNN",
 * Sec. 3.3, with a pyramid as in Lin et al. 2017, Sec. 4.1. Everything is computed on the engine, as constants; the
 * host reads the result once.
 */
import * as tf from '@tensorflow/tfjs';
import {LOG_RATIO_LIMIT} from '../boxes/box-coder.js';
import type {BoxCoderConfig} from '../config/network.js';
import type {RpnProposalCounts} from '../config/two-stage.js';
import type {ImageInfo} from '../data/batch.js';
import {gatherRows} from '../engine/ops/gather-rows.js';
import {classwiseNms} from '../engine/ops/nms.js';
import {noGrad} from '../engine/ops/no-grad.js';
import {segmentTopK} from '../engine/ops/top-k.js';
import type {DensePredictions} from '../heads/retina-head.js';

/** Boxes of one image by falling objectness, inside the image. R proposals. */
export type Proposals = {
  readonly boxes: Float32Array; // [R, 4]
  /** Logits of the objectness. */
  readonly scores: Float32Array; // [R]
};

export type ProposalOptions = RpnProposalCounts & {
  readonly boxWeights: BoxCoderConfig['weights'];
  /** Anchors of every level, in order. */
  readonly levelCounts: readonly number[];
  readonly nmsThreshold: number;
  /** A proposal with a side below this, in pixels, is dropped; one without area always is. */
  readonly minSize: number;
  /** The objectness must exceed this probability; 0 lets everything pass. */
  readonly scoreThreshold: number;
};

/** Columns of what the host reads: a box, its logit and the group (image and level) that it competed in. */
const COLUMNS = 6;

/**
 * The strongest anchors of every level become boxes, which are cut to the image, compete within their level, and are
 * cut to the best `postNmsTopK` of the image. Equal scores keep the order of the anchors.
 *
 * @param predictions logits [B, A, 1] and deltas [B, A, 4]; they stay the caller's
 * @param anchors [A, 4]
 * @returns for each of the B images; a constant, whatever tape is running
 */
export function propose(
  {logits, deltas}: DensePredictions,
  anchors: tf.Tensor2D,
  infos: readonly ImageInfo[],
  options: ProposalOptions,
): readonly Proposals[] {
  const kept = noGrad<tf.Tensor2D>(() => tf.tidy(() => suppressed(logits, deltas, anchors, infos, options)));
  const rows = kept.dataSync<'float32'>();
  kept.dispose();
  return cutToImages(rows, infos.length, options);
}

/** All that suppression leaves, over all images by falling score: [K, COLUMNS]. */
function suppressed(
  logits: tf.Tensor3D,
  deltas: tf.Tensor3D,
  anchors: tf.Tensor2D,
  infos: readonly ImageInfo[],
  {boxWeights, levelCounts, preNmsTopK, nmsThreshold, minSize, scoreThreshold}: ProposalOptions,
): tf.Tensor2D {
  const [images, anchorCount] = logits.shape;
  const levels = levelCounts.length;
  const above = scoreThreshold <= 0 ? -Infinity : Math.log(scoreThreshold / (1 - scoreThreshold));
  const strongest = segmentTopK(tf.reshape(logits, [images, anchorCount]) as tf.Tensor2D, levelCounts, {
    k: Math.min(preNmsTopK, Math.max(...levelCounts)),
    above,
  });
  const slots = strongest.indices.shape[2];
  const count = images * levels * slots;
  const found = tf.reshape(strongest.indices, [count]) as tf.Tensor1D; // -1: an empty slot
  const anchor = tf.maximum<tf.Tensor1D>(found, tf.scalar(0, 'int32'));
  const imageOffset = tf.tensor1d(
    Int32Array.from({length: count}, (_, slot) => Math.floor(slot / (levels * slots)) * anchorCount),
    'int32',
  );
  const boxes = clipToImages(
    decode(
      gatherRows(tf.reshape(deltas, [-1, 4]) as tf.Tensor2D, tf.add<tf.Tensor1D>(anchor, imageOffset)),
      gatherRows(anchors, anchor),
      boxWeights,
    ),
    infos,
    levels * slots,
  );
  const [x1, y1, x2, y2] = tf.split(boxes, 4, 1) as tf.Tensor2D[];
  const side = tf.minimum(tf.sub(x2!, x1!), tf.sub(y2!, y1!));
  const valid = tf.logicalAnd(
    tf.logicalAnd(tf.greater(side, 0), tf.greaterEqual(side, minSize)),
    tf.greaterEqual(tf.reshape(found, [count, 1]), 0),
  );
  // Suppression leaves out what has no number for a score.
  const scores = tf.where(
    valid,
    tf.reshape(strongest.values, [count, 1]) as tf.Tensor2D,
    tf.fill<tf.Rank.R2>([count, 1], Number.NaN),
  );
  const groups = Int32Array.from({length: count}, (_, slot) => Math.floor(slot / slots));
  const kept = classwiseNms(boxes, tf.reshape(scores, [count]) as tf.Tensor1D, tf.tensor1d(groups, 'int32'), {
    iouThreshold: nmsThreshold,
  });
  const all = tf.concat2d([boxes, scores, tf.tensor2d(Float32Array.from(groups), [count, 1])], 1);
  return gatherRows(all, kept);
}

/** `decodeBoxes` of src/boxes on the engine: [n, 4]. */
function decode(
  deltas: tf.Tensor2D,
  anchors: tf.Tensor2D,
  [wx, wy, ww, wh]: BoxCoderConfig['weights'],
): tf.Tensor2D {
  const near = tf.slice2d(anchors, [0, 0], [-1, 2]);
  const far = tf.slice2d(anchors, [0, 2], [-1, 2]);
  const sides = tf.sub<tf.Tensor2D>(far, near);
  const shift = tf.div<tf.Tensor2D>(tf.slice2d(deltas, [0, 0], [-1, 2]), tf.tensor2d([wx, wy], [1, 2]));
  const ratio = tf.div<tf.Tensor2D>(tf.slice2d(deltas, [0, 2], [-1, 2]), tf.tensor2d([ww, wh], [1, 2]));
  const centre = tf.add(tf.add(near, tf.mul(sides, 0.5)), tf.mul(shift, sides));
  const half = tf.mul(tf.mul(tf.exp(tf.minimum(ratio, LOG_RATIO_LIMIT)), sides), 0.5);
  return tf.concat2d([tf.sub<tf.Tensor2D>(centre, half), tf.add<tf.Tensor2D>(centre, half)], 1);
}

/** Each box cut to its image: box i belongs to image floor(i / boxesOfImage). */
function clipToImages(boxes: tf.Tensor2D, infos: readonly ImageInfo[], boxesOfImage: number): tf.Tensor2D {
  const shape: [number, number, number] = [infos.length, 1, 4];
  const least = infos.flatMap(({left = 0, top = 0}) => [left, top, left, top]);
  const most = infos.flatMap(({width, height}, image) =>
    [width, height, width, height].map((length, i) => least[4 * image + i]! + length),
  );
  const ofImages = tf.reshape(boxes, [infos.length, boxesOfImage, 4]);
  return tf.reshape(
    tf.minimum(tf.maximum(ofImages, tf.tensor3d(least, shape)), tf.tensor3d(most, shape)),
    [-1, 4],
  ) as tf.Tensor2D;
}

/** The rows, which come by falling score, by image and cut to the best of it. */
function cutToImages(
  rows: Float32Array,
  images: number,
  {levelCounts, postNmsTopK}: ProposalOptions,
): readonly Proposals[] {
  const boxes = Array.from({length: images}, () => [] as number[]);
  const scores = Array.from({length: images}, () => [] as number[]);
  for (let o = 0; o < rows.length; o += COLUMNS) {
    const image = Math.floor(rows[o + 5]! / levelCounts.length);
    if (scores[image]!.length === postNmsTopK) continue;
    boxes[image]!.push(rows[o]!, rows[o + 1]!, rows[o + 2]!, rows[o + 3]!);
    scores[image]!.push(rows[o + 4]!);
  }
  return boxes.map((ofImage, image) => ({
    boxes: Float32Array.from(ofImage),
    scores: Float32Array.from(scores[image]!),
  }));
}
