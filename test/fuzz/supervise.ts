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
const START_MILLISECONDS = 30_000;
const PAGE_BYTES = 4096;

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
    let [index, since, limit] = [from - 1, performance.now(), START_MILLISECONDS];
    while (running) {
      await setTimeout(POLL_MILLISECONDS);
      const now = readProgress(folder)?.index ?? index;
      if (now !== index) [index, since, limit] = [now, performance.now(), limitMilliseconds];
      const mebibytes = residentMebibytes(child.pid);
      // With room for what a case leaves to be collected: the batch itself measures exactly.
      if (mebibytes > 2 * limitMebibytes) killedFor = `memory: ${mebibytes} MiB`;
      else if (performance.now() - since > limit + 1000) killedFor = `hang: more than ${limit / 1000} s`;
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

/** Physical memory of a process; 0 where the system does not say. */
function residentMebibytes(pid: number | undefined): number {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
    return Math.round((pages * PAGE_BYTES) / 2 ** 20);
  } catch {
    return 0;
  }
}
