/** What commands write: JSON for programs, progress for people. Progress goes to stderr, so that stdout stays data. */
import {SingleBar} from 'cli-progress';
import {visibleText} from '../errors.js';
import {writeFileAtomic} from '../files/write-atomic.js';

/** Typed arrays as lists; JSON has no NaN or infinity, which become null. */
function jsonText(value: unknown): string {
  const lists = (_key: string, part: unknown) =>
    ArrayBuffer.isView(part) && !(part instanceof DataView) ? Array.from(part as Float64Array) : part;
  // JSON escapes the controls below U+0020 only; the same text with the others escaped.
  return `${JSON.stringify(value, lists, 2).replaceAll(/[\u007f-\u009f]/g, visibleText)}\n`;
}

/** Writes text to stdout and waits until it is out; the frame of the command ends the process where that fails. */
export function writeOut(text: string): Promise<void> {
  return new Promise(done => {
    process.stdout.write(text, () => done());
  });
}

/**
 * Writes `value` as JSON.
 * @param target a file, written whole or not at all, or `-` for stdout.
 * @throws RunError when the file cannot be written.
 */
export async function writeJson(target: string, value: unknown): Promise<void> {
  const text = jsonText(value);
  await (target === '-' ? writeOut(text) : writeFileAtomic(target, text));
}

/** 45s, 3m12s, 1h02m. */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
}

/** Where progress is shown; process.stderr is one. */
export type ProgressStream = {readonly isTTY?: boolean; write(text: string): unknown};

export type ProgressOptions = {
  /** What is under way: `train`. */
  readonly label: string;
  readonly total: number;
  /** What is counted, for the rate: `images` is shown as images/s. */
  readonly unit: string;
  /** Units that were done before (a resumed run). */
  readonly start?: number;
  readonly stream?: ProgressStream;
  /** Seconds between lines where there is no terminal. */
  readonly lineEvery?: number;
  /** Clock in milliseconds. */
  readonly now?: () => number;
};

export type Progress = {
  /** `done` units of the total; `note` (such as the loss) is shown behind. */
  update(done: number, note?: string): void;
  /** A line of its own, above the bar where there is one. */
  log(line: string): void;
  /** Ends the display; later calls do nothing. */
  stop(): void;
};

/** Updates that the rate is measured over: recent ones, since evaluation or a first slow step would spoil an average. */
const RATE_WINDOW = 50;

function rateMeter(start: number, now: () => number): (done: number) => number {
  const times: [time: number, done: number][] = [[now(), start]];
  return done => {
    times.push([now(), done]);
    if (times.length > RATE_WINDOW) times.shift();
    const [oldestTime, oldestDone] = times[0] as [number, number];
    const elapsed = (now() - oldestTime) / 1000;
    return elapsed > 0 ? (done - oldestDone) / elapsed : 0;
  };
}

/** A bar with ETA on a terminal; elsewhere (a log file, a pipe) one plain line every `lineEvery` seconds and at the end. */
export function progressBar(options: ProgressOptions): Progress {
  const {label, total, unit, start = 0, stream = process.stderr, lineEvery = 10, now = Date.now} = options;
  const rateAt = rateMeter(start, now);
  const describe = (done: number, note: string) => {
    const rate = rateAt(done);
    const left = rate > 0 ? formatDuration((total - done) / rate) : '?';
    const speed = rate === 0 || rate >= 1 ? rate.toFixed(1) : rate.toPrecision(2);
    return `${speed} ${unit}/s, ${done < total ? `${left} left` : 'done'}${note === '' ? '' : `, ${note}`}`;
  };
  return stream === process.stderr && stream.isTTY === true
    ? terminalBar(label, total, start, describe)
    : plainLines(label, total, describe, stream, lineEvery * 1000, now);
}

const BAR_WIDTH = 24;

function terminalBar(
  label: string,
  total: number,
  start: number,
  describe: (done: number, note: string) => string,
): Progress {
  const bar = new SingleBar({
    format: (_options, {progress, value}, {text}: {text?: string}) => {
      const filled = Math.round(Math.min(1, progress) * BAR_WIDTH);
      const drawn = '█'.repeat(filled).padEnd(BAR_WIDTH, '░');
      return `${label} ${drawn} ${value}/${total} ${text ?? ''}`.slice(0, (process.stderr.columns || 80) - 1);
    },
    stream: process.stderr,
    // Its own handler would swallow Ctrl-C; and a killed process must leave the terminal as it was: line wrapping stays
    // on, lines are cut to fit instead.
    gracefulExit: false,
    hideCursor: false,
    linewrap: true,
    fps: 5,
  });
  bar.start(total, start, {text: ''});
  let stopped = false;
  return {
    update(done, note = '') {
      if (!stopped) bar.update(done, {text: describe(done, note)});
    },
    log(line) {
      // ESC 7 saves the place that the bar returns to when it stops: below the line.
      process.stderr.write(stopped ? `${line}\n` : `\r\u001b[2K${line}\n\u001b7`);
      if (!stopped) bar.render();
    },
    stop() {
      if (!stopped) bar.stop();
      stopped = true;
    },
  };
}

function plainLines(
  label: string,
  total: number,
  describe: (done: number, note: string) => string,
  stream: ProgressStream,
  interval: number,
  now: () => number,
): Progress {
  let written = now();
  let ended = false;
  let stopped = false;
  return {
    update(done, note = '') {
      if (stopped) return;
      const text = describe(done, note);
      const ends = done >= total && !ended;
      if (!ends && now() - written < interval) return;
      ended ||= ends;
      written = now();
      stream.write(`${label} ${done}/${total}: ${text}\n`);
    },
    log: line => void stream.write(`${line}\n`),
    stop() {
      stopped = true;
    },
  };
}
