/**
 * One step of stochastic gradient descent with momentum and weight decay, in the form of PyTorch and
 * maskrcnn-benchmark (the learning rate is outside of the velocity):
 *
 *     v' = momentum v + g + weightDecay p,   p' = p - lr v'
 */
import * as tf from '@tensorflow/tfjs';
import {numbered, registerComposite, runKernel} from './composite.js';

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
  assertOneShape(step);
  const [nextParameter, nextVelocity] = runKernel<tf.Tensor[]>(
    'SfSgdUpdate',
    {parameter, gradient, velocity},
    {lr, momentum, weightDecay},
  ) as [T, T];
  return {parameter: nextParameter, velocity: nextVelocity};
}

/** A parameter of many, with what belongs to it and its own rates. */
export type SgdStep = Omit<SgdUpdate<tf.Tensor>, 'momentum'>;

export type SgdStepOptions = {
  readonly momentum: number;
  /** A scalar that multiplies every gradient first. */
  readonly clip?: tf.Scalar | undefined;
};

type AllAttributes = {lrs: number[]; momentum: number; weightDecays: number[]};

/** One step of many parameters in one call: the next parameter and velocity of each, in order. Not differentiable. */
export function sgdUpdateAll(
  steps: readonly SgdStep[],
  {momentum, clip}: SgdStepOptions,
): {parameter: tf.Tensor; velocity: tf.Tensor}[] {
  if (steps.length === 0) return [];
  steps.forEach(assertOneShape);
  const tensors = numbered([
    ...steps.map(({parameter}) => parameter),
    ...steps.map(({gradient}) => gradient),
    ...steps.map(({velocity}) => velocity),
  ]);
  const next = runKernel<tf.Tensor[]>('SfSgdUpdateAll', clip === undefined ? tensors : {...tensors, clip}, {
    lrs: steps.map(({lr}) => lr),
    momentum,
    weightDecays: steps.map(({weightDecay}) => weightDecay),
  });
  return steps.map((_, i) => ({parameter: next[i]!, velocity: next[steps.length + i]!}));
}

function assertOneShape({parameter, gradient, velocity}: SgdStep): void {
  tf.util.assertShapesMatch(parameter.shape, gradient.shape, 'sgdUpdate: gradient ');
  tf.util.assertShapesMatch(parameter.shape, velocity.shape, 'sgdUpdate: velocity ');
}

registerComposite<Attributes>('SfSgdUpdate', (inputs, {lr, momentum, weightDecay}) => {
  const parameter = inputs.parameter!;
  const decayed = tf.add(inputs.gradient!, tf.mul(parameter, weightDecay));
  const velocity = tf.add(tf.mul(inputs.velocity!, momentum), decayed);
  return [tf.sub(parameter, tf.mul(velocity, lr)), velocity];
});

registerComposite<AllAttributes>('SfSgdUpdateAll', (inputs, {lrs, momentum, weightDecays}) => {
  const {clip, ...numberedTensors} = inputs;
  const tensors = Object.values(numberedTensors);
  const count = lrs.length;
  const next = lrs.map((lr, i) => {
    const [parameter, given, velocity] = [tensors[i]!, tensors[count + i]!, tensors[2 * count + i]!];
    const gradient = clip === undefined ? given : tf.mul(given, clip);
    const step = {parameter, gradient, velocity, lr, momentum, weightDecay: weightDecays[i]!};
    const updated = sgdUpdate(step);
    if (gradient !== given) gradient.dispose();
    return updated;
  });
  return [...next.map(({parameter}) => parameter), ...next.map(({velocity}) => velocity)];
});
