/**
 * Gradient harmonizing (Li et al., "Gradient Harmonized Single-stage Detector", AAAI 2019): an example counts the less, the
 * more examples have a gradient of about its size. The sizes g in [0, 1] are counted in M equal bins, level by level of a
 * pyramid; with R_i examples in bin i of a level and the running sums S, which all levels share,
 *
 *     S_i <- m S_i + (1 - m) R_i  where R_i > 0,      weight of an example in bin i = 1 / (S_i n),
 *
 * n being the number of bins with R_i > 0. (The reference multiplies by the number of examples of the level, and divides
 * the loss by it again.) The weights are constants. They depend on the counts alone, so one pass over the examples that
 * counts and sums their losses by bin gives the value of the loss, and another one its gradient.
 *
 * Here is what composites of both losses share.
 */
import * as tf from '@tensorflow/tfjs';

/** A loss, and the running sums after it. Both belong to the caller. */
export type Harmonized = {readonly loss: tf.Scalar; readonly sums: tf.Tensor1D};

export type HarmonizedOptions = {
  /** m: the share of the running sums that stays. */
  readonly momentum: number;
};

/** The outputs of a kernel; the table of weights was made for the gradient, which has its own reference to it. */
export function splitOutputs([loss, sums, table]: tf.Tensor[]): Harmonized {
  table!.dispose();
  return {loss: loss as tf.Scalar, sums: sums as tf.Tensor1D};
}

/**
 * Weights by level and bin, 0 where a bin is empty, and the running sums that the last level leaves.
 * @param counts R, [L, M]
 * @param sums S, [M]
 */
export function weighBins(counts: tf.Tensor2D, sums: tf.Tensor1D, momentum: number) {
  const bins = counts.shape[1];
  const rows: tf.Tensor1D[] = [];
  let running = sums;
  for (const ofLevel of tf.unstack(counts) as tf.Tensor1D[]) {
    const filled = tf.greater(ofLevel, 0);
    const moved = tf.add(tf.mul(running, momentum), tf.mul(ofLevel, 1 - momentum));
    running = tf.where(filled, moved, running) as tf.Tensor1D;
    const product = tf.mul(running, tf.sum(tf.cast(filled, 'float32')));
    rows.push(tf.where(filled, tf.div(1, product), tf.zeros([bins])) as tf.Tensor1D);
  }
  return {table: tf.stack(rows) as tf.Tensor2D, sums: tf.clone(running)};
}

/**
 * Where in a table [L, M] (flat) a size belongs: what reaches 1 and what is not a number are in the last bin.
 * @param level int32, of a shape that broadcasts to that of the sizes
 */
export function tablePositions(size: tf.Tensor, level: tf.Tensor, bins: number): tf.Tensor {
  const last = tf.fill(size.shape, bins - 1);
  const bin = tf.where(tf.less(size, 1), tf.minimum(tf.floor(tf.mul(size, bins)), last), last);
  return tf.add(tf.cast(bin, 'int32'), tf.mul(level, tf.scalar(bins, 'int32')));
}

/**
 * R, [L, M].
 * @param positions int32, of any shape, into the table; one beyond its end is not counted
 */
export function countBins(positions: tf.Tensor, levels: number, bins: number): tf.Tensor2D {
  const size = levels * bins;
  const flat = tf.reshape(positions, [-1]) as tf.Tensor1D;
  const counts = tf.bincount<tf.Tensor1D>(flat, tf.tensor1d([], 'int32'), size + 1);
  return tf.cast(tf.reshape(tf.slice1d(counts, 0, size), [levels, bins]), 'float32');
}

/** The weight at every position; 0 at the one beyond the end. */
export function lookUp(table: tf.Tensor, positions: tf.Tensor): tf.Tensor {
  const flat = tf.concat([tf.reshape(table, [-1]), tf.zeros([1])]);
  return tf.gather(flat, positions as tf.Tensor1D);
}
