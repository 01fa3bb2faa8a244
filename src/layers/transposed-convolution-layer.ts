/**
 * A 2x2 transposed convolution of stride 2, which doubles the sides of a map (the mask head of He et al., "Mask R-CNN",
 * Fig. 4). Every pixel becomes a 2x2 block, and no two blocks overlap: the layer is one matrix product whose result has
 * the four pixels of a block beside one another, and a shuffle that brings them to their places. What follows pixel by
 * pixel can be computed before the shuffle, which then moves fewer channels.
 */
import * as tf from '@tensorflow/tfjs';
import {dense} from '../engine/ops/dense.js';
import type {Layer, ModelScope} from './convolution-layer.js';
import {type InitialFilter, initialValues} from './initial.js';

export type TransposedConvolutionOptions = {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly relu: boolean;
  readonly initial: InitialFilter;
};

/**
 * Creates `name.weight` [in, 2, 2, out] (PyTorch's [in, out, 2, 2] with the output channels last) and `name.bias` [out],
 * which starts at 0.
 *
 * @returns a layer [B, H, W, in] -> [B, H, 4 W, out]: `blocksToMap` makes the map of it
 */
export function transposedConvolutionLayer(
  scope: ModelScope,
  name: string,
  options: TransposedConvolutionOptions,
): Layer {
  const {inChannels, outChannels, relu, initial} = options;
  const {parameters, seed} = scope;
  const values = initialValues(initial, [2, 2, inChannels, outChannels], seed, `${name}.weight`);
  const filter = parameters.create(
    `${name}.weight`,
    'weight',
    tf.tensor4d(values, [inChannels, 2, 2, outChannels]),
  ) as tf.Variable<tf.Rank.R4>;
  const bias = parameters.create(`${name}.bias`, 'bias', tf.zeros([outChannels])) as tf.Variable<tf.Rank.R1>;
  return x =>
    tf.tidy(() => {
      const [batch, height, width] = x.shape;
      return dense<tf.Tensor4D>(x, tf.reshape(filter, [inChannels, 4 * outChannels]), {
        bias: tf.tile(bias, [4]),
        relu,
        shape: [batch, height, 4 * width, outChannels],
      });
    });
}

/** [B, H, 4 W, C], every 2x2 block row by row in one line, -> [B, 2 H, 2 W, C]. */
export function blocksToMap(blocks: tf.Tensor4D): tf.Tensor4D {
  const [batch, height, width, channels] = blocks.shape;
  return tf.tidy(() => {
    const split = tf.reshape(blocks, [batch, height, width / 4, 2, 2, channels]);
    const rows = tf.transpose(split, [0, 1, 3, 2, 4, 5]); // [B, H, 2, W, 2, C]
    return tf.reshape(rows, [batch, 2 * height, width / 2, channels]);
  });
}
