/** Sums of products in Einstein's notation (native/einsum.cc). */
import * as tf from '@tensorflow/tfjs';
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

type EinsumFunctions = {
  einsum(tensors: readonly Handle[], inputs: readonly string[], output: string): Handle;
};

export function registerEinsum(): void {
  const native = functionsOf<EinsumFunctions>();
  registerTorchKernel<{equation: string}>('Einsum', (backend, inputs, {equation}) => {
    const tensors = Object.values(inputs);
    // For what they refuse.
    const {allDims, idDims} = tf.backend_util.decodeEinsumEquation(equation, tensors.length);
    tf.backend_util.checkEinsumDimSizes(allDims.length, idDims, tensors as tf.Tensor[]);
    const [terms = '', output = ''] = equation.replace(/\s/g, '').split('->');
    const handles = tensors.map(tensor => backend.handle(tensor));
    return backend.adopt(native.einsum(handles, terms.split(','), output));
  });
}
