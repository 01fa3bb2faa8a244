/** The stock wasm kernels that compute wrongly what sf asks of them, corrected; most fail tfjs-core's conformance suite. */
import {correctBatchMatMul} from './batch-mat-mul.js';
import {correctCast} from './cast.js';
import {correctClipByValue} from './clip-by-value.js';
import {correctIdentity} from './identity.js';
import {overrideKernel} from './override.js';
import {correctSlice} from './slice.js';
import {correctSum} from './sum.js';
import {correctTranspose} from './transpose.js';
import {correctTransposedConvolution} from './transposed-convolution.js';
import {correctPaddedUnitPool} from './unit-pool.js';

/** Replaces the kernels; call it once, before or after the backend is opened, and after registerWasmKernels. */
export function registerWasmCorrections(): void {
  overrideKernel('Identity', correctIdentity);
  overrideKernel('Cast', correctCast);
  overrideKernel('ClipByValue', correctClipByValue);
  overrideKernel('Slice', correctSlice);
  overrideKernel('MaxPool', correctPaddedUnitPool(Number.NEGATIVE_INFINITY));
  overrideKernel('AvgPool', correctPaddedUnitPool(Number.NaN));
  overrideKernel('Sum', correctSum({mean: false}));
  overrideKernel('Mean', correctSum({mean: true}));
  overrideKernel('Transpose', correctTranspose);
  overrideKernel('BatchMatMul', correctBatchMatMul);
  overrideKernel('Conv2DBackpropInput', correctTransposedConvolution);
}
