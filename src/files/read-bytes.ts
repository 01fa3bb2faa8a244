/** Parts of a file at known places, whatever their size. */
import type {FileHandle} from 'node:fs/promises';
import {RunError} from '../errors.js';
import {errorCode} from './write-atomic.js';

/** Bytes a read call asks for at most; the operating system refuses 2 GiB and more. */
const READ_BYTES = 1 << 28;

/**
 * `length` bytes from `position` on.
 * @throws what `ended` makes of the position at which the file ends before that
 */
export async function readBytes(
  file: FileHandle,
  position: number,
  length: number,
  ended: (position: number) => Error,
): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const wanted = Math.min(READ_BYTES, length - filled);
    const {bytesRead} = await file.read(bytes, filled, wanted, position + filled);
    if (bytesRead === 0) throw ended(position + filled);
    filled += bytesRead;
  }
  return bytes.buffer;
}

/** What a failed read means to the person at the terminal. @param kind of file that was expected */
export function readError(path: string, error: unknown, kind: string): Error {
  switch (errorCode(error)) {
    case 'ENOENT':
      return new RunError(`cannot read ${path}: there is no such file`);
    case 'EISDIR':
      return new RunError(`cannot read ${path}: it is a folder, not a ${kind}`);
    case 'EACCES':
    case 'EPERM':
      return new RunError(`cannot read ${path}: no permission`);
    default:
      return error instanceof Error ? error : new Error(String(error));
  }
}
