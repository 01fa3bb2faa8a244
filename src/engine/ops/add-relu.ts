/** The join of a residual block: relu(a + b) in one pass (He et al., "Deep residual learning", Fig. 2). */
import * as tf from '@tensorflow/tfjs';
import {leakyRelu} from './activation.js';
import {gradientBeforeRelu, usedOnlyHere} from './backward-memory.js';
import {registerComposite, runKernel} from './composite.js';

/**
 * relu(a + b) of two tensors of the same shape. The gradient keeps the output only.
 * @param slope of the ReLU below zero
 */
export function addRelu(a: tf.Tensor4D, b: tf.Tensor4D, slope = 0): tf.Tensor4D {
  tf.util.assertShapesMatch(a.shape, b.shape, 'addRelu: ');
  return runKernel<tf.Tensor4D>('SfAddRelu', {a, b}, {slope});
}

registerComposite<{slope: number}>('SfAddRelu', (inputs, {slope}) =>
  leakyRelu(tf.add(inputs.a!, inputs.b!), slope),
);

tf.registerGradient({
  kernelName: 'SfAddRelu',
  outputsToSave: [true],
  gradFunc: (dy, saved, attributes) => {
    const {slope} = attributes as object as {slope: number};
    usedOnlyHere(dy as tf.Tensor, saved);
    const gradient = gradientBeforeRelu(dy as tf.Tensor, saved[0]!, slope);
    // Two handles: the tape disposes a gradient that it has added to another one.
    return {a: () => gradient.clone(), b: () => gradient.clone()};
  },
});
