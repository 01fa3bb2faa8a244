/**
 * The box loss of YOLOv3. darknet has no loss but its gradients; with logits z, targets t and the weight
 * s = 2 - width * height of the object, whose sides are shares of the canvas (small boxes count up to twice):
 *
 *     dx, dy: s (sigmoid(z) - t)      cross-entropy of the offset of the centre, an answer between no and yes
 *     dw, dh: s (z - t)               half of the squared error of the log of the sides
 *
 * Cross-entropy with t itself is not 0 but the entropy of t, at most log 2. It has no gradient, yet it counts where the value
 * of the loss does (guided scaling): the config says whether it stays in the loss.
 */
import * as tf from '@tensorflow/tfjs';

export type DarknetBoxOptions = {
  /** `included`: cross-entropy; `excluded`: cross-entropy less the entropy of the target, 0 for a perfect box. */
  readonly entropy: 'included' | 'excluded';
};

/**
 * The sum over P boxes; 0 when P = 0.
 *
 * @param logits [P, 4]
 * @param targets of `encodeYolo` [P, 4], constants
 * @param weights s [P]
 */
export function darknetBoxSum(
  {entropy}: DarknetBoxOptions,
  logits: tf.Tensor2D,
  targets: Float32Array,
  weights: Float32Array,
): tf.Scalar {
  const rows = weights.length;
  tf.util.assertShapesMatch(logits.shape, [rows, 4], 'darknetBoxSum: logits and weights ');
  let floor = 0;
  if (entropy === 'excluded') {
    for (const [i, weight] of weights.entries()) {
      floor += weight * (entropyOf(targets[4 * i]!) + entropyOf(targets[4 * i + 1]!));
    }
  }
  const sum = tf.customGrad((input, save) => {
    const {value, gradient} = valueAndGradient(input as tf.Tensor2D, targets, weights);
    (save as tf.GradSaveFunc)([gradient]);
    return {
      value: tf.sub<tf.Scalar>(value, floor),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(dy, saved[0]!),
    };
  });
  return sum(logits) as tf.Scalar;
}

/** Both from the same intermediate results: the gradient is small, and nothing else is kept. */
function valueAndGradient(logits: tf.Tensor2D, targets: Float32Array, weights: Float32Array) {
  const rows = weights.length;
  // Reductions over nothing are undefined in some engines.
  if (rows === 0) return {value: tf.scalar(0), gradient: tf.zerosLike(logits)};
  const weight = tf.tensor2d(weights, [rows, 1]);
  const target = tf.tensor2d(targets, [rows, 4]);
  const half = (x: tf.Tensor2D, column: number) => tf.slice2d(x, [0, column], [rows, 2]);
  const [z, t] = [half(logits, 0), half(target, 0)];
  // max(z, 0) - z t + log(1 + exp(-|z|)), which no logit lets overflow
  const centre = tf.add(tf.sub(tf.relu(z), tf.mul(z, t)), tf.log1p(tf.exp(tf.neg(tf.abs(z)))));
  const difference = tf.sub<tf.Tensor2D>(half(logits, 2), half(target, 2));
  const value = tf.sum<tf.Scalar>(tf.mul(weight, tf.add(centre, tf.mul(tf.square(difference), 0.5))));
  const gradient = tf.mul(weight, tf.concat2d([tf.sub(tf.sigmoid(z), t), difference], 1));
  return {value, gradient};
}

/** - t log t - (1 - t) log(1 - t) in nats; 0 at 0 and 1. */
function entropyOf(t: number): number {
  return t <= 0 || t >= 1 ? 0 : -t * Math.log(t) - (1 - t) * Math.log1p(-t);
}

/** s = 2 - width * height of boxes [P, 4], sides as shares of the canvas. */
export function smallBoxWeights(
  boxes: Float32Array,
  canvas: {readonly width: number; readonly height: number},
): Float32Array {
  const area = canvas.width * canvas.height;
  return Float32Array.from({length: boxes.length / 4}, (_, i) => {
    const width = boxes[4 * i + 2]! - boxes[4 * i]!;
    const height = boxes[4 * i + 3]! - boxes[4 * i + 1]!;
    return 2 - (width * height) / area;
  });
}
