/**
 * What the box head of FoveaBox learns: how far the four sides are from a point, in base edges of its level, as a
 * logarithm (Kong et al., "FoveaBox", 2019, "Box prediction"; mmdetection, models/anchor_heads/fovea_head.py).
 *
 *     (log (x - x1) / z, log (y - y1) / z, log (x2 - x) / z, log (y2 - y) / z)
 */
import * as tf from '@tensorflow/tfjs';
import type {Points} from './points.js';

/** A distance is learned as if it were at least 1 / 16 and at most 16 base edges: a side that touches the point has one too. */
const DISTANCE_LIMIT = 16;

/** 1 where a side lies at smaller coordinates than the point: (x1, y1, x2, y2). */
const DIRECTIONS = [-1, -1, 1, 1] as const;

/**
 * Deltas that turn the points at `positions` [n], each in 0..A, into boxes; [n, 4].
 * @param boxes [n, 4]
 */
export function encodeFromPoints(boxes: Float32Array, points: Points, positions: Int32Array): Float32Array {
  const deltas = new Float32Array(boxes.length);
  for (let i = 0; i < positions.length; i++) {
    const point = positions[i]!;
    const edge = points.edges[point]!;
    for (let side = 0; side < 4; side++) {
      const distance = DIRECTIONS[side]! * (boxes[4 * i + side]! - points.centres[2 * point + (side % 2)]!);
      const ratio = Math.min(Math.max(distance / edge, 1 / DISTANCE_LIMIT), DISTANCE_LIMIT);
      deltas[4 * i + side] = Math.log(ratio);
    }
  }
  return deltas;
}

/**
 * Boxes that `deltas` [n, 4] make of the points at `positions` [n]; [n, 4], neither clipped nor limited: a wild delta gives
 * an infinite side, NaN stays NaN.
 */
export function decodeFromPoints(deltas: Float32Array, points: Points, positions: Int32Array): Float32Array {
  const boxes = new Float32Array(deltas.length);
  for (let i = 0; i < positions.length; i++) {
    const point = positions[i]!;
    for (let side = 0; side < 4; side++) {
      const distance = points.edges[point]! * Math.exp(deltas[4 * i + side]!);
      boxes[4 * i + side] = points.centres[2 * point + (side % 2)]! + DIRECTIONS[side]! * distance;
    }
  }
  return boxes;
}

/** `decodeFromPoints` on the tape, for losses that compare boxes; [P, 4] -> XYXY [P, 4], the caller's. */
export function decodeDeltasFromPoints(
  deltas: tf.Tensor2D,
  points: Points,
  positions: Int32Array,
): tf.Tensor2D {
  const rows = positions.length;
  tf.util.assertShapesMatch(deltas.shape, [rows, 4], 'decodeDeltasFromPoints: deltas and points ');
  const centres = new Float32Array(4 * rows);
  const edges = new Float32Array(4 * rows);
  for (let i = 0; i < rows; i++) {
    for (let side = 0; side < 4; side++) {
      centres[4 * i + side] = points.centres[2 * positions[i]! + (side % 2)]!;
      edges[4 * i + side] = DIRECTIONS[side]! * points.edges[positions[i]!]!;
    }
  }
  return tf.tidy(() => {
    const distances = tf.mul(tf.exp(deltas), tf.tensor2d(edges, [rows, 4]));
    return tf.add<tf.Tensor2D>(distances, tf.tensor2d(centres, [rows, 4]));
  });
}
