/**
 * Identity (`tf.clone`): the stock kernel copies the data. Tensors are immutable and the backend counts references, so a
 * clone can share them, as on every other backend. tfjs relies on that: an input of a custom gradient is kept as a
 * clone, and a copy is invisible to the closures over the original (suites customGradient, logSigmoid, logSoftmax).
 */
import {input, type Kernel, share} from './override.js';

export const correctIdentity =
  (stock: Kernel): Kernel =>
  call => {
    const x = input(call, 'x');
    return x.dtype === 'string' ? stock(call) : share(call.backend, x);
  };
