/**
 * Feature pyramids: Lin et al., "Feature pyramid networks for object detection", CVPR 2017, with the levels of two-stage
 * detectors (P2 to P6) and of RetinaNet (P3 to P7).
 */
import * as tf from '@tensorflow/tfjs';
import type {FpnConfig} from '../config/network.js';
import type {RcnnFpnConfig} from '../config/two-stage.js';
import {maxPool} from '../engine/ops/max-pool.js';
import {upsampleNearest2x} from '../engine/ops/upsample.js';
import {convolutionLayer, type Layer, type ModelScope} from '../layers/convolution-layer.js';
import type {BackboneMaps} from './resnet.js';

/** Every level of a pyramid, finest first, all of the same channel count. Level k has stride 2^k. */
export type PyramidMaps = readonly tf.Tensor4D[];

const COARSEST_BACKBONE_LEVEL = 5;

/**
 * P3 to P7: the top-down path over C3 to C5, P6 a strided 3x3 convolution of C5 or P5, P7 one of ReLU(P6) or P6.
 *
 * @param inChannels of C3, C4 and C5
 */
export function fpn(
  scope: ModelScope,
  config: FpnConfig,
  inChannels: readonly number[],
): (maps: BackboneMaps) => PyramidMaps {
  const {channels, p6From, p7From, initial} = config;
  const path = topDown(scope, config, inChannels, initial);
  const strided = (name: string, count: number): Layer =>
    convolutionLayer(scope, name, {
      norm: {kind: 'none'},
      relu: false,
      initial: {kind: initial},
      size: 3,
      inChannels: count,
      outChannels: channels,
      stride: 2,
    });
  const p6Layer = strided('fpn.p6', p6From === 'c5' ? inChannels.at(-1)! : channels);
  const p7Layer = strided('fpn.p7', channels);

  return maps => {
    const outputs = path(maps);
    const p6 = p6Layer((p6From === 'c5' ? maps : outputs).at(-1)!);
    return [...outputs, p6, p7Layer(p7From === 'p6' ? p6 : tf.relu(p6))];
  };
}

/**
 * P2 to P6: the top-down path over C2 to C5, P6 = P5 at every second row and column.
 *
 * @param inChannels of C2, C3, C4 and C5
 */
export function rcnnFpn(
  scope: ModelScope,
  config: RcnnFpnConfig,
  inChannels: readonly number[],
): (maps: BackboneMaps) => PyramidMaps {
  const path = topDown(scope, config, inChannels, 'kaiming-uniform');
  return maps => {
    const outputs = path(maps);
    return [...outputs, maxPool(outputs.at(-1)!, {size: 1, stride: 2, padding: 0})];
  };
}

/** Pk of every Ck: a lateral 1x1 convolution, the coarser level upsampled and added, a 3x3 convolution; no activation. */
function topDown(
  scope: ModelScope,
  {channels, norm}: RcnnFpnConfig,
  inChannels: readonly number[],
  initial: FpnConfig['initial'],
): (maps: BackboneMaps) => PyramidMaps {
  const common = {norm, relu: false, initial: {kind: initial}, outChannels: channels};
  const finest = COARSEST_BACKBONE_LEVEL + 1 - inChannels.length;
  const lateral = inChannels.map((count, index) =>
    convolutionLayer(scope, `fpn.lateral${finest + index}`, {...common, size: 1, inChannels: count}),
  );
  const output = inChannels.map((_, index) =>
    convolutionLayer(scope, `fpn.output${finest + index}`, {...common, size: 3, inChannels: channels}),
  );

  return maps => {
    const outputs: tf.Tensor4D[] = [];
    let inner: tf.Tensor4D | undefined;
    for (let index = maps.length - 1; index >= 0; index--) {
      const upsampled = inner === undefined ? undefined : upsampleNearest2x(inner);
      inner?.dispose();
      inner = lateral[index]!(maps[index]!, upsampled);
      upsampled?.dispose();
      outputs.unshift(output[index]!(inner));
    }
    inner?.dispose();
    return outputs;
  };
}
