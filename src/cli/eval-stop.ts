/**
 * Ctrl-C (and SIGTERM) of an evaluation: it ends at once with one line and leaves nothing half-written. There is nothing
 * to save, so all that may be finished first is a file that is being written.
 */

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
type Signal = (typeof SIGNALS)[number];

export type Stop = {
  /** Aborted by a signal during `writing`; the process ends when the file is complete, or removed by whoever writes it. */
  readonly signal: AbortSignal;
  /** Work during which a signal waits: files are written. */
  writing<T>(write: () => Promise<T>): Promise<T>;
  /** Work that never lets signals through: the system's own handling ends the process, without the line. */
  busy<T>(compute: () => T): T;
};

/** Does `work` and listens for signals meanwhile. */
export async function stoppable<T>(work: (stop: Stop) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let writing = 0;
  let written = 0;
  let received: Signal | undefined;
  const end = (signal: Signal): void => {
    // A bar may stand on the line.
    const before = process.stderr.isTTY === true ? '\n' : '';
    process.stderr.write(`${before}sf: interrupted${written === 0 ? '; nothing was written' : ''}\n`);
    // By the signal itself, now without a listener: process.exit would wait for a file that is being read, which may
    // be a pipe, and a shell's loop over several calls ends with this one. The shell calls it 130 or 143.
    process.kill(process.pid, signal);
  };
  const handle = (signal: Signal): void => {
    release();
    received = signal;
    if (writing === 0) end(signal);
    controller.abort(new Error('interrupted'));
  };
  const listen = (): void => {
    for (const signal of SIGNALS) process.on(signal, handle);
  };
  const release = (): void => {
    for (const signal of SIGNALS) process.off(signal, handle);
  };
  listen();
  try {
    return await work({
      signal: controller.signal,
      async writing(write) {
        writing++;
        try {
          const result = await write();
          written++;
          return result;
        } finally {
          writing--;
          if (received !== undefined) end(received);
        }
      },
      busy(compute) {
        release();
        try {
          return compute();
        } finally {
          if (received === undefined) listen();
        }
      },
    });
  } finally {
    release();
  }
}
