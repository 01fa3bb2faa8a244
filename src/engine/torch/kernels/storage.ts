/** Kernels that give the same values a second name: no copy, the addon shares the memory. */
import * as tf from '@tensorflow/tfjs';
import {type CoreFunctions, functionsOf} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

export function registerStorageKernels(): void {
  const {reshape} = functionsOf<CoreFunctions>();

  // One data under two names, as on tfjs's own backends: tfjs counts the data that a step leaves.
  registerTorchKernel('Identity', (backend, {x}) => backend.share(x!));

  registerTorchKernel<{shape: number[]}>('Reshape', (backend, {x}, {shape}) => {
    const size = tf.util.sizeFromShape(x!.shape);
    const wanted = tf.util.inferFromImplicitShape(shape, size);
    tf.util.assert(
      size === tf.util.sizeFromShape(wanted),
      () => `The new shape (${wanted}) has another size than the old one (${x!.shape})`,
    );
    return backend.adopt(reshape(backend.handle(x!), wanted));
  });
}
