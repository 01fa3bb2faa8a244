/** The gradient of a bias: what reached all elements of its channel. */
import * as tf from '@tensorflow/tfjs';
import {registerComposite, runKernel} from './composite.js';

/** dy [..., C] summed over all axes but the last: [C]. */
export function biasGradient(dy: tf.Tensor): tf.Tensor1D {
  return runKernel<tf.Tensor1D>('SfBiasGrad', {dy});
}

registerComposite('SfBiasGrad', ({dy}) => tf.sum(dy!, [...dy!.shape.keys()].slice(0, -1)));
