/**
 * Ctrl-C and SIGTERM: the first one raises a flag that the training loop sees after its step, so that it can save;
 * from then on the system's own handling is back, and a second one ends the process at once even in mid-step.
 */

export type Interrupt = {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** 130 after SIGINT, 143 after SIGTERM (128 plus the signal's number), undefined before. */
  exitCode(): number | undefined;
  /** Stops listening. */
  stop(): void;
};

const EXIT_CODES = {SIGINT: 130, SIGTERM: 143} as const;
type Signal = keyof typeof EXIT_CODES;

/** @param onInterrupt called once, to tell the user that the run is being saved */
export function listenForInterrupt(onInterrupt: (signal: Signal) => void = () => {}): Interrupt {
  const controller = new AbortController();
  let received: Signal | undefined;
  const stop = (): void => {
    process.off('SIGINT', handle);
    process.off('SIGTERM', handle);
  };
  const handle = (signal: Signal): void => {
    stop();
    received = signal;
    controller.abort();
    onInterrupt(signal);
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return {
    signal: controller.signal,
    exitCode: () => (received === undefined ? undefined : EXIT_CODES[received]),
    stop,
  };
}
