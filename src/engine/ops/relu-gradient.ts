/** The gradient of y = relu(z) from y alone: dy where y > 0, else 0. */
import * as tf from '@tensorflow/tfjs';
import {registerComposite, runKernel} from './composite.js';

/** dy where y > 0, else 0, as a new tensor of the same shape. */
export function reluGradient<T extends tf.Tensor>(dy: T, y: tf.Tensor): T {
  return runKernel<T>('SfReluGrad', {dy, y});
}

registerComposite('SfReluGrad', inputs => tf.mul(inputs.dy!, tf.step(inputs.y!)));
