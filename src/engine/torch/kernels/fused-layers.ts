/** The layers of src/engine/ops on torch: group and batch normalisation, pooling, upsampling, residual joins (native/*.h of those names). */
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

export type LayerFunctions = {
  /** Makes y, mean, inverse. */
  sfGroupNorm(
    ...values: [x: Handle, gamma: Handle, beta: Handle, groups: number, epsilon: number, slope: number]
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
  /** Makes y, mean, inverse. */
  sfBatchNorm(...values: [x: Handle, gamma: Handle, beta: Handle, epsilon: number, slope: number]): number;
  /** Makes dx, dgamma, dbeta. */
  sfBatchNormGrad(
    ...values: [
      dy: Handle,
      x: Handle,
      gamma: Handle,
      beta: Handle,
      mean: Handle,
      inverse: Handle,
      slope: number,
    ]
  ): number;
  /** Makes the next mean and variance. */
  sfRunningAverages(
    ...values: [
      runningMean: Handle,
      runningVariance: Handle,
      mean: Handle,
      inverse: Handle,
      momentum: number,
      epsilon: number,
      count: number,
    ]
  ): number;
  sfMaxPool(x: Handle, ...window: Window): Handle;
  sfMaxPoolGrad(dy: Handle, x: Handle, y: Handle, ...window: Window): Handle;
  sfUpsample2x(x: Handle): Handle;
  sfUpsampleAdd(lateral: Handle, coarse: Handle): Handle;
  sfUpsample2xGrad(dy: Handle): Handle;
  sfAddRelu(a: Handle, b: Handle, slope: number): Handle;
  sfReluGrad(dy: Handle, y: Handle, slope: number): Handle;
};
type GroupOptions = [groups: number, slope: number];
type Window = [size: number, stride: number, padding: number];
type GroupNorm = {groups: number; epsilon: number; slope: number};
type BatchNorm = {epsilon: number; slope: number};
type Averages = {momentum: number; epsilon: number; count: number};
type Relu = {slope: number};
type MaxPool = {size: number; stride: number; padding: number};

export function registerFusedLayers(): void {
  registerGroupNorm();
  registerBatchNorm();
  registerMaxPool();
  registerUpsample();
  registerRelu();
}

function registerGroupNorm(): void {
  const native = functionsOf<LayerFunctions>();
  registerTorchKernel<GroupNorm>('SfGroupNorm', (backend, {x, gamma, beta}, {groups, epsilon, slope}) => {
    const [values, scale, shift] = [backend.handle(x!), backend.handle(gamma!), backend.handle(beta!)];
    native.sfGroupNorm(values, scale, shift, groups, epsilon, slope);
    return backend.adoptAll();
  });
  registerTorchKernel<GroupNorm>('SfGroupNormGrad', (backend, inputs, {groups, slope}) => {
    const {dy, x, gamma, beta, mean, inverse} = inputs;
    native.sfGroupNormGrad(
      backend.handle(dy!),
      backend.handle(x!),
      backend.handle(gamma!),
      backend.handle(beta!),
      backend.handle(mean!),
      backend.handle(inverse!),
      groups,
      slope,
    );
    return backend.adoptAll();
  });
}

function registerBatchNorm(): void {
  const native = functionsOf<LayerFunctions>();
  registerTorchKernel<BatchNorm>('SfBatchNorm', (backend, {x, gamma, beta}, {epsilon, slope}) => {
    native.sfBatchNorm(backend.handle(x!), backend.handle(gamma!), backend.handle(beta!), epsilon, slope);
    return backend.adoptAll();
  });
  registerTorchKernel<BatchNorm>('SfBatchNormGrad', (backend, inputs, {slope}) => {
    const {dy, x, gamma, beta, mean, inverse} = inputs;
    native.sfBatchNormGrad(
      backend.handle(dy!),
      backend.handle(x!),
      backend.handle(gamma!),
      backend.handle(beta!),
      backend.handle(mean!),
      backend.handle(inverse!),
      slope,
    );
    return backend.adoptAll();
  });
  registerTorchKernel<Averages>('SfRunningAverages', (backend, inputs, {momentum, epsilon, count}) => {
    const {runningMean, runningVariance, mean, inverse} = inputs;
    native.sfRunningAverages(
      backend.handle(runningMean!),
      backend.handle(runningVariance!),
      backend.handle(mean!),
      backend.handle(inverse!),
      momentum,
      epsilon,
      count,
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
  registerTorchKernel<Relu>('SfAddRelu', (backend, {a, b}, {slope}) =>
    backend.adopt(native.sfAddRelu(backend.handle(a!), backend.handle(b!), slope)),
  );
  registerTorchKernel<Relu>('SfReluGrad', (backend, {dy, y}, {slope}) =>
    backend.adopt(native.sfReluGrad(backend.handle(dy!), backend.handle(y!), slope)),
  );
}
