/** What follows a convolution or a norm: nothing, ReLU, or leaky ReLU (z above zero, slope z below), as one number. */
import * as tf from '@tensorflow/tfjs';

export type Activation = {
  readonly relu?: boolean;
  /** Of the ReLU below zero, 0 to 1; default 0. */
  readonly negativeSlope?: number;
};

/** The slope below zero: 1 where nothing follows. */
export function slopeOf({relu = false, negativeSlope = 0}: Activation): number {
  if (!(negativeSlope >= 0 && negativeSlope <= 1)) {
    throw new Error(`the slope of a ReLU below zero is between 0 and 1, not ${negativeSlope}`);
  }
  return relu ? negativeSlope : 1;
}

/** Leaky ReLU of that slope out of tfjs's operations, for composites. */
export function leakyRelu<T extends tf.Tensor>(z: T, slope: number): T {
  if (slope === 1) return z;
  return slope === 0 ? tf.relu(z) : tf.leakyRelu(z, slope);
}
