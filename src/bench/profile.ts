/** Where the time of a work goes, by kernel. */
import {waitForDevice, watchKernels} from './kernel-calls.js';
import {operationsOf} from './operations.js';

export type KernelTime = {
  readonly kernel: string;
  readonly calls: number;
  /** Of all calls together, without the kernels that they called. */
  readonly milliseconds: number;
  /** Floating point operations; 0 where they are not counted. */
  readonly operations: number;
};

export type Profile = {
  /** By falling time. */
  readonly kernels: readonly KernelTime[];
  /** Of the whole work; what the kernels do not take is tape, host work and waiting. */
  readonly milliseconds: number;
};

/** Does the work once. `settle` waits for the device after every kernel. */
export async function profileKernels(
  run: () => Promise<void>,
  {settle}: {readonly settle: boolean},
): Promise<Profile> {
  const times = new Map<string, KernelTime>();
  const stop = watchKernels(
    call => {
      const before = times.get(call.name);
      times.set(call.name, {
        kernel: call.name,
        calls: (before?.calls ?? 0) + 1,
        milliseconds: (before?.milliseconds ?? 0) + call.milliseconds,
        operations: (before?.operations ?? 0) + operationsOf(call),
      });
    },
    {settle},
  );
  const started = performance.now();
  try {
    await run();
  } finally {
    stop();
  }
  waitForDevice();
  const milliseconds = performance.now() - started;
  return {kernels: [...times.values()].sort((a, b) => b.milliseconds - a.milliseconds), milliseconds};
}
