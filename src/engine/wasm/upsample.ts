/** Nearest-neighbour upsampling by two on the wasm engine. */
import type * as tf from '@tensorflow/tfjs';
import {registerWasmKernel, type WasmCall} from './kernel.js';

type Shape4 = [number, number, number, number];

function upsample(
  {backend, module}: WasmCall<tf.NamedAttrMap>,
  x: tf.TensorInfo,
  lateral?: tf.TensorInfo,
): tf.TensorInfo {
  const [batch, height, width, channels] = x.shape as Shape4;
  const y = backend.makeOutput([batch, 2 * height, 2 * width, channels], 'float32');
  module.call('upsample', x, lateral ?? 0, y, batch * height, width, channels);
  return y;
}

export function registerUpsample(): void {
  registerWasmKernel('SfUpsample2x', call => upsample(call, call.inputs.x!));
  registerWasmKernel('SfUpsampleAdd', call => upsample(call, call.inputs.coarse!, call.inputs.lateral!));
  registerWasmKernel('SfUpsample2xGrad', ({inputs, backend, module}) => {
    const [batch, height, width, channels] = inputs.dy!.shape as Shape4;
    const dx = backend.makeOutput([batch, height / 2, width / 2, channels], 'float32');
    module.call('upsampleGradient', inputs.dy!, dx, (batch * height) / 2, width / 2, channels);
    return dx;
  });
}
