/** One value of a JSON document that comes in chunks: where it ends, and its text. What is inside it is left to JSON.parse. */
import {RunError} from '../errors.js';
import {BACKSLASH, endOfScalar, OPEN_ARRAY, OPEN_OBJECT, QUOTE, STRUCTURE} from './json-syntax.js';

/** A value that is parsed as a whole takes up to twenty times its bytes. */
const MAX_BYTES = 64 << 20;
const MAX_DEPTH = 64;

/** The value that is being read, across chunks; one after the other. */
export class JsonValue {
  private state: 'none' | 'scalar' | 'nested' = 'none';
  /** Its bytes in earlier chunks. */
  private earlier: Buffer[] = [];
  private earlierBytes = 0;
  private depth = 0;
  private inString = false;
  private escaped = false;

  /** @param where the value's place in the document, for messages */
  constructor(
    private readonly path: string,
    private readonly where: () => string,
  ) {}

  /** Whether a value has begun and not ended. */
  get isOpen(): boolean {
    return this.state !== 'none';
  }

  /** Starts on a value whose first byte is `byte` at index i; returns the index where its scan goes on. */
  open(byte: number, i: number): number {
    this.inString = byte === QUOTE;
    this.depth = byte === OPEN_ARRAY || byte === OPEN_OBJECT ? 1 : 0;
    const nested = this.inString || this.depth === 1;
    this.state = nested ? 'nested' : 'scalar';
    return nested ? i + 1 : i;
  }

  /**
   * Index after the value, or -1 if the first `length` bytes of the chunk end first.
   * @throws RunError when it is nested too deep.
   */
  endIn(chunk: Buffer, from: number, length: number): number {
    return this.state === 'scalar' ? endOfScalar(chunk, from, length) : this.endOfNested(chunk, from, length);
  }

  private endOfNested(chunk: Buffer, from: number, n: number): number {
    let i = from;
    while (i < n) {
      if (this.inString) {
        if (this.escaped) {
          this.escaped = false;
          i++;
        }
        while (i < n && chunk[i] !== QUOTE && chunk[i] !== BACKSLASH) i++;
        if (i >= n) return -1;
        if (chunk[i++] === BACKSLASH) {
          this.escaped = true;
          continue;
        }
        this.inString = false;
        if (this.depth === 0) return i;
      }
      let structure = 0;
      while (i < n) {
        structure = STRUCTURE[chunk[i++] as number] as number;
        if (structure !== 0) break;
      }
      if (structure === 1) this.inString = true;
      else if (structure === 2 && ++this.depth > MAX_DEPTH)
        throw new RunError(`${this.path}: ${this.where()} is nested deeper than ${MAX_DEPTH} levels`);
      else if (structure === 3 && --this.depth === 0) return i;
    }
    return -1;
  }

  /**
   * Keeps the part of the value that lies in this chunk, whose memory is used again.
   * @throws RunError when the value is too large.
   */
  keep(part: Buffer): void {
    this.earlier.push(Buffer.from(part));
    this.earlierBytes += part.length;
    if (this.earlierBytes > MAX_BYTES)
      throw new RunError(`${this.path}: ${this.where()} is larger than ${MAX_BYTES >> 20} MiB`);
  }

  /** The text of the value, which ends before chunk[end] and begins at chunk[start] unless it began in an earlier chunk. */
  close(chunk: Buffer, start: number, end: number): string {
    this.state = 'none';
    if (this.earlier.length === 0) return chunk.toString('utf8', start, end);
    const text = Buffer.concat([...this.earlier, chunk.subarray(0, end)]).toString('utf8');
    this.earlier = [];
    this.earlierBytes = 0;
    return text;
  }
}
