/**
 * Several 1x1 convolutions of the same map computed as one: the map is read once, and its gradient is one product instead
 * of a sum of several as large as the map.
 */
import * as tf from '@tensorflow/tfjs';
import {convolution} from '../engine/ops/convolution.js';
import type {Layer, ModelScope} from './convolution-layer.js';
import {type InitialFilter, initialFilter} from './initial.js';

export type JointConvolutionOptions = {
  readonly inChannels: number;
  readonly initial: InitialFilter;
  /** In the order of the result's channels; `bias` is what every one of them starts at. */
  readonly outputs: readonly {readonly name: string; readonly channels: number; readonly bias: number}[];
};

/** Creates `<name>.weight` [1, 1, in, channels] and `<name>.bias` of every output; the result has all of their channels. */
export function jointConvolutionLayer(scope: ModelScope, options: JointConvolutionOptions): Layer {
  const {inChannels, initial, outputs} = options;
  const {parameters, seed} = scope;
  const created = outputs.map(({name, channels, bias}) => ({
    filter: parameters.create(
      `${name}.weight`,
      'weight',
      initialFilter(initial, [1, 1, inChannels, channels], seed, `${name}.weight`),
    ) as tf.Variable<tf.Rank.R4>,
    bias: parameters.create(`${name}.bias`, 'bias', tf.fill([channels], bias)) as tf.Variable<tf.Rank.R1>,
  }));
  return x =>
    tf.tidy(() => {
      const filter = tf.concat4d(
        created.map(output => output.filter),
        3,
      );
      const bias = tf.concat1d(created.map(output => output.bias));
      return convolution(x, filter, {stride: 1, padding: 0, bias});
    });
}
