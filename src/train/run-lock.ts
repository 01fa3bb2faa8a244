/**
 * One process at a time in a run's folder: run.lock names the process that writes there. What a killed process left
 * behind is taken over.
 */
import {readFile, rm, rmdir, writeFile} from 'node:fs/promises';
import {hostname} from 'node:os';
import {dirname, join} from 'node:path';
import {z} from 'zod';
import {UsageError} from '../errors.js';
import {errorCode, makeFolder, writeError} from '../files/write-atomic.js';

const ownerSchema = z.object({pid: z.int().positive(), host: z.string()});
type Owner = z.infer<typeof ownerSchema>;

export type RunLock = {
  /** Lets other processes in; folders that were made for the lock and are still empty go with it. */
  release(): Promise<void>;
};

/**
 * Makes the run's folder where there is none, and locks it.
 * @throws UsageError naming the process that works in it
 * @throws RunError when the folder is not writable
 */
export async function lockRunFolder(runDir: string): Promise<RunLock> {
  const path = join(runDir, 'run.lock');
  let made: string | undefined;
  try {
    made = await makeFolder(runDir);
    if (!(await create(path))) {
      const owner = await readOwner(path);
      if (owner === 'unknown' || (owner !== 'gone' && isAtWork(owner))) throw refusal(runDir, path, owner);
      await rm(path, {force: true});
      if (!(await create(path))) throw refusal(runDir, path, await readOwner(path));
    }
  } catch (error) {
    throw writeError(runDir, error);
  }
  return {
    async release() {
      await rm(path, {force: true});
      if (made !== undefined) await removeEmpty(runDir, made);
    },
  };
}

/** Removes a folder and those above it, up to `topmost`, as long as they are empty. */
async function removeEmpty(folder: string, topmost: string): Promise<void> {
  try {
    // It fails, rightly, where there is anything in it.
    await rmdir(folder);
    if (folder !== topmost) await removeEmpty(dirname(folder), topmost);
  } catch {
    return;
  }
}

/** Whether a process of this machine is running, whoever owns it. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** False when there is one. */
async function create(path: string): Promise<boolean> {
  const owner: Owner = {pid: process.pid, host: hostname()};
  try {
    await writeFile(path, `${JSON.stringify(owner)}\n`, {flag: 'wx'});
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    // A full disk leaves an empty file, which would lock the folder for good.
    await rm(path, {force: true}).catch(() => undefined);
    throw error;
  }
}

async function readOwner(path: string): Promise<Owner | 'gone' | 'unknown'> {
  try {
    return ownerSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'gone';
    if (error instanceof SyntaxError || error instanceof z.ZodError) return 'unknown';
    throw error;
  }
}

/** Our own number is that of a process before us: in a container every first process has the same one. */
function isAtWork({pid, host}: Owner): boolean {
  return host !== hostname() || (pid !== process.pid && isRunning(pid));
}

function refusal(runDir: string, path: string, owner: Owner | 'gone' | 'unknown'): UsageError {
  const who = typeof owner === 'string' ? 'another process' : `process ${owner.pid} on ${owner.host}`;
  return new UsageError(
    `${who} is training in ${runDir}; wait for it, choose another --out folder, or remove ${path} if it is gone`,
  );
}
