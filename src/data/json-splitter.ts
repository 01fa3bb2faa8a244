/**
 * Cuts a JSON document that comes in chunks into the elements of its top-level arrays. What is between the elements is
 * checked here byte by byte, what is inside them by JSON.parse.
 */
import {RunError} from '../errors.js';
import {findNotANumber} from './json-not-a-number.js';
import {describe} from './json-record.js';
import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  IS_SPACE,
  OPEN_ARRAY,
  OPEN_OBJECT,
  oneLine,
  QUOTE,
  soleScalar,
  startOfText,
} from './json-syntax.js';
import {JsonValue} from './json-value.js';

export type JsonVisitor = {
  /** One element of a top-level array. `section` is the key of the array, '' if the document itself is an array. */
  element(section: string, index: number, value: unknown): void;
  /**
   * May take the element that begins at chunk[from] straight from its bytes. Returns the index after it, or -1 to
   * have it parsed and handed to `element`; so it is with elements that go on in the next chunk, and whoever takes an
   * element has made sure that it is valid JSON. A zero byte follows the chunk.
   */
  bytes?(section: string, chunk: Buffer, from: number): number;
  /** A top-level member that is not an array. */
  member?(key: string, value: unknown): void;
};

/** What the document was: a list, or an object with `sections` (its arrays, with their lengths). */
export type JsonOutline = {
  readonly kind: 'array' | 'object';
  readonly sections: ReadonlyMap<string, number>;
};

/** What the next byte that is not white space has to be. */
type Expected =
  | 'document'
  | 'key-or-end'
  | 'key'
  | 'colon'
  | 'member'
  | 'comma-or-end-of-object'
  | 'element-or-end'
  | 'element'
  | 'comma-or-end-of-array'
  | 'nothing';

/** Takes a document in chunks and hands its pieces to the visitor. Throws RunError where it is not JSON. */
export class JsonSplitter {
  private expected: Expected = 'document';
  private kind: JsonOutline['kind'] = 'object';
  private key = '';
  private readonly keys = new Set<string>();
  private readonly sections = new Map<string, number>();
  /** The array that is being read, and its elements so far. */
  private section = '';
  private count = 0;
  /** Bytes of the document before the current chunk. */
  private offset = 0;
  private readonly value: JsonValue;

  constructor(
    private readonly path: string,
    private readonly visitor: JsonVisitor,
  ) {
    this.value = new JsonValue(path, () => this.where());
  }

  /** Takes the first `length` bytes of `chunk`, which a zero byte has to follow if the visitor has `bytes`. */
  feed(chunk: Buffer, length = chunk.length): void {
    let i = this.offset === 0 ? startOfText(this.path, chunk) : 0;
    let valueStart = 0;
    while (i < length) {
      if (!this.value.isOpen) {
        if (IS_SPACE[chunk[i] as number] === 1) {
          i++;
          continue;
        }
        const consumed = this.structure(chunk[i] as number, i, chunk);
        if (consumed) {
          i++;
          continue;
        }
        const after = this.taken(chunk, i);
        if (after !== -1) {
          i = after;
          continue;
        }
        valueStart = i;
        i = this.value.open(chunk[i] as number, i);
      }
      const end = this.value.endIn(chunk, i, length);
      if (end === -1) break;
      this.deliver(this.parse(this.value.close(chunk, valueStart, end), end));
      i = end;
    }
    if (this.value.isOpen) this.value.keep(chunk.subarray(valueStart, length));
    this.offset += length;
  }

  /** To be called after the last chunk. */
  end(): JsonOutline {
    if (this.offset === 0) throw new RunError(`${this.path} is empty; it should be a JSON file`);
    if (this.expected !== 'nothing')
      throw new RunError(
        `${this.path} ends after ${this.offset} bytes in the middle of ${this.where()}: the file is truncated; copy or write it again`,
      );
    return {kind: this.kind, sections: this.sections};
  }

