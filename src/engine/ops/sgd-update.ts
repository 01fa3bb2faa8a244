/**
 * One step of stochastic gradient descent with momentum and weight decay, in the form of PyTorch and
 * maskrcnn-benchmark (the learning rate is outside of the velocity):
 *
 *     v' = momentum v + g + weightDecay p,   p' = p - lr v'
 */
import * as tf from '@tensorflow/tfjs';
import {registerComposite, runKernel} from './composite.js';

export type SgdUpdate<T extends tf.Tensor> = {
  readonly parameter: T;
  readonly gradient: tf.Tensor;
  readonly velocity: tf.Tensor;
  readonly lr: number;
  readonly momentum: number;
  readonly weightDecay: number;
};

type Attributes = {lr: number; momentum: number; weightDecay: number};

/** The next parameter and velocity, as new tensors; the three inputs have one shape. Not differentiable. */
export function sgdUpdate<T extends tf.Tensor>(step: SgdUpdate<T>): {parameter: T; velocity: T} {
  const {parameter, gradient, velocity, lr, momentum, weightDecay} = step;
  tf.util.assertShapesMatch(parameter.shape, gradient.shape, 'sgdUpdate: gradient ');
  tf.util.assertShapesMatch(parameter.shape, velocity.shape, 'sgdUpdate: velocity ');
  const [nextParameter, nextVelocity] = runKernel<tf.Tensor[]>(
    'SfSgdUpdate',
    {parameter, gradient, velocity},
    {lr, momentum, weightDecay},
  ) as [T, T];
  return {parameter: nextParameter, velocity: nextVelocity};
}

registerComposite<Attributes>('SfSgdUpdate', (inputs, {lr, momentum, weightDecay}) => {
  const parameter = inputs.parameter!;
  const decayed = tf.add(inputs.gradient!, tf.mul(parameter, weightDecay));
  const velocity = tf.add(tf.mul(inputs.velocity!, momentum), decayed);
  return [tf.sub(parameter, tf.mul(velocity, lr)), velocity];
});
