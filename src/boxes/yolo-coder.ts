/**
 * What YOLOv3 predicts of a box (Redmon and Farhadi, "YOLO9000", Sec. 2, Eq. for b_x .. b_h): with t the four logits of an
 * anchor in a cell,
 *
 *     centre = corner of the cell + stride * sigmoid(t_x, t_y),    sides = anchor * exp(t_w, t_h)
 *
 * The centre cannot leave its cell. Sides are not bounded, as in darknet.
 */
import * as tf from '@tensorflow/tfjs';
import {CELL, CELL_NUMBERS} from './yolo-grid.js';

const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

/** Sides below this many pixels count as this long, so that a degenerate box gives a large target, never an infinite one. */
const MIN_SIDE = 1e-6;

/**
 * What the outputs should be: sigmoid(t_x) and sigmoid(t_y), in 0..1 (a centre outside of the cell counts as on its border),
 * and t_w and t_h.
 * @param boxes XYXY [n, 4]
 * @param cells [n, 5], `cellsOf` of the predictions that are to make them
 * @returns [n, 4]
 */
export function encodeYolo(boxes: Float32Array, cells: Float32Array): Float32Array {
  const targets = new Float32Array(boxes.length);
  for (let o = 0, c = 0; o < boxes.length; o += 4, c += CELL_NUMBERS) {
    for (let axis = 0; axis < 2; axis++) {
      const near = boxes[o + axis]!;
      const far = boxes[o + axis + 2]!;
      const offset = ((near + far) / 2 - cells[c + axis]!) / cells[c + CELL.side]!;
      targets[o + axis] = Math.min(Math.max(offset, 0), 1);
      targets[o + axis + 2] = Math.log(Math.max(far - near, MIN_SIDE) / cells[c + CELL.width + axis]!);
    }
  }
  return targets;
}

/**
 * Boxes that logits make, neither clipped nor bounded.
 * @param logits [n, 4]
 * @param cells [n, 5]
 * @returns XYXY [n, 4]
 */
export function decodeYolo(logits: Float32Array, cells: Float32Array): Float32Array {
  const boxes = new Float32Array(logits.length);
  for (let o = 0, c = 0; o < logits.length; o += 4, c += CELL_NUMBERS) {
    for (let axis = 0; axis < 2; axis++) {
      const centre = cells[c + axis]! + cells[c + CELL.side]! * sigmoid(logits[o + axis]!);
      const half = (cells[c + CELL.width + axis]! * Math.exp(logits[o + axis + 2]!)) / 2;
      boxes[o + axis] = centre - half;
      boxes[o + axis + 2] = centre + half;
    }
  }
  return boxes;
}

/**
 * `decodeYolo` on the gradient tape: losses that compare boxes learn through it.
 * @param logits [P, 4]
 * @param cells [P, 5], constants
 * @returns XYXY [P, 4], the caller's
 */
export function decodeYoloTensor(logits: tf.Tensor2D, cells: Float32Array): tf.Tensor2D {
  const rows = cells.length / CELL_NUMBERS;
  tf.util.assertShapesMatch(logits.shape, [rows, 4], 'decodeYoloTensor: logits and cells ');
  // tfjs's cpu backend joins empty halves to what it cannot slice.
  if (rows === 0) return tf.clone(logits);
  return tf.tidy(() => {
    const constants = tf.tensor2d(cells, [rows, CELL_NUMBERS]);
    const columns = (x: tf.Tensor2D, begin: number, size: number) => tf.slice2d(x, [0, begin], [rows, size]);
    const centre = tf.add<tf.Tensor2D>(
      columns(constants, CELL.left, 2),
      tf.mul(columns(constants, CELL.side, 1), tf.sigmoid(columns(logits, 0, 2))),
    );
    const half = tf.mul<tf.Tensor2D>(
      tf.exp(columns(logits, 2, 2)),
      tf.mul(columns(constants, CELL.width, 2), 0.5),
    );
    return tf.concat2d([tf.sub(centre, half), tf.add(centre, half)], 1);
  });
}
