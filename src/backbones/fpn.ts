/** Feature pyramid: Lin et al. 2017, with RetinaNet's levels P3 to P7. */
import * as tf from '@tensorflow/tfjs';
import type {FpnConfig} from '../config/network.js';
import {upsampleNearest2x} from '../engine/ops/upsample.js';
import {convolutionLayer, type Layer, type ModelScope} from '../layers/convolution-layer.js';
import type {BackboneMaps} from './resnet.js';

/** P3 .. P7 at strides 8 .. 128, all of the same channel count. */
export type PyramidMaps = readonly tf.Tensor4D[];

/**
 * Lateral 1x1 and output 3x3 convolutions, nearest-neighbour upsampling, no activation; P6 is a strided 3x3
 * convolution of C5 or P5, P7 one of ReLU(P6).
 */
export function fpn(
  scope: ModelScope,
  config: FpnConfig,
  inChannels: readonly [number, number, number],
): (maps: BackboneMaps) => PyramidMaps {
  const common = {norm: config.norm, relu: false, initial: {kind: 'kaiming-uniform'}} as const;
  const {channels} = config;
  const lateral = inChannels.map((count, index) =>
    convolutionLayer(scope, `fpn.lateral${index + 3}`, {
      ...common,
      size: 1,
      inChannels: count,
      outChannels: channels,
    }),
  );
  const output = inChannels.map((_, index) =>
    convolutionLayer(scope, `fpn.output${index + 3}`, {
      ...common,
      size: 3,
      inChannels: channels,
      outChannels: channels,
    }),
  );
  const strided = (name: string, count: number): Layer =>
    convolutionLayer(scope, name, {
      ...common,
      norm: {kind: 'none'},
      size: 3,
      inChannels: count,
      outChannels: channels,
      stride: 2,
    });
  const p6Layer = strided('fpn.p6', config.p6From === 'c5' ? inChannels[2] : channels);
  const p7Layer = strided('fpn.p7', channels);

  return ([c3, c4, c5]) => {
    const inner5 = lateral[2]!(c5);
    const inner4 = tf.add<tf.Tensor4D>(lateral[1]!(c4), upsampleNearest2x(inner5));
    const inner3 = tf.add<tf.Tensor4D>(lateral[0]!(c3), upsampleNearest2x(inner4));
    const p5 = output[2]!(inner5);
    const p6 = p6Layer(config.p6From === 'c5' ? c5 : p5);
    return [output[0]!(inner3), output[1]!(inner4), p5, p6, p7Layer(tf.relu(p6))];
  };
}
