/**
 * The classification loss of RoI-subnets: softmax over C classes and the background (Girshick, "Fast R-CNN", Sec. 2.3).
 *
 * With z the logits of an example, m the largest of them and y its label:
 *
 *     -log softmax(z)_y = log sum over k of e^(z_k - m)  -  (z_y - m)
 *
 * where no exponential overflows. The logit m itself contributes the 1 of a log1p, so that the small losses of easy
 * background keep their digits. d/dz_k = softmax(z)_k - [k = y].
 */
import * as tf from '@tensorflow/tfjs';
import {noGrad} from '../engine/ops/no-grad.js';

/**
 * sum over r of weights[r] * -log softmax(logits[r])_labels[r]; 0 when R = 0. Labels and weights are constants. What is
 * ignored or has weight 0 adds nothing, whatever its logits.
 *
 * @param logits [R, C + 1]
 * @param labels int32 [R]: -1 ignored, 0 background, 1..C class
 * @param weights [R]
 * @throws Error when labels or weights are not [R], or labels are not integers
 */
export function softmaxCrossEntropySum(
  logits: tf.Tensor2D,
  labels: tf.Tensor1D,
  weights: tf.Tensor1D,
): tf.Scalar {
  assertExamples('softmaxCrossEntropySum', logits, labels);
  tf.util.assertShapesMatch(weights.shape, labels.shape, 'softmaxCrossEntropySum: weights and labels ');
  // The gradient for dy = 1 is made at once, from the exponentials of the loss: nothing else is kept.
  const loss = tf.customGrad((z, save) => {
    const {value, gradient} = lossAndGradient(z as tf.Tensor2D, labels, weights);
    (save as tf.GradSaveFunc)([gradient]);
    return {value, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(dy, saved[0]!)};
  });
  return loss(logits) as tf.Scalar;
}

/**
 * The loss of every example on its own, without gradient: what hard example mining chooses by. Ignored ones get 0.
 *
 * @param logits [R, C + 1]
 * @param labels int32 [R]: -1 ignored, 0 background, 1..C class
 * @returns [R], the caller's
 */
export function softmaxCrossEntropies(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor1D {
  assertExamples('softmaxCrossEntropies', logits, labels);
  if (labels.size === 0) return tf.zeros([0]);
  return noGrad(z => {
    const own = softmaxTerms(z as tf.Tensor2D, labels).losses;
    return tf.where(tf.greaterEqual(labels, 0), own, tf.zerosLike(own)) as tf.Tensor1D;
  }, logits);
}

function assertExamples(name: string, logits: tf.Tensor2D, labels: tf.Tensor1D): void {
  tf.util.assertShapesMatch(labels.shape, [logits.shape[0]], `${name}: labels and logits `);
  if (labels.dtype !== 'int32') throw new Error(`${name}: labels must be int32, not ${labels.dtype}`);
}

/** Exponentials e^(z - m) [R, C + 1], their sums [R, 1], and the losses [R]; an ignored example counts as background. */
function softmaxTerms(logits: tf.Tensor2D, labels: tf.Tensor1D) {
  const [examples, classes] = logits.shape;
  const shifted = tf.sub<tf.Tensor2D>(logits, tf.max(logits, 1, true));
  const exponentials = tf.exp(shifted);
  const isLargest = tf.equal(shifted, 0);
  const others = tf.add(
    tf.sum(tf.where(isLargest, tf.zerosLike(exponentials), exponentials), 1, true),
    tf.sub(tf.sum(tf.cast(isLargest, 'float32'), 1, true), 1),
  );
  const integer = (value: number) => tf.scalar(value, 'int32');
  const starts = tf.mul(tf.range(0, examples, 1, 'int32'), integer(classes));
  const own = tf.add(starts, tf.maximum(labels, integer(0)));
  const losses = tf.sub<tf.Tensor1D>(
    tf.reshape(tf.log1p(others), [examples]),
    tf.gather(tf.reshape(shifted, [-1]), own),
  );
  return {exponentials, totals: tf.add(others, 1), losses};
}

function lossAndGradient(logits: tf.Tensor2D, labels: tf.Tensor1D, weights: tf.Tensor1D) {
  const [examples, classes] = logits.shape;
  // Reductions over nothing are undefined in some engines.
  if (examples === 0) return {value: tf.scalar(0), gradient: tf.zerosLike(logits)};
  const {exponentials, totals, losses} = softmaxTerms(logits, labels);
  const counts = tf.logicalAnd(tf.greaterEqual(labels, 0), tf.notEqual(weights, 0));
  const value = tf.sum<tf.Scalar>(tf.where(counts, tf.mul(losses, weights), tf.zerosLike(losses)));
  const difference = tf.sub(tf.div(exponentials, totals), tf.oneHot(labels, classes));
  const gradient = tf.where(
    tf.expandDims(counts, 1),
    tf.mul(difference, tf.expandDims(weights, 1)),
    tf.zerosLike(difference),
  );
  return {value, gradient};
}
