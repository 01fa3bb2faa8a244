/** A fully connected layer: what box heads are made of. */
import * as tf from '@tensorflow/tfjs';
import {dense} from '../engine/ops/dense.js';
import type {ModelScope} from './convolution-layer.js';
import {type InitialFilter, initialValues} from './initial.js';

export type DenseLayerOptions = {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly relu: boolean;
  readonly initial: InitialFilter;
};

/** [R, ...] -> [R, out]: what lies behind the first axis is one vector, in its order. The caller owns the result. */
export type DenseLayer = (x: tf.Tensor) => tf.Tensor2D;

/** Creates `name.weight` [in, out] and `name.bias` [out], which starts at 0, and returns the layer. */
export function denseLayer(scope: ModelScope, name: string, options: DenseLayerOptions): DenseLayer {
  const {inChannels, outChannels, relu, initial} = options;
  const {parameters, seed} = scope;
  const values = initialValues(initial, [1, 1, inChannels, outChannels], seed, `${name}.weight`);
  const filter = parameters.create(
    `${name}.weight`,
    'weight',
    tf.tensor2d(values, [inChannels, outChannels]),
  ) as tf.Variable<tf.Rank.R2>;
  const bias = parameters.create(`${name}.bias`, 'bias', tf.zeros([outChannels])) as tf.Variable<tf.Rank.R1>;
  return x => dense(x, filter, {bias, relu});
}
