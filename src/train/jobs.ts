/**
 * Many training runs on one machine: each in a process of its own, so that every core works, a crash costs one run,
 * and memory is returned. Finished runs are kept; interrupted ones continue from their last checkpoint.
 */
import {fork} from 'node:child_process';

/** What a training process reports to its parent over the channel of `fork`. */
export type JobMessage = {
  readonly iteration: number;
  readonly iterations: number;
  readonly phase: 'train' | 'evaluate';
};

export type Job = {
  readonly id: string;
  /** Arguments of the `sf` command. */
  readonly args: readonly string[];
};

export type JobResult = {
  readonly id: string;
  readonly exitCode: number;
  readonly seconds: number;
  /** What a failed run said: its last `sf: ` line, or else the last lines of standard error; and the signal it got. */
  readonly lastError: string;
};

export type JobOptions = {
  /** The built command, dist/bin/sf.js. */
  readonly command: string;
  readonly concurrency: number;
  readonly onProgress?: (id: string, message: JobMessage) => void;
  /** Jobs that the end of this one makes possible; they come next. */
  readonly onFinished?: (result: JobResult) => Promise<readonly Job[]>;
  /** Aborted: running jobs are asked to save and stop, no further one starts. */
  readonly signal?: AbortSignal;
};

const ERROR_LINES = 3;
/** What the command puts before the error that ended it. */
const ERROR_PREFIX = 'sf: ';

/** Runs the jobs in order, at most `concurrency` at a time. */
export async function runJobs(jobs: readonly Job[], options: JobOptions): Promise<void> {
  const queue = [...jobs];
  const worker = async (): Promise<void> => {
    for (let job = queue.shift(); job !== undefined && !options.signal?.aborted; job = queue.shift()) {
      const result = await runJob(job, options);
      queue.unshift(...((await options.onFinished?.(result)) ?? []));
    }
  };
  await Promise.all(Array.from({length: Math.max(1, options.concurrency)}, worker));
}

function runJob(job: Job, {command, onProgress, signal}: JobOptions): Promise<JobResult> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    /** A process group of its own: a terminal's Ctrl-C reaches the parent only, which asks each child once. */
    const child = fork(command, [...job.args], {detached: true, stdio: ['ignore', 'ignore', 'pipe', 'ipc']});
    const interrupt = () => child.kill('SIGINT');
    signal?.addEventListener('abort', interrupt, {once: true});
    const errorLines: string[] = [];
    let reported: string | undefined;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errorLines.push(...text.split('\n').filter(line => line.trim() !== ''));
      reported = errorLines.findLast(line => line.startsWith(ERROR_PREFIX)) ?? reported;
      errorLines.splice(0, errorLines.length - ERROR_LINES);
    });
    child.on('message', (message: JobMessage) => onProgress?.(job.id, message));
    child.on('error', reject);
    child.on('close', (code, signalName) => {
      signal?.removeEventListener('abort', interrupt);
      resolve({
        id: job.id,
        exitCode: code ?? (signalName === 'SIGINT' ? 130 : 1),
        seconds: (performance.now() - started) / 1000,
        lastError: [
          ...(signalName === null ? [] : [`ended by ${signalName}`]),
          ...(reported === undefined ? errorLines : [reported.slice(ERROR_PREFIX.length)]),
        ].join('; '),
      });
    });
  });
}
