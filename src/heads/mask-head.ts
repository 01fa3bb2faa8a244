/** The mask head of Mask R-CNN: He et al. 2017, Fig. 4 (right). */
import type * as tf from '@tensorflow/tfjs';
import type {MaskConfig} from '../config/two-stage.js';
import {convolutionLayer, type Layer, type ModelScope} from '../layers/convolution-layer.js';
import {sequence} from '../layers/sequence.js';
import {blocksToMap, transposedConvolutionLayer} from '../layers/transposed-convolution-layer.js';

export type MaskHeadOptions = {
  readonly inChannels: number;
  /** C, foreground classes: one map each. */
  readonly classes: number;
};

/**
 * 3x3 convolutions, a 2x2 transposed one of stride 2, and a 1x1 to one map a class; all start Kaiming-normal. Parameters
 * `mask.conv.<i>`, `mask.deconv` and `mask.logits`.
 *
 * @returns a function from pooled features [P, s, s, c] to logits [P, 2 s, 2 s, C]; P may be 0. The caller owns them.
 */
export function maskHead(
  scope: ModelScope,
  config: MaskConfig['head'],
  {inChannels, classes}: MaskHeadOptions,
): (pooled: tf.Tensor4D) => tf.Tensor4D {
  const {layers, channels, norm} = config;
  const initial = {kind: 'kaiming-normal'} as const;
  const convolutions: readonly Layer[] = Array.from({length: layers}, (_, index) =>
    convolutionLayer(scope, `mask.conv.${index}`, {
      size: 3,
      inChannels: index === 0 ? inChannels : channels,
      outChannels: channels,
      norm,
      relu: true,
      initial,
    }),
  );
  const deconvolution = transposedConvolutionLayer(scope, 'mask.deconv', {
    inChannels: layers === 0 ? inChannels : channels,
    outChannels: channels,
    relu: true,
    initial,
  });
  const logits = convolutionLayer(scope, 'mask.logits', {
    size: 1,
    inChannels: channels,
    outChannels: classes,
    norm: {kind: 'none'},
    relu: false,
    // Kaiming-normal of C + 1 maps: the reference has one for the background too.
    initial: {kind: 'normal', deviation: Math.sqrt(2 / (classes + 1))},
  });
  // The 1x1 convolution sees pixels only: before the shuffle, which then moves C channels.
  return sequence([...convolutions, deconvolution, logits, blocksToMap]);
}
