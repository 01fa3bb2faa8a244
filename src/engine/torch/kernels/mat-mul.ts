/** Matrix products on torch (native/mat_mul.cc). */
import * as tf from '@tensorflow/tfjs';
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

type MatMulFunctions = {
  matMul(a: Handle, b: Handle, transposeA: boolean, transposeB: boolean): Handle;
};
type Attributes = {transposeA: boolean; transposeB: boolean};

export function registerMatMul(): void {
  const native = functionsOf<MatMulFunctions>();
  registerTorchKernel<Attributes>('BatchMatMul', (backend, {a, b}, {transposeA, transposeB}) => {
    const [innerA, innerB] = [a!.shape.at(transposeA ? -2 : -1), b!.shape.at(transposeB ? -1 : -2)];
    tf.util.assert(
      innerA === innerB,
      () =>
        `Error in matMul: inner shapes (${innerA}) and (${innerB}) of Tensors with shapes ${a!.shape} and ` +
        `${b!.shape} and transposeA=${transposeA} and transposeB=${transposeB} must match.`,
    );
    return backend.adopt(native.matMul(backend.handle(a!), backend.handle(b!), transposeA, transposeB));
  });
}
