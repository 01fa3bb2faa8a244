/** Watches a batch from outside: a case that hangs, eats memory or kills its process ends the batch, not the run. */
import {spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import {
  type BatchOptions,
  type Finding,
  type Messages,
  type Progress,
  readFindings,
  readMessages,
  readProgress,
} from './batch-folder.js';

export type BatchOutcome = Progress & {readonly findings: readonly Finding[]; readonly messages: Messages};

const POLL_MILLISECONDS = 50;
/** For Node.js to start and load the evaluation. */
const START_MILLISECONDS = 120_000;
/** A case that waits, for something that does not come or for its turn on a busy machine, may take longer than one that works. */
const WAITING = 12;
const PAGE_BYTES = 4096;
const TICKS_A_SECOND = 100;

/**
 * Runs a batch; `index` of the outcome is the case to go on with, below `to` if one case ended the batch.
 * @param program batch.js, or another program that keeps its protocol
 * @throws Error when it does not come to its first case
 */
export async function superviseBatch(
  program: string,
  options: Omit<BatchOptions, 'folder'>,
): Promise<BatchOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'sf-fuzz-'));
  try {
    const killedFor = await runProcess(program, {...options, folder});
    const progress = readProgress(folder);
    if (progress === undefined) throw new Error(`${program} did not start: ${killedFor}`);
    const findings = [...readFindings(folder)];
    if (killedFor === undefined) return {...progress, findings, messages: readMessages(folder)};
    findings.push({index: progress.index, what: killedFor});
    return {...progress, index: progress.index + 1, findings, messages: new Map()};
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

/** Undefined when the process ended by itself and well, else what became of it. */
async function runProcess(program: string, options: BatchOptions): Promise<string | undefined> {
  const {folder, from, limitMilliseconds, limitMebibytes} = options;
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${limitMebibytes}`, program, JSON.stringify(options)],
    {stdio: ['ignore', 'ignore', 'pipe']},
  );
  let errors = '';
  child.stderr.on('data', chunk => {
    errors = (errors + chunk).slice(-2000);
  });
  const ended = new Promise<string | undefined>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const said =
        errors
          .trim()
          .split('\n')
          .find(line => /error|fatal/i.test(line)) ?? '';
      resolve(code === 0 ? undefined : `died: ${signal ?? `exit code ${code}`} ${said}`.trim());
    });
  });
  let killedFor: string | undefined;
  let running = true;
  const watch = async () => {
    let index = from - 1;
    let since = performance.now();
    let workedBefore = 0;
    while (running) {
      await setTimeout(POLL_MILLISECONDS);
      const worked = workedMilliseconds(child.pid);
      const now = readProgress(folder)?.index;
      if (now !== undefined && now !== index)
        [index, since, workedBefore] = [now, performance.now(), worked ?? 0];
      const wall = performance.now() - since;
      const mostWall = now === undefined ? START_MILLISECONDS : WAITING * limitMilliseconds;
      // The limit is measured exactly by the batch itself, when a case comes to its end.
      const works =
        now !== undefined && (worked === undefined ? wall : worked - workedBefore) > limitMilliseconds + 1000;
      const mebibytes = residentMebibytes(child.pid);
      if (mebibytes > 2 * limitMebibytes) killedFor = `memory: ${mebibytes} MiB`;
      else if (works) killedFor = `hang: works for more than ${limitMilliseconds / 1000} s`;
      else if (wall > mostWall) killedFor = `hang: waits for more than ${mostWall / 1000} s`;
      if (killedFor !== undefined) {
        child.kill('SIGKILL');
        return;
      }
    }
  };
  const watching = watch();
  const outcome = await ended;
  running = false;
  await watching;
  return killedFor ?? outcome;
}

/** Time that a process has had of all processors; undefined where the system does not say. */
function workedMilliseconds(pid: number | undefined): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Fields 14 and 15; the second one, a name, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_A_SECOND;
  } catch {
    return undefined;
  }
}

/** Physical memory of a process; 0 where the system does not say. */
function residentMebibytes(pid: number | undefined): number {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
    return Math.round((pages * PAGE_BYTES) / 2 ** 20);
  } catch {
    return 0;
  }
}
