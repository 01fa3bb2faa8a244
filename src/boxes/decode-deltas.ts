/** `decodeBoxes` of box-coder.ts on the gradient tape: losses that compare boxes instead of deltas learn through it. */
import * as tf from '@tensorflow/tfjs';
import {type BoxCoderWeights, LOG_RATIO_LIMIT} from './box-coder.js';

/**
 * Boxes that `deltas` make of the anchors. A side that has reached its limit has no gradient.
 *
 * @param deltas [P, 4]
 * @param anchors [P, 4] XYXY, constants
 * @returns [P, 4] XYXY, the caller's
 */
export function decodeDeltas(
  deltas: tf.Tensor2D,
  anchors: Float32Array,
  weights: BoxCoderWeights,
): tf.Tensor2D {
  const rows = anchors.length / 4;
  tf.util.assertShapesMatch(deltas.shape, [rows, 4], 'decodeDeltas: deltas and anchors ');
  // tfjs's cpu backend joins empty halves to what it cannot slice.
  if (rows === 0) return tf.clone(deltas);
  const sides = new Float32Array(2 * rows);
  const centres = new Float32Array(2 * rows);
  for (let row = 0; row < rows; row++) {
    for (let axis = 0; axis < 2; axis++) {
      const near = anchors[4 * row + axis]!;
      const far = anchors[4 * row + axis + 2]!;
      sides[2 * row + axis] = far - near;
      centres[2 * row + axis] = (near + far) / 2;
    }
  }
  return tf.tidy(() => {
    const side = tf.tensor2d(sides, [rows, 2]);
    const scaled = tf.div<tf.Tensor2D>(deltas, tf.tensor2d([[...weights]]));
    const centre = tf.add<tf.Tensor2D>(
      tf.mul(tf.slice2d(scaled, [0, 0], [rows, 2]), side),
      tf.tensor2d(centres, [rows, 2]),
    );
    const half = tf.mul<tf.Tensor2D>(
      tf.exp(tf.minimum(tf.slice2d(scaled, [0, 2], [rows, 2]), LOG_RATIO_LIMIT)),
      tf.mul(side, 0.5),
    );
    return tf.concat2d([tf.sub(centre, half), tf.add(centre, half)], 1);
  });
}
