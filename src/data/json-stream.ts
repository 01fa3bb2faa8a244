/**
 * Reads JSON files of any size: the elements of the top-level arrays one by one, never the whole text.
 *
 * Data-set and result files are one object of long lists, or one long list. A scan of the bytes finds where an element ends
 * (brackets and strings are all it has to know), JSON.parse reads the element. Everything between the elements is
 * checked here and everything inside them by JSON.parse, so what is accepted is valid JSON. V8's limit of 512 MiB a
 * string applies to an element, not to the file, and memory stays at a chunk and an element.
 */
import {type FileHandle, open} from 'node:fs/promises';
import {UsageError} from '../errors.js';
import {errorCode} from '../files/write-atomic.js';
import {type JsonOutline, JsonSplitter, type JsonVisitor} from './json-splitter.js';

const CHUNK_BYTES = 4 << 20;

export type JsonStreamOptions = {
  readonly chunkBytes?: number;
  /** Called after every chunk. The total is 0 where the size is not known beforehand, as of a pipe. */
  readonly onProgress?: (bytesDone: number, bytesTotal: number) => void;
};

/**
 * Reads the JSON file `path` and hands its pieces to `visitor` in the order of the file.
 * @throws UsageError when there is no such file; RunError when it is not JSON, truncated, nested deeper than 64, or
 * has an element of more than 64 MiB. What `visitor` throws comes through.
 */
export async function streamJson(
  path: string,
  visitor: JsonVisitor,
  {chunkBytes = CHUNK_BYTES, onProgress}: JsonStreamOptions = {},
): Promise<JsonOutline> {
  const file = await openForReading(path);
  // The next chunk is read while this one is worked on.
  let next: Promise<number> | undefined;
  try {
    const splitter = new JsonSplitter(path, visitor);
    const bytesTotal = (await file.stat()).size;
    let bytesDone = 0;
    // A small file needs no large chunks, each of which costs as much as reading megabytes.
    const capacity = bytesTotal > 0 ? Math.min(chunkBytes, bytesTotal) : chunkBytes;
    // A byte more than is read: the zero that ends every chunk.
    let [chunk, other] = [Buffer.alloc(capacity + 1), Buffer.alloc(capacity + 1)];
    const read = async (into: Buffer) => (await file.read(into, 0, capacity)).bytesRead;
    next = read(chunk);
    for (;;) {
      const length = await next;
      if (length === 0) return splitter.end();
      chunk[length] = 0;
      next = read(other);
      splitter.feed(chunk, length);
      bytesDone += length;
      onProgress?.(bytesDone, bytesTotal);
      [chunk, other] = [other, chunk];
    }
  } catch (error) {
    if (errorCode(error) === 'EISDIR') throw new UsageError(`${path} is a folder, not a JSON file`);
    throw error;
  } finally {
    await next?.catch(() => undefined); // what failed before is what is reported
    await file.close();
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    switch (errorCode(error)) {
      case 'ENOENT':
      case 'ENOTDIR':
        throw new UsageError(`there is no file ${path}`);
      case 'EACCES':
      case 'EPERM':
        throw new UsageError(`${path} cannot be read: no permission`);
      default:
        throw error;
    }
  }
}
