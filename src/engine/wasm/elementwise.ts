/** Passes over whole tensors on the wasm engine: ReLU's gradient, the residual join, sums, the SGD step. */
import * as tf from '@tensorflow/tfjs';
import {registerWasmKernel} from './kernel.js';

const sizeOf = (tensor: tf.TensorInfo): number => tf.util.sizeFromShape(tensor.shape);

export function registerElementwise(): void {
  registerWasmKernel<{slope: number}>('SfAddRelu', ({inputs, attributes, backend, module}) => {
    const y = backend.makeOutput(inputs.a!.shape, 'float32');
    module.call('addRelu', inputs.a!, inputs.b!, y, sizeOf(y), attributes.slope);
    return y;
  });
  registerWasmKernel<{slope: number}>('SfReluGrad', ({inputs, attributes, backend, module}) => {
    const dx = backend.makeOutput(inputs.dy!.shape, 'float32');
    module.call('reluGradient', inputs.dy!, inputs.y!, dx, sizeOf(dx), attributes.slope);
    return dx;
  });
  registerWasmKernel('SfBiasGrad', ({inputs, backend, module}) => {
    const {shape} = inputs.dy!;
    const channels = shape.at(-1)!;
    const sums = backend.makeOutput([channels], 'float32');
    module.call('columnSums', inputs.dy!, sums, tf.util.sizeFromShape(shape.slice(0, -1)), channels);
    return sums;
  });
  registerWasmKernel<{lr: number; momentum: number; weightDecay: number}>(
    'SfSgdUpdate',
    ({inputs, attributes, backend, module}) => {
      const {lr, momentum, weightDecay} = attributes;
      const {parameter, gradient, velocity} = inputs;
      const nextParameter = backend.makeOutput(parameter!.shape, 'float32');
      const nextVelocity = backend.makeOutput(parameter!.shape, 'float32');
      module.call(
        'sgdUpdate',
        ...[parameter!, gradient!, velocity!, nextParameter, nextVelocity, sizeOf(parameter!)],
        ...[lr, momentum, weightDecay],
      );
      return [nextParameter, nextVelocity];
    },
  );
  registerWasmKernel('SfSquaredNorm', ({inputs, backend, module}) => {
    const norm = module.call('squaredNorm', inputs.x!, sizeOf(inputs.x!));
    return backend.makeOutput([], 'float32', undefined, Float32Array.of(norm));
  });
}
