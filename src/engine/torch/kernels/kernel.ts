/** How a family registers its kernels for the backend `torch`. */
import * as tf from '@tensorflow/tfjs';
import {RunError} from '../../../errors.js';
import {BACKEND_NAME, type NativeError, type TorchBackend} from '../backend.js';

/** Inputs as tfjs names them; an absent one is undefined. */
export type KernelInputs = Readonly<Record<string, tf.TensorInfo>>;

/**
 * Computes one kernel: `backend.handle(inputs.x!)` gives a native tensor, `backend.adopt(...)` makes a native result the
 * kernel's. Whatever else it makes it releases.
 */
export type TorchKernel<Attributes> = (
  backend: TorchBackend,
  inputs: KernelInputs,
  attributes: Attributes,
) => tf.TensorInfo | tf.TensorInfo[];

export function registerTorchKernel<Attributes extends object = object>(
  kernelName: string,
  compute: TorchKernel<Attributes>,
): void {
  tf.registerKernel({
    kernelName,
    backendName: BACKEND_NAME,
    kernelFunc: ({inputs, attrs, backend}) => {
      try {
        return compute(backend as TorchBackend, inputs as KernelInputs, (attrs ?? {}) as Attributes);
      } catch (error) {
        throw explained(kernelName, error);
      }
    },
  });
}

/** Memory that ran out is a failure that the user can act on; what else the addon says names its kernel. */
function explained(kernelName: string, error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  switch ((error as NativeError).code) {
    case 'OUT_OF_MEMORY':
      return new RunError(`engine torch is ${error.message}`);
    case 'NATIVE':
      error.message = `${kernelName}: ${error.message}`;
      return error;
    default:
      return error;
  }
}
