/** Append-only logs of one JSON object a line. A killed process leaves at most one half line, which is left out. */
import {closeSync, fsyncSync, openSync, writeSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import type {z} from 'zod';
import {RunError} from '../errors.js';
import {errorCode, writeError, writeFileAtomic} from '../files/write-atomic.js';
import {toLoggedJson} from './logged-number.js';

/**
 * The lines of a log, in file order; none when there is no file.
 * @throws RunError naming the file and line that does not fit the schema
 */
export async function readJsonLines<T>(path: string, schema: z.ZodType<T>): Promise<readonly T[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  });
  const complete = text.slice(0, text.lastIndexOf('\n') + 1);
  const lines = complete.split('\n').slice(0, -1);
  return lines.map((line, index) => {
    const parsed = schema.safeParse(parseLine(line));
    if (parsed.success) return parsed.data;
    throw new RunError(`${path}, line ${index + 1}, is not a record of this log; remove the line`);
  });
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Keeps the records that pass, in one atomic replacement. */
export async function filterJsonLines<T extends object>(
  path: string,
  schema: z.ZodType<T>,
  keep: (record: T) => boolean,
): Promise<void> {
  const records = await readJsonLines(path, schema);
  await writeFileAtomic(
    path,
    records
      .filter(keep)
      .map(record => `${toLoggedJson(record)}\n`)
      .join(''),
  );
}

/** An open log. Each record reaches the system before `append` returns, so it outlives a killed process. */
export class JsonLines {
  private readonly file: number;

  constructor(private readonly path: string) {
    try {
      this.file = openSync(path, 'a');
    } catch (error) {
      throw writeError(path, error);
    }
  }

  /** @throws RunError when the disk is full. */
  append(record: object): void {
    const bytes = Buffer.from(`${toLoggedJson(record)}\n`);
    try {
      for (let offset = 0; offset < bytes.byteLength; ) offset += writeSync(this.file, bytes, offset);
    } catch (error) {
      throw writeError(this.path, error);
    }
  }

  /** Waits until the records are on the disk. */
  flush(): void {
    fsyncSync(this.file);
  }

  close(): void {
    closeSync(this.file);
  }
}