  /** Takes one byte of the structure around values; false if a value (or key) begins with it. */
  private structure(byte: number, i: number, chunk: Buffer): boolean {
    switch (this.expected) {
      case 'document':
        if (byte !== OPEN_ARRAY && byte !== OPEN_OBJECT) {
          const value = soleScalar(chunk, i);
          if (value !== undefined)
            throw new RunError(`${this.path} is ${value}; expected a list or an object`);
          throw this.notJson(byte, i, '{ or [');
        }
        this.kind = byte === OPEN_ARRAY ? 'array' : 'object';
        this.expected = byte === OPEN_ARRAY ? 'element-or-end' : 'key-or-end';
        if (byte === OPEN_ARRAY) this.openArray('');
        return true;
      case 'key-or-end':
      case 'key':
        if (byte === QUOTE) return false;
        if (byte !== CLOSE_OBJECT || this.expected === 'key') throw this.notJson(byte, i, 'a key in quotes');
        this.expected = 'nothing';
        return true;
      case 'colon':
        if (byte !== COLON) throw this.notJson(byte, i, '":"');
        this.expected = 'member';
        return true;
      case 'member':
        if (byte !== OPEN_ARRAY) return false;
        this.openArray(this.key);
        this.expected = 'element-or-end';
        return true;
      case 'comma-or-end-of-object':
        if (byte !== COMMA && byte !== CLOSE_OBJECT) throw this.notJson(byte, i, '"," or "}"');
        this.expected = byte === COMMA ? 'key' : 'nothing';
        return true;
      case 'element-or-end':
      case 'element':
        if (byte !== CLOSE_ARRAY) return false;
        if (this.expected === 'element') throw this.notJson(byte, i, 'an element');
        this.endArray();
        return true;
      case 'comma-or-end-of-array':
        if (byte !== COMMA && byte !== CLOSE_ARRAY) throw this.notJson(byte, i, '"," or "]"');
        if (byte === COMMA) this.expected = 'element';
        else this.endArray();
        return true;
      case 'nothing':
        throw this.notJson(byte, i, 'the end of the file');
    }
  }

  private openArray(section: string): void {
    this.section = section;
    this.count = 0;
  }

  private endArray(): void {
    this.sections.set(this.section, this.count);
    this.expected = this.kind === 'array' ? 'nothing' : 'comma-or-end-of-object';
  }

  /** Offers the element at index i to the visitor as bytes; the index after it, or -1 if there is none or it is not taken. */
  private taken(chunk: Buffer, i: number): number {
    if (this.visitor.bytes === undefined) return -1;
    if (this.expected !== 'element' && this.expected !== 'element-or-end') return -1;
    const after = this.visitor.bytes(this.section, chunk, i);
    if (after !== -1) {
      this.count++;
      this.expected = 'comma-or-end-of-array';
    }
    return after;
  }

  private parse(text: string, end: number): unknown {
    try {
      return JSON.parse(text);
    } catch (error) {
      const wrong = findNotANumber(text);
      if (wrong !== undefined)
        throw new RunError(
          `${this.path}: ${this.place()}${wrong.path}: expected a number, found ${wrong.word} ` +
            '(not JSON, though Python writes it); write a finite number or leave the record out',
        );
      const reason = error instanceof Error ? oneLine(error.message) : String(error);
      throw new RunError(
        `${this.path}: ${this.where()} is not valid JSON (it ends at byte ${this.offset + end}): ${reason}`,
      );
    }
  }

  private deliver(value: unknown): void {
    switch (this.expected) {
      case 'key-or-end':
      case 'key':
        this.key = String(value);
        if (this.keys.has(this.key))
          throw new RunError(`${this.path} has ${describe(this.key)} twice; merge the two`);
        this.keys.add(this.key);
        this.expected = 'colon';
        return;
      case 'member':
        this.visitor.member?.(this.key, value);
        this.expected = 'comma-or-end-of-object';
        return;
      default:
        this.visitor.element(this.section, this.count++, value);
        this.expected = 'comma-or-end-of-array';
    }
  }

  /** The place that is being read, for messages. */
  private where(): string {
    switch (this.expected) {
      case 'element-or-end':
      case 'element':
      case 'comma-or-end-of-array':
        return `${this.section === '' ? 'element ' : ''}${this.place()}`;
      case 'colon':
      case 'member':
        return describe(this.key);
      default:
        return this.key === '' ? 'its first key' : `what follows ${describe(this.key)}`;
    }
  }

  /** The element or member that is being read, as a path. */
  private place(): string {
    return this.expected === 'member' ? shown(this.key) : `${shown(this.section)}[${this.count}]`;
  }

  private notJson(byte: number, i: number, expected: string): RunError {
    const found = byte > 0x20 && byte < 0x7f ? `"${String.fromCharCode(byte)}"` : `byte ${byte}`;
    return new RunError(
      `${this.path} is not valid JSON: expected ${expected} at byte ${this.offset + i}, found ${found}`,
    );
  }
}

/** A key without its quotes; one that is longer than any key of a format is cut, with quotes. */
function shown(key: string): string {
  return key.length <= 60 ? key : describe(key);
}
