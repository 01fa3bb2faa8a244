/** Watches the kernels that the engine in use runs: what each was given, what it made, and how long it took. */
import * as tf from '@tensorflow/tfjs';

export type KernelCall = {
  readonly name: string;
  readonly inputs: tf.NamedTensorInfoMap;
  readonly attributes: tf.NamedAttrMap;
  readonly outputs: readonly tf.TensorInfo[];
  /** True for one that another kernel called. */
  readonly nested: boolean;
  /** Without the kernels that this one called. */
  readonly milliseconds: number;
};

export type WatchOptions = {
  /** Wait for the device after every kernel, so that its time is its own; without it a GPU's kernels are only queued. */
  readonly settle: boolean;
};

/**
 * Calls `observe` after every kernel until the returned function is called.
 * A kernel that calls another by its function, and not through tfjs, counts as one.
 */
export function watchKernels(observe: (call: KernelCall) => void, {settle}: WatchOptions): () => void {
  const kernels = tf.getKernelsForBackend(tf.getBackend());
  const originals = kernels.map(kernel => kernel.kernelFunc);
  /** Of each kernel under way, the time that the kernels it called have taken. */
  const inner: number[] = [];
  let paused = false;
  const waitUnwatched = () => {
    paused = true;
    try {
      waitForDevice();
    } finally {
      paused = false;
    }
  };

  for (const [index, kernel] of kernels.entries()) {
    const compute = originals[index]!;
    kernel.kernelFunc = params => {
      if (paused) return compute(params);
      const started = performance.now();
      inner.push(0);
      try {
        const result = compute(params);
        if (settle) waitUnwatched();
        const elapsed = performance.now() - started;
        observe({
          name: kernel.kernelName,
          inputs: params.inputs,
          attributes: params.attrs ?? {},
          outputs: Array.isArray(result) ? result : [result],
          nested: inner.length > 1,
          milliseconds: elapsed - inner.at(-1)!,
        });
        return result;
      } finally {
        inner.pop();
        if (inner.length > 0) inner[inner.length - 1]! += performance.now() - started;
      }
    };
  }
  return () => {
    for (const [index, kernel] of kernels.entries()) kernel.kernelFunc = originals[index]!;
  };
}

/** Returns when the device has computed everything so far: it works in order, so the last result comes last. */
export function waitForDevice(): void {
  tf.tidy(() => tf.neg(1).dataSync());
}
