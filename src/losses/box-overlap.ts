/** Areas of pairs of boxes on the gradient tape: what losses defined on boxes are made of. P pairs. */
import * as tf from '@tensorflow/tfjs';

/** Least area that is divided by, in square pixels. */
const MIN_AREA = 1e-7;

export type BoxOverlap = {
  readonly iou: tf.Tensor2D; // [P, 1]
  /** Area of both boxes together. */
  readonly union: tf.Tensor2D; // [P, 1]
  /** Area of the smallest box around both. */
  readonly hull: tf.Tensor2D; // [P, 1]
};

/**
 * Box i of one with box i of the other. A box whose sides are not positive has no area; where neither has one the IoU is 0.
 * Call inside a tidy.
 *
 * @param predicted [P, 4] XYXY
 * @param target [P, 4] XYXY, constants
 */
export function boxOverlap(predicted: tf.Tensor2D, target: tf.Tensor2D): BoxOverlap {
  tf.util.assertShapesMatch(predicted.shape, target.shape, 'boxOverlap: ');
  const a = corners(predicted);
  const b = corners(target);
  const intersection = area(tf.minimum(a.far, b.far), tf.maximum(a.near, b.near));
  const union = tf.maximum<tf.Tensor2D>(
    tf.sub(tf.add(area(a.far, a.near), area(b.far, b.near)), intersection),
    MIN_AREA,
  );
  return {
    iou: tf.div(intersection, union),
    union,
    hull: tf.maximum(area(tf.maximum(a.far, b.far), tf.minimum(a.near, b.near)), MIN_AREA),
  };
}

function corners(boxes: tf.Tensor2D) {
  const rows = boxes.shape[0];
  return {near: tf.slice2d(boxes, [0, 0], [rows, 2]), far: tf.slice2d(boxes, [0, 2], [rows, 2])};
}

/** [P, 2], [P, 2] -> [P, 1] */
function area(far: tf.Tensor2D, near: tf.Tensor2D): tf.Tensor2D {
  const rows = far.shape[0];
  const sides = tf.relu(tf.sub<tf.Tensor2D>(far, near));
  return tf.mul(tf.slice2d(sides, [0, 0], [rows, 1]), tf.slice2d(sides, [0, 1], [rows, 1]));
}
