/**
 * YOLOv3's head (Redmon and Farhadi 2018, Sec. 2.3; layers 75 to 106 of darknet's yolov3.cfg): from the coarsest map up, a
 * block of five convolutions, and from it to one side the predictions of the level, to the other a map that is made twice as
 * large and joined with the next finer one of the backbone. As wide as the backbone's maps: half of their channels in 1x1
 * convolutions, all of them in 3x3 ones.
 *
 * B images, A predictions of all levels, C classes.
 */
import * as tf from '@tensorflow/tfjs';
import {DARKNET_ACTIVATION, DARKNET_INITIAL} from '../backbones/darknet.js';
import type {Norm} from '../config/network.js';
import {upsampleNearest2x} from '../engine/ops/upsample.js';
import {convolutionLayer, type Layer, type ModelScope} from '../layers/convolution-layer.js';
import {jointConvolutionLayer} from '../layers/joint-convolution-layer.js';
import {sequence} from '../layers/sequence.js';

/** Logits of everything that is predicted; the order of A is that of `yoloGrid`. */
export type YoloPredictions = {
  /** x, y, width, height as `decodeYolo` reads them. */
  readonly boxes: tf.Tensor3D; // [B, A, 4]
  /** Whether there is an object at all; absent where the classes alone say it. */
  readonly objectness: tf.Tensor3D | undefined; // [B, A, 1]
  readonly classes: tf.Tensor3D; // [B, A, C]
};

export type YoloHeadOptions = {
  /** Of the backbone's maps, finest first. */
  readonly channels: readonly number[];
  readonly norm: Norm;
  /** Anchors of a cell, finest level first. */
  readonly anchors: readonly number[];
  readonly classes: number;
  /** Initial bias of every objectness logit; null: there is no objectness. */
  readonly objectnessBias: number | null;
  readonly classBias: number;
};

/** Of all convolutions but the predicting ones, which have a bias and no more. */
const LEAKY = {...DARKNET_ACTIVATION, initial: DARKNET_INITIAL} as const;

/** @returns a function from the backbone's maps, finest first, to the predictions; call it inside a tidy */
export function yoloHead(
  scope: ModelScope,
  {channels, norm, anchors, classes, objectnessBias, classBias}: YoloHeadOptions,
): (maps: readonly tf.Tensor4D[]) => YoloPredictions {
  const layer = (name: string, size: 1 | 3, inChannels: number, outChannels: number): Layer =>
    convolutionLayer(scope, `head.${name}`, {size, inChannels, outChannels, norm, ...LEAKY});

  const levels = channels.map((wide, index) => {
    const narrow = wide / 2;
    const coarser = channels[index + 1];
    /** Of the block of the coarser level. */
    const above = coarser === undefined ? 0 : coarser / 2;
    const name = `level_${index}`;
    const perCell = anchors[index]!;
    const outputs = [
      {name: `head.${name}.boxes`, channels: 4 * perCell, bias: 0},
      ...(objectnessBias === null
        ? []
        : [{name: `head.${name}.objectness`, channels: perCell, bias: objectnessBias}]),
      {name: `head.${name}.class_logits`, channels: classes * perCell, bias: classBias},
    ];
    return {
      lateral: coarser === undefined ? undefined : layer(`${name}.lateral`, 1, above, above / 2),
      block: sequence([
        layer(`${name}.block.0`, 1, wide + above / 2, narrow),
        layer(`${name}.block.1`, 3, narrow, wide),
        layer(`${name}.block.2`, 1, wide, narrow),
        layer(`${name}.block.3`, 3, narrow, wide),
        layer(`${name}.block.4`, 1, wide, narrow),
      ]),
      expand: layer(`${name}.expand`, 3, narrow, wide),
      predict: jointConvolutionLayer(scope, {inChannels: wide, initial: DARKNET_INITIAL, outputs}),
      sizes: outputs.map(output => output.channels),
    };
  });

  return maps => {
    const predicted: tf.Tensor[][] = [];
    let above: tf.Tensor4D | undefined;
    for (const [index, level] of [...levels.entries()].reverse()) {
      const {lateral, block, expand, predict, sizes} = level;
      const map = maps[index]!;
      const joined =
        lateral === undefined || above === undefined
          ? map
          : tf.concat4d([upsampleNearest2x(lateral(above)), map], 3);
      above = block(joined);
      predicted.unshift(tf.split(predict(expand(above)), sizes, 3));
    }
    const [boxes, objectness, logits] =
      objectnessBias === null ? ([0, undefined, 1] as const) : ([0, 1, 2] as const);
    /** [B, h, w, K n] of every level -> [B, A, n] */
    const flatten = (output: number, n: number): tf.Tensor3D => {
      const flat = predicted.map(outputs => {
        const map = outputs[output]!;
        return tf.reshape(map, [map.shape[0]!, -1, n]) as tf.Tensor3D;
      });
      return tf.concat3d(flat, 1);
    };
    return {
      boxes: flatten(boxes, 4),
      objectness: objectness === undefined ? undefined : flatten(objectness, 1),
      classes: flatten(logits, classes),
    };
  };
}
