/** Batch and local response normalisation on torch (native/normalization.cc). */
import type * as tf from '@tensorflow/tfjs';
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

type NormalizationFunctions = {
  batchNorm(
    x: Handle,
    mean: Handle,
    variance: Handle,
    offset: Handle | undefined,
    scale: Handle | undefined,
    epsilon: number,
  ): Handle;
  lrn(x: Handle, radius: number, bias: number, alpha: number, beta: number): Handle;
  lrnGrad(
    dy: Handle,
    x: Handle,
    y: Handle,
    radius: number,
    bias: number,
    alpha: number,
    beta: number,
  ): Handle;
};

/** tfjs's own where none is given. */
const DEFAULT_EPSILON = 0.001;

export function registerNormalizationKernels(): void {
  const native = functionsOf<NormalizationFunctions>();

  registerTorchKernel<tf.FusedBatchNormAttrs>('FusedBatchNorm', (backend, inputs, {varianceEpsilon}) => {
    const {x, mean, variance, offset, scale} = inputs;
    return backend.adopt(
      native.batchNorm(
        backend.handle(x!),
        backend.handle(mean!),
        backend.handle(variance!),
        offset && backend.handle(offset),
        scale && backend.handle(scale),
        varianceEpsilon ?? DEFAULT_EPSILON,
      ),
    );
  });

  registerTorchKernel<tf.LRNAttrs>('LRN', (backend, {x}, {depthRadius, bias, alpha, beta}) =>
    backend.adopt(native.lrn(backend.handle(x!), depthRadius, bias, alpha, beta)),
  );

  registerTorchKernel<tf.LRNGradAttrs>('LRNGrad', (backend, inputs, {depthRadius, bias, alpha, beta}) => {
    const [dy, x, y] = [inputs.dy, inputs.x, inputs.y].map(tensor => backend.handle(tensor!));
    return backend.adopt(native.lrnGrad(dy!, x!, y!, depthRadius, bias, alpha, beta));
  });
}
