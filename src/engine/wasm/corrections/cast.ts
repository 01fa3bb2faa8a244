/** Cast to bool: the stock kernel truncates to a byte (3.9 becomes 3, 256 becomes 0); every nonzero value is true. */
import {input, type Kernel, share} from './override.js';

export const correctCast =
  (stock: Kernel): Kernel =>
  call => {
    const x = input(call, 'x');
    const dtype = call.attrs?.dtype;
    if (dtype === x.dtype && dtype !== 'string') return share(call.backend, x);
    if (dtype !== 'bool' || (x.dtype !== 'float32' && x.dtype !== 'int32')) return stock(call);
    const out = call.backend.makeOutput(x.shape, 'bool');
    const values = call.backend.typedArrayFromHeap(x);
    const truths = call.backend.typedArrayFromHeap(out);
    for (let i = 0; i < truths.length; i++) truths[i] = values[i] === 0 ? 0 : 1;
    return out;
  };
