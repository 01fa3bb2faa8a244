/** A convolution with its norm and activation: what backbones, pyramids and heads are made of. */
import * as tf from '@tensorflow/tfjs';
import type {Norm} from '../config/network.js';
import type {Activation} from '../engine/ops/activation.js';
import {add} from '../engine/ops/add.js';
import {addRelu} from '../engine/ops/add-relu.js';
import {convolution} from '../engine/ops/convolution.js';
import {groupNorm} from '../engine/ops/group-norm.js';
import {RunError} from '../errors.js';
import {batchNormLayer, fixedNormLayer} from './batch-norm-layer.js';
import {type InitialFilter, initialFilter} from './initial.js';
import type {Parameters} from './parameters.js';
import type {Phase} from './phase.js';

/** The caller owns the result. */
export type Layer = (x: tf.Tensor4D) => tf.Tensor4D;

/** A convolution, to which `residual` is added before its ReLU. The caller owns the result. */
export type ConvolutionLayer = (x: tf.Tensor4D, residual?: tf.Tensor4D) => tf.Tensor4D;

export type ConvolutionOptions = Pick<Activation, 'negativeSlope'> & {
  /** Side of the filter; padding keeps the size at stride 1 (symmetric, as PyTorch pads). */
  readonly size: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride?: number;
  readonly norm: Norm;
  readonly relu: boolean;
  readonly initial: InitialFilter;
  /** Initial bias of every output channel, for layers without a norm. */
  readonly bias?: number;
  /** Initial value of a norm's multiplier. */
  readonly normScale?: number;
  /** False: a frozen layer, whose norm keeps the statistics that it has. */
  readonly trainable?: boolean;
};

/** What a model under construction hands to its layers: where parameters go and which seed draws them. */
export type ModelScope = {
  readonly parameters: Parameters;
  readonly seed: number;
  /** Whether the model trains or detects; layers that differ in the two cannot be made without. */
  readonly phase?: Phase;
};

const GROUP_NORM_EPSILON = 1e-5;

/**
 * Creates `name.weight` and `name.bias` or `name.norm.*`, and returns the layer.
 *
 * A frozen batch norm is a constant affine map: the scale and the bias of one convolution, and no activation is kept
 * besides its output.
 * @throws RunError when the channels cannot be split into the norm's groups.
 */
export function convolutionLayer(
  scope: ModelScope,
  name: string,
  options: ConvolutionOptions,
): ConvolutionLayer {
  const {size, inChannels, outChannels, stride = 1, norm, relu, trainable = true, normScale = 1} = options;
  const {negativeSlope = 0} = options;
  const activation = {relu, negativeSlope};
  const {parameters, seed} = scope;
  const padding = (size - 1) >> 1;
  const filter = parameters.create(
    `${name}.weight`,
    'weight',
    initialFilter(options.initial, [size, size, inChannels, outChannels], seed, `${name}.weight`),
    trainable,
  ) as tf.Variable<tf.Rank.R4>;
  const channelVector = (suffix: string, kind: 'bias' | 'norm', value: number, learns: boolean) =>
    parameters.create(
      `${name}.${suffix}`,
      kind,
      tf.fill([outChannels], value),
      learns,
    ) as tf.Variable<tf.Rank.R1>;

  const joined = (normalised: tf.Tensor4D, residual: tf.Tensor4D): tf.Tensor4D =>
    relu ? addRelu(normalised, residual, negativeSlope) : add(normalised, residual);

  switch (norm.kind) {
    case 'none': {
      const bias = channelVector('bias', 'bias', options.bias ?? 0, trainable);
      return (x, residual) =>
        convolution(x, filter, {stride, padding, bias, ...activation, ...join(residual)});
    }
    case 'frozen-bn': {
      const scale = channelVector('norm.scale', 'norm', normScale, false);
      const shift = channelVector('norm.shift', 'norm', 0, false);
      return (x, residual) =>
        convolution(x, filter, {stride, padding, scale, bias: shift, ...activation, ...join(residual)});
    }
    case 'fixed-bn': {
      const affine = fixedNormLayer(scope, name, {...norm, channels: outChannels, normScale, trainable});
      return (x, residual) =>
        tf.tidy(() => {
          const {scale, bias} = affine();
          const after = {stride, padding, bias, ...activation, ...join(residual)};
          if (!trainable) return convolution(x, filter, {...after, scale});
          // The fused scale has no gradient, a product with the filter has.
          return convolution(x, tf.mul(filter, scale), after);
        });
    }
    case 'group-norm': {
      const {groups} = norm;
      if (outChannels % groups !== 0) {
        throw new RunError(
          `group-norm cannot split the ${outChannels} channels of ${name} into ${groups} groups; choose a divisor`,
        );
      }
      const gamma = channelVector('norm.weight', 'norm', normScale, trainable);
      const beta = channelVector('norm.bias', 'bias', 0, trainable);
      return (x, residual) => {
        const convolved = convolution(x, filter, {stride, padding});
        const options = {groups, epsilon: GROUP_NORM_EPSILON};
        if (residual === undefined) return groupNorm(convolved, gamma, beta, {...options, ...activation});
        return joined(groupNorm(convolved, gamma, beta, options), residual);
      };
    }
    case 'batch-norm': {
      const normalise = batchNormLayer(scope, name, {...norm, channels: outChannels, normScale, trainable});
      return (x, residual) => {
        const fixed = normalise.fixed();
        if (fixed !== undefined) {
          return convolution(x, filter, {stride, padding, ...fixed, ...activation, ...join(residual)});
        }
        const convolved = convolution(x, filter, {stride, padding});
        if (residual === undefined) return normalise.byBatch(convolved, activation);
        return joined(normalise.byBatch(convolved, {}), residual);
      };
    }
  }
}

const join = (residual: tf.Tensor4D | undefined) => (residual === undefined ? {} : {residual});
