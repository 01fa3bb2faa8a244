/**
 * RetinaNet's head: two towers shared over the levels, one for classes and one for boxes (Lin et al. 2017, Sec. 4).
 * FoveaBox has the same one, with a single prediction a cell (Kong et al. 2019, Sec. 3.3).
 */
import * as tf from '@tensorflow/tfjs';
import type {HeadConfig} from '../config/network.js';
import {convolutionLayer, type Layer, type ModelScope} from '../layers/convolution-layer.js';
import {sequence} from '../layers/sequence.js';

export type DensePredictions = {
  readonly logits: tf.Tensor3D; // [B, A, C]
  readonly deltas: tf.Tensor3D; // [B, A, 4]
};

export type RetinaHeadOptions = {
  readonly inChannels: number;
  /** 1 where a cell is a point. */
  readonly anchorsPerCell: number;
  readonly classes: number;
  /** Initial bias of every class logit: b of Eq. 10, or of a chosen prior. */
  readonly classBias: number;
};

/** All of its filters start as N(0, 0.01^2), so that the class bias alone decides the first predictions. */
export function retinaHead(
  scope: ModelScope,
  config: HeadConfig,
  {inChannels, anchorsPerCell, classes, classBias}: RetinaHeadOptions,
): (levels: readonly tf.Tensor4D[]) => DensePredictions {
  const initial = {kind: 'normal', deviation: 0.01} as const;
  const tower = (name: string): Layer => {
    const layers = Array.from({length: config.layers}, (_, index) =>
      convolutionLayer(scope, `head.${name}_tower.${index}`, {
        size: 3,
        inChannels: index === 0 ? inChannels : config.channels,
        outChannels: config.channels,
        norm: config.norm,
        relu: true,
        initial,
      }),
    );
    return sequence(layers);
  };
  const predictor = (name: string, outChannels: number, bias: number): Layer =>
    convolutionLayer(scope, `head.${name}`, {
      size: 3,
      inChannels: config.layers === 0 ? inChannels : config.channels,
      outChannels,
      bias,
      norm: {kind: 'none'},
      relu: false,
      initial,
    });
  const classTower = tower('class');
  const boxTower = tower('box');
  const classLogits = predictor('class_logits', anchorsPerCell * classes, classBias);
  const boxDeltas = predictor('box_deltas', anchorsPerCell * 4, 0);

  /** [B, h, w, K n] of every level -> [B, A, n]: level, row, column, anchor of the cell. */
  const flatten = (maps: readonly tf.Tensor4D[], n: number): tf.Tensor3D =>
    tf.concat(
      maps.map(map => tf.reshape(map, [map.shape[0], -1, n]) as tf.Tensor3D),
      1,
    );
  return levels => ({
    logits: flatten(
      levels.map(level => tf.tidy(() => classLogits(classTower(level)))),
      classes,
    ),
    deltas: flatten(
      levels.map(level => tf.tidy(() => boxDeltas(boxTower(level)))),
      4,
    ),
  });
}
