/**
 * The convolutions of YOLOv3 in the order in which darknet's files hold them, that of the sections of yolov3.cfg: Darknet
 * from the stem to its last block, then the head from the coarsest level to the finest.
 */
import type {YoloV3Config} from '../config/yolov3.js';
import {UsageError} from '../errors.js';
import type {Parameters} from '../layers/parameters.js';

/** A convolution with a batch norm: `<name>.weight`, `<name>.norm.*`. */
export type NormedLayer = {
  readonly kind: 'normed';
  readonly name: string;
  /** Side of the filter. */
  readonly size: number;
  readonly inChannels: number;
  readonly outChannels: number;
};

/** The predictions of a level, one convolution in darknet: `<name>.boxes`, `.objectness` and `.class_logits`. */
export type PredictingLayer = {
  readonly kind: 'predicting';
  readonly name: string;
  readonly inChannels: number;
  /** Of a cell. */
  readonly anchors: number;
};

export type DarknetLayer = NormedLayer | PredictingLayer;

export type DarknetLayers = {
  readonly backbone: readonly NormedLayer[];
  readonly head: readonly DarknetLayer[];
};

/** Logits of a prediction that are not its classes': four of its box, and its objectness. */
export const OTHER_LOGITS = 5;

/**
 * Names and shapes, as they are in `parameters`.
 * @throws UsageError when the model has no batch norms, which darknet's layers have
 */
export function darknetLayers(config: YoloV3Config, parameters: Parameters): DarknetLayers {
  requireBatchNorm('model.backbone.norm', config.backbone.norm.kind);
  requireBatchNorm('model.head.norm', config.head.norm.kind);
  const normed = (name: string): NormedLayer => {
    const [size, , inChannels, outChannels] = parameters.get(`${name}.weight`).variable.shape as Shape4;
    return {kind: 'normed', name, size, inChannels, outChannels};
  };
  const predicting = (level: number): PredictingLayer => {
    const name = `head.level_${level}`;
    const [, , inChannels] = parameters.get(`${name}.boxes.weight`).variable.shape as Shape4;
    return {kind: 'predicting', name, inChannels, anchors: config.anchors[level]!.length};
  };
  const blockNames = config.backbone.blocks.flatMap((blocks, index) => {
    const stage = `backbone.stage${index + 1}`;
    const inner = Array.from({length: blocks}, (_, i) => [`${stage}.${i}.conv1`, `${stage}.${i}.conv2`]);
    return [`${stage}.down`, ...inner.flat()];
  });
  const levels = [...config.anchors.keys()].reverse();
  return {
    backbone: ['backbone.stem', ...blockNames].map(normed),
    head: levels.flatMap((level, position) => {
      const parts = ['block.0', 'block.1', 'block.2', 'block.3', 'block.4', 'expand'];
      // The coarsest level has none above it.
      const names = position === 0 ? parts : ['lateral', ...parts];
      return [...names.map(part => normed(`head.level_${level}.${part}`)), predicting(level)];
    }),
  };
}

type Shape4 = readonly [number, number, number, number];

/** @param classes that a predicting layer has */
export function floatsOf(layer: DarknetLayer, classes: number): number {
  switch (layer.kind) {
    case 'normed':
      return layer.outChannels * (4 + layer.size ** 2 * layer.inChannels);
    case 'predicting':
      return layer.anchors * (OTHER_LOGITS + classes) * (1 + layer.inChannels);
  }
}

function requireBatchNorm(key: string, kind: YoloV3Config['head']['norm']['kind']): void {
  switch (kind) {
    case 'batch-norm':
    case 'fixed-bn':
      return;
    case 'frozen-bn':
    case 'group-norm':
    case 'none':
      throw new UsageError(
        `${key}.kind is ${kind}, and darknet's weights are those of batch norms; set it to batch-norm or fixed-bn`,
      );
  }
}
