/** The layers of src/engine/ops on torch: group normalisation, pooling, upsampling, residual joins (native/*.h of those names). */
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

export type LayerFunctions = {
  /** Makes y, mean, inverse. */
  sfGroupNorm(
    ...values: [x: Handle, gamma: Handle, beta: Handle, groups: number, epsilon: number, relu: boolean]
  ): number;
  /** Makes dx, dgamma, dbeta. */
  sfGroupNormGrad(
    ...values: [
      dy: Handle,
      x: Handle,
      gamma: Handle,
      beta: Handle,
      mean: Handle,
      inverse: Handle,
      ...GroupOptions,
    ]
  ): number;
  sfMaxPool(x: Handle, ...window: Window): Handle;
  sfMaxPoolGrad(dy: Handle, x: Handle, y: Handle, ...window: Window): Handle;
  sfUpsample2x(x: Handle): Handle;
  sfUpsampleAdd(lateral: Handle, coarse: Handle): Handle;
  sfUpsample2xGrad(dy: Handle): Handle;
  sfAddRelu(a: Handle, b: Handle): Handle;
  sfReluGrad(dy: Handle, y: Handle): Handle;
};
type GroupOptions = [groups: number, relu: boolean];
type Window = [size: number, stride: number, padding: number];
type GroupNorm = {groups: number; epsilon: number; relu: boolean};
type MaxPool = {size: number; stride: number; padding: number};

export function registerFusedLayers(): void {
  registerGroupNorm();
  registerMaxPool();
  registerUpsample();
  registerRelu();
}

function registerGroupNorm(): void {
  const native = functionsOf<LayerFunctions>();
  registerTorchKernel<GroupNorm>('SfGroupNorm', (backend, {x, gamma, beta}, {groups, epsilon, relu}) => {
    const [values, scale, shift] = [backend.handle(x!), backend.handle(gamma!), backend.handle(beta!)];
    native.sfGroupNorm(values, scale, shift, groups, epsilon, relu);
    return backend.adoptAll();
  });
  registerTorchKernel<GroupNorm>('SfGroupNormGrad', (backend, inputs, {groups, relu}) => {
    const {dy, x, gamma, beta, mean, inverse} = inputs;
    native.sfGroupNormGrad(
      backend.handle(dy!),
      backend.handle(x!),
      backend.handle(gamma!),
      backend.handle(beta!),
      backend.handle(mean!),
      backend.handle(inverse!),
      groups,
      relu,
    );
    return backend.adoptAll();
  });
}

function registerMaxPool(): void {
  const native = functionsOf<LayerFunctions>();
  registerTorchKernel<MaxPool>('SfMaxPool', (backend, {x}, {size, stride, padding}) =>
    backend.adopt(native.sfMaxPool(backend.handle(x!), size, stride, padding)),
  );
  registerTorchKernel<MaxPool>('SfMaxPoolGrad', (backend, {dy, x, y}, {size, stride, padding}) =>
    backend.adopt(
      native.sfMaxPoolGrad(
        backend.handle(dy!),
        backend.handle(x!),
        backend.handle(y!),
        size,
        stride,
        padding,
      ),
    ),
  );
}

function registerUpsample(): void {
  const native = functionsOf<LayerFunctions>();
  registerTorchKernel('SfUpsample2x', (backend, {x}) =>
    backend.adopt(native.sfUpsample2x(backend.handle(x!))),
  );
  registerTorchKernel('SfUpsampleAdd', (backend, {lateral, coarse}) =>
    backend.adopt(native.sfUpsampleAdd(backend.handle(lateral!), backend.handle(coarse!))),
  );
  registerTorchKernel('SfUpsample2xGrad', (backend, {dy}) =>
    backend.adopt(native.sfUpsample2xGrad(backend.handle(dy!))),
  );
}

function registerRelu(): void {
  const native = functionsOf<LayerFunctions>();
  registerTorchKernel('SfAddRelu', (backend, {a, b}) =>
    backend.adopt(native.sfAddRelu(backend.handle(a!), backend.handle(b!))),
  );
  registerTorchKernel('SfReluGrad', (backend, {dy, y}) =>
    backend.adopt(native.sfReluGrad(backend.handle(dy!), backend.handle(y!))),
  );
}
