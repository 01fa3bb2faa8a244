/**
 * GHM-R, the box loss of Li et al., "Gradient Harmonized Single-stage Detector" (AAAI 2019), as its authors' code has it:
 * harmonized level by level, with running sums that all levels share (engine/ops/harmonized.ts).
 */
import * as tf from '@tensorflow/tfjs';
import {harmonizedL1Sum} from '../engine/ops/harmonized-l1.js';
import type {ComparedBoxes} from './box-loss.js';

export type GhmR = {
  /** Where the distance turns from a square into a length, in the unit of the deltas. */
  readonly mu: number;
  readonly momentum: number;
  /** Multiplies the loss; the authors' is 10. */
  readonly weight: number;
};

/**
 * The loss of one step, which moves the running sums; a level without foreground leaves them. Not a sum that needs a
 * normaliser. 0 without foreground.
 *
 * @param sums S, [M]
 */
export function ghmRegression(
  {mu, momentum, weight}: GhmR,
  {predicted, target, level, levels}: ComparedBoxes,
  sums: tf.Variable,
): tf.Scalar {
  const rows = level.length;
  const moved = harmonizedL1Sum(
    predicted,
    tf.tensor2d(target, [rows, 4]),
    tf.tensor1d(level, 'int32'),
    sums,
    {levels, mu, momentum},
  );
  sums.assign(moved.sums);
  moved.sums.dispose();
  return tf.mul<tf.Scalar>(moved.loss, weight);
}
