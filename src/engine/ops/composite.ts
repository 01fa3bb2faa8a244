/**
 * How an engine learns the operations of this folder. Every operation is a tfjs kernel named 'Sf...' with a gradient;
 * a kernel is registered once per engine:
 *
 * - `cpu` and `tensorflow` compute it as a composite of tfjs operations, registered here on import;
 * - `wasm` replaces the composites by the WebAssembly kernels of `src/engine/wasm` (registerWasmKernels);
 * - another engine registers kernels of the same names, inputs, attributes and outputs for its own tfjs backend name.
 */
import * as tf from '@tensorflow/tfjs';

/** tfjs backends that compute the operations as composites, until they register something faster. */
const COMPOSITE_BACKENDS = ['cpu', 'tensorflow', 'wasm'] as const;

/**
 * Registers `compute` as the kernel of that name for every engine without one of its own. Operations inside a kernel
 * are not recorded on the gradient tape; the tensors they leave behind are disposed here.
 */
export function registerComposite<Attributes extends tf.NamedAttrMap>(
  kernelName: string,
  compute: (inputs: tf.NamedTensorMap, attributes: Attributes) => tf.Tensor | tf.Tensor[],
): void {
  for (const backendName of COMPOSITE_BACKENDS) {
    // An engine that was opened before this module was imported has its own kernel by now.
    if (tf.getKernel(kernelName, backendName) !== undefined) continue;
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({inputs, attrs}) =>
        tf.tidy(() => compute(inputs as tf.NamedTensorMap, attrs as Attributes)),
    });
  }
}

/** Runs the kernel of that name on the engine in use. */
export function runKernel<T extends tf.Tensor | tf.Tensor[]>(
  kernelName: string,
  inputs: tf.NamedTensorMap,
  attributes: tf.NamedAttrMap = {},
): T {
  return tf.engine().runKernel(kernelName, inputs, attributes);
}

/** Tensors as the inputs of a kernel that takes any number of them: `Object.values` of it gives them back in order. */
export function numbered(tensors: readonly tf.Tensor[]): tf.NamedTensorMap {
  return Object.fromEntries(tensors.entries());
}
