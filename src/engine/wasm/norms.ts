/** Group and batch normalisation on the wasm engine. */
import type * as tf from '@tensorflow/tfjs';
import {registerWasmKernel, type WasmCall} from './kernel.js';

type Attributes = {groups: number; epsilon: number; slope: number};
type BatchNorm = Omit<Attributes, 'groups'>;
/** How the kernels see a tensor: batch normalisation is that of one image with all pixels and a group for every channel. */
type Grouping = {
  readonly batch: number;
  readonly pixels: number;
  readonly channels: number;
  readonly groups: number;
};
type Shape4 = [number, number, number, number];

const asGroups = (x: tf.TensorInfo, groups: number): Grouping => {
  const [batch, height, width, channels] = x.shape as Shape4;
  return {batch, pixels: height * width, channels, groups};
};

const asBatch = (x: tf.TensorInfo): Grouping => {
  const [batch, height, width, channels] = x.shape as Shape4;
  return {batch: 1, pixels: batch * height * width, channels, groups: channels};
};

function forward(
  {inputs, attributes, backend, module}: WasmCall<BatchNorm>,
  {batch, pixels, channels, groups}: Grouping,
): tf.TensorInfo[] {
  const {epsilon, slope} = attributes;
  const {x, gamma, beta} = inputs;
  const y = backend.makeOutput(x!.shape, 'float32');
  const mean = backend.makeOutput([batch, groups], 'float32');
  const inverse = backend.makeOutput([batch, groups], 'float32');
  module.withScratch(module.call('groupNormScratch', channels), scratch =>
    module.call(
      'groupNorm',
      ...[x!, gamma!, beta!, y, mean, inverse, scratch],
      ...[batch, pixels, channels, groups, epsilon, slope],
    ),
  );
  return [y, mean, inverse];
}

function backward(
  {inputs, attributes, backend, module}: WasmCall<{slope: number}>,
  {batch, pixels, channels, groups}: Grouping,
): tf.TensorInfo[] {
  const {dy, x, gamma, beta, mean, inverse} = inputs;
  const dx = backend.makeOutput(x!.shape, 'float32');
  const dgamma = backend.makeOutput([channels], 'float32');
  const dbeta = backend.makeOutput([channels], 'float32');
  module.withScratch(module.call('groupNormScratch', channels), scratch =>
    module.call(
      'groupNormGradient',
      ...[dy!, x!, gamma!, beta!, mean!, inverse!, dx, dgamma, dbeta, scratch],
      ...[batch, pixels, channels, groups, attributes.slope],
    ),
  );
  return [dx, dgamma, dbeta];
}

export function registerNorms(): void {
  registerWasmKernel<Attributes>('SfGroupNorm', call =>
    forward(call, asGroups(call.inputs.x!, call.attributes.groups)),
  );
  registerWasmKernel<Attributes>('SfGroupNormGrad', call =>
    backward(call, asGroups(call.inputs.x!, call.attributes.groups)),
  );
  registerWasmKernel<BatchNorm>('SfBatchNorm', call => forward(call, asBatch(call.inputs.x!)));
  registerWasmKernel<BatchNorm>('SfBatchNormGrad', call => backward(call, asBatch(call.inputs.x!)));
}
