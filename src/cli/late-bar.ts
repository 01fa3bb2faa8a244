/** A progress bar for work that is usually over before one would want to see it. */
import {type Progress, progressBar} from './output.js';

export type LateBar = {
  /** For an `onProgress` of (done, total). A total of 0 is not known, and not shown. */
  readonly update: (done: number, total: number) => void;
  /** Ends it; on a terminal the bar stays as it is. */
  readonly stop: () => void;
};

export type LateBarOptions = {
  readonly label: string;
  readonly unit: string;
  /** How many of what is counted make one unit: 1e6 bytes a MB. */
  readonly scale?: number;
  readonly now?: () => number;
};

const SHOWN_AFTER_MS = 400;

/** Drawn on a terminal only, and not before it has taken 0.4 s: nothing where output goes to a file or a pipe. */
export function lateBar({label, unit, scale = 1, now = Date.now}: LateBarOptions): LateBar {
  const started = now();
  let bar: Progress | undefined;
  return {
    update(done, total) {
      if (process.stderr.isTTY !== true || total === 0) return;
      if (bar === undefined && now() - started < SHOWN_AFTER_MS) return;
      bar ??= progressBar({label, unit, total: Math.ceil(total / scale)});
      bar.update(done >= total ? Math.ceil(total / scale) : Math.floor(done / scale));
    },
    stop() {
      bar?.stop();
    },
  };
}
