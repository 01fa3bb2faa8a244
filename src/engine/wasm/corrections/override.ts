/** Replaces kernels of the stock wasm backend by corrected ones, under their own names. */
import * as tf from '@tensorflow/tfjs';
import type {BackendWasm} from '@tensorflow/tfjs-backend-wasm';

export type Attributes = tf.NamedAttrMap;
export type KernelCall = {
  readonly inputs: tf.NamedTensorInfoMap;
  readonly attrs?: Attributes | undefined;
  readonly backend: BackendWasm;
};
export type Kernel = (call: KernelCall) => tf.TensorInfo | tf.TensorInfo[];

/**
 * Puts `correct(stock)` in the place of the registered kernel; the stock kernel keeps its set-up and can be called for
 * the inputs that it computes correctly.
 */
export function overrideKernel(kernelName: string, correct: (stock: Kernel) => Kernel): void {
  const config = tf.getKernel(kernelName, 'wasm');
  const stock: Kernel = call => config.kernelFunc({...call, attrs: call.attrs ?? {}});
  const corrected = correct(stock);
  tf.unregisterKernel(kernelName, 'wasm');
  tf.registerKernel({
    ...config,
    kernelFunc: ({inputs, attrs, backend}) => corrected({inputs, attrs, backend: backend as BackendWasm}),
  });
}

/** The named input. @throws Error when it is absent, which tfjs's operations exclude. */
export function input({inputs}: KernelCall, name: string): tf.TensorInfo {
  const tensor = inputs[name];
  if (tensor === undefined) throw new Error(`kernel called without its input ${name}`);
  return tensor;
}

/** Another tensor on the same data; the backend counts the references. */
export function share(
  backend: BackendWasm,
  x: tf.TensorInfo,
  shape = x.shape,
  dtype = x.dtype,
): tf.TensorInfo {
  backend.incRef(x.dataId);
  return {dataId: x.dataId, shape, dtype};
}
