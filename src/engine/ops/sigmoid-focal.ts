/**
 * Focal loss of Lin et al. ("Focal loss for dense object detection", Eq. 5; Eq. 1 of the Sampling-Free paper) for one
 * sigmoid per class, summed:
 *
 *     FL = -alpha_t (1 - p_t)^gamma log p_t,   p_t = p and alpha_t = alpha where t = 1, else 1 - p and 1 - alpha
 *
 * With u = z where t = 1, else -z: p_t = sigmoid(u), so -log p_t = softplus(-u) and (1 - p_t)^gamma =
 * sigmoid(-u)^gamma. Since d sigmoid(-u)/du = -sigmoid(u) sigmoid(-u) and d softplus(-u)/du = -sigmoid(-u),
 *
 *     dFL/du = -alpha_t sigmoid(-u)^gamma (gamma sigmoid(u) softplus(-u) + sigmoid(-u)),   dz = du or -du
 *
 * Nothing divides by or takes the logarithm of a probability: all is finite for any z.
 */
import * as tf from '@tensorflow/tfjs';
import {registerComposite, runKernel} from './composite.js';
import {assertExamples, examples} from './sigmoid-cross-entropy.js';

export type FocalOptions = {readonly alpha: number; readonly gamma: number};

type Attributes = {alpha: number; gamma: number};

/**
 * sum over b, a, c of weights[b, a] * FL(logits[b, a, c], labels[b, a] == c + 1).
 *
 * Labels and weights are constants: a gradient with respect to them is an error.
 *
 * @param logits [B, A, C]
 * @param labels int32 [B, A]: -1 contributes 0, 0 is background, 1..C the class
 * @param weights float32 [B, A]
 */
export function sigmoidFocalSum(
  logits: tf.Tensor3D,
  labels: tf.Tensor2D,
  weights: tf.Tensor2D,
  options: FocalOptions,
): tf.Scalar {
  assertExamples('sigmoidFocalSum', logits, labels, weights);
  const {alpha, gamma} = options;
  return runKernel<tf.Scalar>('SfSigmoidFocal', {logits, labels, weights}, {alpha, gamma});
}

/** The factors of the header: u, its sign, alpha_t times the weight, sigmoid(-u), softplus(-u). */
function factors(inputs: tf.NamedTensorMap, alpha: number) {
  const {weight, target} = examples(inputs);
  const sign = tf.sub(tf.mul(target, 2), 1);
  const u = tf.mul(sign, inputs.logits!);
  const scale = tf.mul(weight, tf.add(tf.mul(target, 2 * alpha - 1), 1 - alpha));
  const softplus = tf.add(tf.relu(tf.neg(u)), tf.log1p(tf.exp(tf.neg(tf.abs(u)))));
  return {u, sign, scale, missed: tf.sigmoid(tf.neg(u)), softplus};
}

registerComposite<Attributes>('SfSigmoidFocal', (inputs, {alpha, gamma}) => {
  const {scale, missed, softplus} = factors(inputs, alpha);
  return tf.sum(tf.mul(scale, tf.mul(tf.pow(missed, gamma), softplus)));
});

registerComposite<Attributes>('SfSigmoidFocalGrad', (inputs, {alpha, gamma}) => {
  const {u, sign, scale, missed, softplus} = factors(inputs, alpha);
  const bracket = tf.add(tf.mul(tf.mul(tf.sigmoid(u), softplus), gamma), missed);
  const du = tf.neg(tf.mul(scale, tf.mul(tf.pow(missed, gamma), bracket)));
  return tf.mul(inputs.dy!, tf.mul(sign, du));
});

tf.registerGradient({
  kernelName: 'SfSigmoidFocal',
  inputsToSave: ['logits', 'labels', 'weights'],
  gradFunc: (dy, saved, attributes) => {
    const [logits, labels, weights] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
    return {
      logits: () =>
        runKernel<tf.Tensor>(
          'SfSigmoidFocalGrad',
          {dy: dy as tf.Tensor, logits, labels, weights},
          attributes,
        ),
    };
  },
});
