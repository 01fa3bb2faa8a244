/**
 * Darknet-53 without its classifier: Redmon and Farhadi, "YOLOv3: an incremental improvement", 2018, Table 1; layers 0 to 74
 * of darknet's yolov3.cfg. Maps C3, C4 and C5 at strides 8, 16 and 32.
 *
 * Strides are convolutions, there is no pooling; a block ends with the sum, not with an activation.
 */
import * as tf from '@tensorflow/tfjs';
import type {DarknetConfig} from '../config/darknet.js';
import {add} from '../engine/ops/add.js';
import {noGrad} from '../engine/ops/no-grad.js';
import {convolutionLayer, type Layer, type ModelScope} from '../layers/convolution-layer.js';
import {sequence} from '../layers/sequence.js';
import type {Backbone} from './resnet.js';

/** Of darknet's convolutions: leaky ReLU, and filters from N(0, 2 / (k^2 in)), the predicting ones included. */
export const DARKNET_ACTIVATION = {relu: true, negativeSlope: 0.1} as const;
export const DARKNET_INITIAL = {kind: 'kaiming-normal-in'} as const;

const STEM_CHANNELS = 32;
const STAGE_CHANNELS = [64, 128, 256, 512, 1024] as const;
/** The first stage whose map is a result: that at stride 8. */
const FIRST_STAGE = 3;
/** Channel counts are multiples of this, so that heads can halve them twice. */
const CHANNEL_UNIT = 8;

/** Creates `backbone.stem`, `backbone.stage<1..5>.down` and `backbone.stage<1..5>.<block>.conv<1, 2>`. */
export function darknet(scope: ModelScope, config: DarknetConfig): Backbone {
  const widen = (channels: number): number =>
    CHANNEL_UNIT * Math.max(1, Math.round((channels * config.width) / CHANNEL_UNIT));
  const layer = (
    name: string,
    shape: {
      readonly size: number;
      readonly inChannels: number;
      readonly outChannels: number;
      readonly stride?: number;
    },
    stage: number,
  ) =>
    convolutionLayer(scope, `backbone.${name}`, {
      ...shape,
      ...DARKNET_ACTIVATION,
      norm: config.norm,
      initial: DARKNET_INITIAL,
      trainable: stage >= config.freezeAt,
    });

  const stem = layer('stem', {size: 3, inChannels: 3, outChannels: widen(STEM_CHANNELS)}, 0);
  const stages = STAGE_CHANNELS.map((full, index) => {
    const stage = index + 1;
    const channels = widen(full);
    const inChannels = widen(STAGE_CHANNELS[index - 1] ?? STEM_CHANNELS);
    const down = layer(`stage${stage}.down`, {size: 3, inChannels, outChannels: channels, stride: 2}, stage);
    const blocks = Array.from({length: config.blocks[index]!}, (_, block): Layer => {
      const name = `stage${stage}.${block}`;
      const narrow = channels / 2;
      const conv1 = layer(`${name}.conv1`, {size: 1, inChannels: channels, outChannels: narrow}, stage);
      const conv2 = layer(`${name}.conv2`, {size: 3, inChannels: narrow, outChannels: channels}, stage);
      return x => tf.tidy(() => add(conv2(conv1(x)), x));
    });
    return {channels, layer: sequence([x => tf.tidy(() => down(x)), ...blocks])};
  });
  /** Of layers that never change nothing is kept for a backward pass. */
  const run = (part: Layer, x: tf.Tensor4D, stage: number): tf.Tensor4D =>
    stage < config.freezeAt ? noGrad<tf.Tensor4D>(() => part(x), x) : part(x);

  return {
    channels: stages.slice(FIRST_STAGE - 1).map(stage => stage.channels),
    forward(images) {
      let x = run(part => tf.tidy(() => stem(part)), images, 0);
      const maps: tf.Tensor4D[] = [];
      for (const [index, {layer: part}] of stages.entries()) {
        const previous = x;
        x = run(part, x, index + 1);
        if (index < FIRST_STAGE) previous.dispose();
        if (index + 1 >= FIRST_STAGE) maps.push(x);
      }
      return maps;
    },
  };
}
