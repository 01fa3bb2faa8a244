/** The stock wasm kernels that fail tfjs-core's conformance suite in operations that sf calls, corrected. */
import {correctBatchMatMul} from './batch-mat-mul.js';
import {correctCast} from './cast.js';
import {correctClipByValue} from './clip-by-value.js';
import {correctIdentity} from './identity.js';
import {overrideKernel} from './override.js';
import {correctSlice} from './slice.js';
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
  overrideKernel('BatchMatMul', correctBatchMatMul);
  overrideKernel('Conv2DBackpropInput', correctTransposedConvolution);
}
