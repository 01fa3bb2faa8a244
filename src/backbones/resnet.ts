/** ResNet: He et al., "Deep residual learning for image recognition", Table 1. Maps C2 to C5 at strides 4 to 32. */
import * as tf from '@tensorflow/tfjs';
import type {BackboneConfig} from '../config/network.js';
import {maxPool} from '../engine/ops/max-pool.js';
import {noGrad} from '../engine/ops/no-grad.js';
import {convolutionLayer, type Layer, type ModelScope} from '../layers/convolution-layer.js';
import {sequence} from '../layers/sequence.js';

/** The finest map that a pyramid is made of: C2 in two-stage detectors, C3 in RetinaNet. */
export type FirstMap = 2 | 3;

/** Ck: [B, H / 2^k, W / 2^k, channels of k], from the first map that was asked for to C5. */
export type BackboneMaps = readonly tf.Tensor4D[];

export type Backbone = {
  /** Of the maps that `forward` gives. */
  readonly channels: readonly number[];
  /** The caller owns the maps; call inside a tidy. */
  forward(images: tf.Tensor4D): BackboneMaps;
};

const BLOCKS: Readonly<Record<BackboneConfig['depth'], readonly [number, number, number, number]>> = {
  10: [1, 1, 1, 1],
  18: [2, 2, 2, 2],
  34: [3, 4, 6, 3],
  50: [3, 4, 6, 3],
  101: [3, 4, 23, 3],
};

/** Standard deviation of natural images on the 0..255 scale (ImageNet, mean over channels). */
const IMAGE_DEVIATION = 57.4;

type BlockOptions = {
  readonly config: BackboneConfig;
  readonly inChannels: number;
  readonly channels: number;
  readonly outChannels: number;
  readonly stride: number;
  readonly trainable: boolean;
  /** Multiplier of the residual branch at the start, so that depth does not multiply the variance. */
  readonly branchScale: number;
};

/**
 * @param inputStd The divisor of the image normalisation. Frozen norms have no statistics of their own at the start,
 * so the stem's is set such that its output has unit variance whatever the scale of the images.
 * @param first Finer maps than this one are disposed as soon as the next stage has read them.
 */
export function resnet(
  scope: ModelScope,
  config: BackboneConfig,
  inputStd: number,
  first: FirstMap = 2,
): Backbone {
  const bottleneck = config.depth >= 50;
  const widen = (channels: number) => Math.max(1, Math.round(channels * config.width));
  const trainableFrom = (stage: number) => stage > config.freezeAt;
  /** Norms that do not measure what passes through them keep whatever variance the first weights give it. */
  const hasNoStatistics = config.norm.kind === 'frozen-bn' || config.norm.kind === 'fixed-bn';
  const blocks = BLOCKS[config.depth];
  const totalBlocks = blocks.reduce((sum, count) => sum + count, 0);

  const stem = convolutionLayer(scope, 'backbone.stem.conv1', {
    size: 7,
    inChannels: 3,
    outChannels: widen(64),
    stride: 2,
    norm: config.norm,
    relu: true,
    initial: {kind: 'kaiming-normal'},
    normScale: hasNoStatistics ? inputStd / IMAGE_DEVIATION : 1,
    trainable: trainableFrom(1),
  });

  let inChannels = widen(64);
  const stages = blocks.map((count, index) => {
    const channels = widen(64 * 2 ** index);
    const outChannels = bottleneck ? 4 * channels : channels;
    const layers = Array.from({length: count}, (_, block) => {
      const layer = (bottleneck ? bottleneckBlock : basicBlock)(scope, `backbone.res${index + 2}.${block}`, {
        config,
        inChannels,
        channels,
        outChannels,
        stride: block === 0 && index > 0 ? 2 : 1,
        trainable: trainableFrom(index + 2),
        branchScale: hasNoStatistics ? 1 / Math.sqrt(totalBlocks) : 1,
      });
      inChannels = outChannels;
      return layer;
    });
    return {outChannels, layer: sequence(layers)};
  });

  const res1 = sequence([stem, x => maxPool(x, {size: 3, stride: 2, padding: 1})]);
  const frozen = Math.min(config.freezeAt, 5);
  /** Frozen layers need no tape: nothing before the first trainable layer is kept for the backward pass. */
  const runFrozen = (layer: Layer, x: tf.Tensor4D) => noGrad<tf.Tensor4D>(() => layer(x), x);

  return {
    channels: stages.slice(first - 2).map(stage => stage.outChannels),
    forward(images) {
      let x = frozen >= 1 ? runFrozen(res1, images) : res1(images);
      const maps: tf.Tensor4D[] = [];
      for (const [index, stage] of stages.entries()) {
        const level = index + 2;
        const previous = x;
        x = frozen >= level ? runFrozen(stage.layer, x) : stage.layer(x);
        // The map before has been read, and is not part of the result.
        if (level - 1 < first) previous.dispose();
        if (level >= first) maps.push(x);
      }
      return maps;
    },
  };
}

/** Two 3x3 convolutions (ResNet-18 and 34). */
function basicBlock(scope: ModelScope, name: string, options: BlockOptions): Layer {
  const {config, inChannels, channels, outChannels, stride, trainable, branchScale} = options;
  const common = {norm: config.norm, initial: {kind: 'kaiming-normal'}, trainable} as const;
  const conv1 = convolutionLayer(scope, `${name}.conv1`, {
    ...common,
    size: 3,
    inChannels,
    outChannels: channels,
    stride,
    relu: true,
  });
  const conv2 = convolutionLayer(scope, `${name}.conv2`, {
    ...common,
    size: 3,
    inChannels: channels,
    outChannels,
    relu: true,
    normScale: branchScale,
  });
  const shortcut = projection(scope, name, options);
  return x => tf.tidy(() => conv2(conv1(x), shortcut(x)));
}

/** 1x1, 3x3, 1x1 convolutions (ResNet-50 and deeper). */
function bottleneckBlock(scope: ModelScope, name: string, options: BlockOptions): Layer {
  const {config, inChannels, channels, outChannels, stride, trainable, branchScale} = options;
  const common = {norm: config.norm, initial: {kind: 'kaiming-normal'}, trainable} as const;
  const [stride1, stride3] = config.strideIn === '1x1' ? [stride, 1] : [1, stride];
  const conv1 = convolutionLayer(scope, `${name}.conv1`, {
    ...common,
    size: 1,
    inChannels,
    outChannels: channels,
    stride: stride1,
    relu: true,
  });
  const conv2 = convolutionLayer(scope, `${name}.conv2`, {
    ...common,
    size: 3,
    inChannels: channels,
    outChannels: channels,
    stride: stride3,
    relu: true,
  });
  const conv3 = convolutionLayer(scope, `${name}.conv3`, {
    ...common,
    size: 1,
    inChannels: channels,
    outChannels,
    relu: true,
    normScale: branchScale,
  });
  const shortcut = projection(scope, name, options);
  return x => tf.tidy(() => conv3(conv2(conv1(x)), shortcut(x)));
}

/** The identity where shapes agree, else a strided 1x1 convolution (option B of the paper). */
function projection(scope: ModelScope, name: string, options: BlockOptions): Layer {
  const {config, inChannels, outChannels, stride, trainable} = options;
  if (inChannels === outChannels && stride === 1) return x => x;
  return convolutionLayer(scope, `${name}.shortcut`, {
    size: 1,
    inChannels,
    outChannels,
    stride,
    relu: false,
    trainable,
    norm: config.norm,
    initial: {kind: 'kaiming-normal'},
  });
}
