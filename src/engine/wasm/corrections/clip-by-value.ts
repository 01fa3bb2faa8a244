/** ClipByValue: the stock kernel turns NaN into the lower bound, which would hide a diverged training. */
import {input, type Kernel} from './override.js';

export const correctClipByValue =
  (_stock: Kernel): Kernel =>
  call => {
    const x = input(call, 'x');
    const low = Number(call.attrs?.clipValueMin);
    const high = Number(call.attrs?.clipValueMax);
    const out = call.backend.makeOutput(x.shape, x.dtype);
    const values = call.backend.typedArrayFromHeap(x);
    const clipped = call.backend.typedArrayFromHeap(out);
    for (let i = 0; i < clipped.length; i++) clipped[i] = Math.min(Math.max(values[i]!, low), high);
    return out;
  };
