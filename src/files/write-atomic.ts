/** Files that are either the old version or the new one, whatever happens in between. */
import {randomBytes} from 'node:crypto';
import {mkdir, open, rename, rm, stat} from 'node:fs/promises';
import {dirname} from 'node:path';
import {RunError} from '../errors.js';

/** Node's error code (ENOSPC, ENOENT ...), or undefined for other errors. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What a failed write means to the person at the terminal. */
export function writeError(path: string, error: unknown): Error {
  switch (errorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new RunError(`cannot write ${path}: the disk is full; free some space or choose another folder`);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new RunError(`cannot write ${path}: no permission; choose another folder`);
    case 'ENOENT':
      // Folders on the way are made; some file systems (/proc, a read-only mount) say so when they take none.
      return new RunError(`cannot write ${path}: its folder cannot be made there; choose another folder`);
    case 'ENAMETOOLONG':
      return new RunError(`cannot write ${path.slice(0, 80)}...: the name is too long; choose a shorter one`);
    case 'ELOOP':
      return new RunError(`cannot write ${path}: its links lead round in a circle; choose another folder`);
    case 'ENOTDIR':
    case 'EISDIR':
    case 'EEXIST':
      return new RunError(`cannot write ${path}: a file or folder of that name is in the way`);
    default:
      return error instanceof Error ? error : new Error(String(error));
  }
}

/**
 * Makes a folder and those above it where they are missing. Node's own recursive mkdir never returns where a file system
 * that has a folder takes no new one in it and calls that ENOENT, as /proc does.
 * @returns the topmost folder that was made; undefined when `path` was there
 * @throws what the file system says when it cannot be made: `writeError` words it
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  try {
    await mkdir(path);
    return path;
  } catch (error) {
    if (await isFolder(path)) return undefined;
    const parent = dirname(path);
    if (errorCode(error) !== 'ENOENT' || parent === path || (await isFolder(parent))) throw error;
    const made = await makeFolder(parent);
    await mkdir(path).catch(async (later: unknown) => {
      // Another process may have been faster.
      if (!(await isFolder(path))) throw later;
    });
    return made ?? path;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/**
 * Writes `chunks` to a temporary file beside `path`, flushes it to disk and renames it into place; on failure the
 * old file is untouched and the temporary one is gone.
 * @throws RunError when the disk is full or the folder is not writable.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array | Iterable<Uint8Array>,
): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  // Renaming onto a folder fails in as many ways as there are systems.
  if (await isFolder(path)) throw new RunError(`cannot write ${path}: it is a folder; name a file`);
  const chunks = typeof data === 'string' ? [Buffer.from(data)] : data instanceof Uint8Array ? [data] : data;
  try {
    await makeFolder(dirname(path));
    const file = await open(temporary, 'wx');
    try {
      for (const chunk of chunks) await writeAll(file, chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    // Where a parent is a file, this fails too; the first error is the one to report.
    await rm(temporary, {force: true}).catch(() => undefined);
    throw writeError(path, error);
  }
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, chunk: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < chunk.byteLength) {
    const {bytesWritten} = await file.write(chunk, offset, chunk.byteLength - offset);
    offset += bytesWritten;
  }
}

/** A rename is durable only when the folder is; file systems that cannot sync a folder are left to their own ways. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  if (folder === undefined) return;
  await folder.sync().catch(() => undefined);
  await folder.close();
}
