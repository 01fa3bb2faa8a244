/**
 * The sum of weighted binary cross-entropies of all classes from logits (the classification loss of Eq. 2, before its
 * normaliser).
 *
 * With p = sigmoid(z) and t in {0, 1}, and log p = z - log(1 + e^z), log(1 - p) = -log(1 + e^z):
 *
 *     -t log p - (1 - t) log(1 - p) = log(1 + e^z) - t z = max(z, 0) - t z + log1p(e^-|z|)
 *
 * where e^-|z| cannot overflow and log1p keeps the small losses of easy background exact. d/dz = p - t.
 */
import * as tf from '@tensorflow/tfjs';
import {registerComposite, runKernel} from './composite.js';

/**
 * sum over b, a, c of weights[b, a] * BCE(logits[b, a, c], labels[b, a] == c + 1).
 *
 * Labels and weights are constants: a gradient with respect to them is an error.
 *
 * @param logits [B, A, C]
 * @param labels int32 [B, A]: -1 contributes 0, 0 is background, 1..C the class
 * @param weights float32 [B, A]
 */
export function sigmoidCrossEntropySum(
  logits: tf.Tensor3D,
  labels: tf.Tensor2D,
  weights: tf.Tensor2D,
): tf.Scalar {
  assertExamples('sigmoidCrossEntropySum', logits, labels, weights);
  return runKernel<tf.Scalar>('SfSigmoidCrossEntropy', {logits, labels, weights});
}

/** @throws Error when labels or weights do not have the [B, A] of the logits, or labels are not integers */
export function assertExamples(
  name: string,
  logits: tf.Tensor3D,
  labels: tf.Tensor2D,
  weights: tf.Tensor2D,
): void {
  const examples = logits.shape.slice(0, 2);
  tf.util.assertShapesMatch(labels.shape, examples, `${name}: labels and logits `);
  tf.util.assertShapesMatch(weights.shape, examples, `${name}: weights and logits `);
  if (labels.dtype !== 'int32') throw new Error(`${name}: labels must be int32, not ${labels.dtype}`);
}

/** Weights with ignored examples at 0, and the one-hot targets: [B, A, 1] and [B, A, C]. */
export function examples(inputs: tf.NamedTensorMap): {weight: tf.Tensor; target: tf.Tensor} {
  const labels = tf.expandDims(inputs.labels!, -1); // [B, A, 1]
  const kept = tf.cast(tf.greaterEqual(labels, 0), 'float32');
  const classes = tf.range(1, inputs.logits!.shape[2]! + 1, 1, 'int32'); // tf.oneHot refuses a single class
  return {
    weight: tf.mul(tf.expandDims(inputs.weights!, -1), kept),
    target: tf.cast(tf.equal(labels, classes), 'float32'),
  };
}

registerComposite('SfSigmoidCrossEntropy', inputs => {
  const z = inputs.logits!;
  const {weight, target} = examples(inputs);
  const loss = tf.add(tf.sub(tf.relu(z), tf.mul(z, target)), tf.log1p(tf.exp(tf.neg(tf.abs(z)))));
  return tf.sum(tf.mul(weight, loss));
});

registerComposite('SfSigmoidCrossEntropyGrad', inputs => {
  const {weight, target} = examples(inputs);
  return tf.mul(tf.mul(inputs.dy!, weight), tf.sub(tf.sigmoid(inputs.logits!), target));
});

tf.registerGradient({
  kernelName: 'SfSigmoidCrossEntropy',
  inputsToSave: ['logits', 'labels', 'weights'],
  gradFunc: (dy, saved) => {
    const [logits, labels, weights] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
    return {
      logits: () =>
        runKernel<tf.Tensor>('SfSigmoidCrossEntropyGrad', {dy: dy as tf.Tensor, logits, labels, weights}),
    };
  },
});
