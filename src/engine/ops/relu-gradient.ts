/** The gradient of y = relu(z), leaky or not, from y alone: dy where y > 0, else slope dy. */
import * as tf from '@tensorflow/tfjs';
import {registerComposite, runKernel} from './composite.js';

/** dy where y > 0, else slope dy, as a new tensor of the same shape. */
export function reluGradient<T extends tf.Tensor>(dy: T, y: tf.Tensor, slope = 0): T {
  return runKernel<T>('SfReluGrad', {dy, y}, {slope});
}

registerComposite<{slope: number}>('SfReluGrad', (inputs, {slope}) =>
  tf.mul(inputs.dy!, tf.step(inputs.y!, slope)),
);
