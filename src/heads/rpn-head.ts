/** The head of a region proposal network, shared over the levels (Ren et al. 2015, Sec. 3.1; Lin et al. 2017, Sec. 4.1). */
import * as tf from '@tensorflow/tfjs';
import type {RpnConfig} from '../config/two-stage.js';
import {convolutionLayer, type ModelScope} from '../layers/convolution-layer.js';
import {jointConvolutionLayer} from '../layers/joint-convolution-layer.js';
import {sequence} from '../layers/sequence.js';
import type {DensePredictions} from './retina-head.js';

export type RpnHeadOptions = {
  readonly inChannels: number;
  readonly anchorsPerCell: number;
  /** Initial bias of every objectness logit: 0, or b of Eq. 10. */
  readonly objectnessBias: number;
};

/**
 * 3x3 convolutions, then one logit and four deltas for every anchor; all filters start as N(0, 0.01^2). Parameters
 * `rpn.conv.<i>`, `rpn.objectness` and `rpn.box_deltas`.
 *
 * @returns a function from the levels to objectness logits [B, A, 1] and deltas [B, A, 4], anchors in the order of level,
 * row, column, anchor of the cell; call it inside a tidy
 */
export function rpnHead(
  scope: ModelScope,
  config: RpnConfig['head'],
  {inChannels, anchorsPerCell, objectnessBias}: RpnHeadOptions,
): (levels: readonly tf.Tensor4D[]) => DensePredictions {
  const initial = {kind: 'normal', deviation: 0.01} as const;
  const convolutions = Array.from({length: config.layers}, (_, index) =>
    convolutionLayer(scope, `rpn.conv.${index}`, {
      size: 3,
      inChannels: index === 0 ? inChannels : config.channels,
      outChannels: config.channels,
      norm: config.norm,
      relu: true,
      initial,
    }),
  );
  const predictor = jointConvolutionLayer(scope, {
    inChannels: config.channels,
    initial,
    outputs: [
      {name: 'rpn.objectness', channels: anchorsPerCell, bias: objectnessBias},
      {name: 'rpn.box_deltas', channels: 4 * anchorsPerCell, bias: 0},
    ],
  });
  const predict = sequence([...convolutions, predictor]);

  return levels => {
    // [B, h, w, 5 K] of every level -> [B, cells, 5 K] -> [B, cells, K] and [B, cells, 4 K]
    const cells = levels.map(level => {
      const map = predict(level);
      return tf.reshape(map, [map.shape[0], -1, 5 * anchorsPerCell]) as tf.Tensor3D;
    });
    const [objectness, deltas] = tf.split(tf.concat(cells, 1), [anchorsPerCell, 4 * anchorsPerCell], 2);
    const [images] = objectness!.shape as [number];
    return {
      logits: tf.reshape(objectness!, [images, -1, 1]) as tf.Tensor3D,
      deltas: tf.reshape(deltas!, [images, -1, 4]) as tf.Tensor3D,
    };
  };
}
