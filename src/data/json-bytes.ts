/**
 * Reads JSON straight from bytes: no text, no objects, no garbage. It knows the usual spelling of every value and gives
 * up on the rest (escapes in keys, keys that occur twice, deep nesting), which is then left to JSON.parse. What it
 * takes is valid JSON and has the value that JSON.parse gives it.
 */
import {decimalValue, MAX_HEAD, MOST_TAIL_DIGITS} from './json-number.js';
import {
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
} from './json-syntax.js';

const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const LOWER_E = 0x65;

const ESCAPES = Buffer.from('"\\/bfnrt');
const WORDS = ['true', 'false', 'null'].map(word => Buffer.from(word));
/** The splitter refuses an element at 64. */
const MAX_DEPTH = 32;

/** Names of the fields that a reader knows, at most 31; a field is its index here. */
export class JsonFields {
  /** Each with its quotes. */
  readonly names: readonly Buffer[];

  constructor(names: readonly string[]) {
    this.names = names.map(name => Buffer.from(`"${name}"`));
  }
}

/**
 * A place in a chunk of JSON. The methods read on from there and leave it behind what they read; those that return a
 * boolean return false, and `number` NaN, where they give up. The chunk must be followed by a zero byte.
 */
export class JsonBytes {
  private chunk: Buffer = Buffer.alloc(1);
  private at = 0;

  start(chunk: Buffer, at: number): void {
    this.chunk = chunk;
    this.at = at;
  }

  get position(): number {
    return this.at;
  }

  /**
   * Reads an object. Calls `field` with the index of each known field, the place at its value, which it has to read;
   * skips the others.
   * @returns a set of the fields that were there, bit i for field i, or -1 to give up, also when `field` returned false
   */
  object({names}: JsonFields, field: (index: number) => boolean): number {
    if (!this.take(OPEN_OBJECT)) return -1;
    if (this.take(CLOSE_OBJECT)) return 0;
    let found = 0;
    let next = 0;
    do {
      this.skipSpace();
      // Records of one file have their fields in one order, mostly: the one after the last is tried first.
      const index = this.key(names, next);
      if (index === -1) {
        if (!this.skipKey() || !this.skip()) return -1;
        continue;
      }
      if ((found & (1 << index)) !== 0 || !this.take(COLON) || !field(index)) return -1;
      found |= 1 << index;
      next = index + 1;
    } while (this.take(COMMA));
    return this.take(CLOSE_OBJECT) ? found : -1;
  }

  /** Reads a list; calls `item` at each of its values, which it has to read. */
  list(item: () => boolean): boolean {
    if (!this.take(OPEN_ARRAY)) return false;
    if (this.take(CLOSE_ARRAY)) return true;
    do {
      if (!item()) return false;
    } while (this.take(COMMA));
    return this.take(CLOSE_ARRAY);
  }

  /** Reads `count` numbers in brackets, no more and no fewer, into to[0] to to[count - 1]. */
  numbers(to: Float64Array, count: number): boolean {
    for (let i = 0; i < count; i++) {
      if (!this.take(i === 0 ? OPEN_ARRAY : COMMA)) return false;
      const value = this.number();
      if (Number.isNaN(value)) return false;
      to[i] = value;
    }
    return this.take(CLOSE_ARRAY);
  }

  /** A finite number, or NaN. */
  number(): number {
    this.skipSpace();
    const {chunk} = this;
    const start = this.at;
    let at = start;
    let byte = chunk[at]!;
    const negative = byte === MINUS;
    if (negative) byte = chunk[++at]!;
    const firstDigit = at;
    let head = 0;
    let tail = 0;
    let tailDigits = 0;
    while (byte >= ZERO && byte <= NINE) {
      if (head <= MAX_HEAD) head = 10 * head + (byte - ZERO);
      else if (++tailDigits <= MOST_TAIL_DIGITS) tail = 10 * tail + (byte - ZERO);
      byte = chunk[++at]!;
    }
    if (at === firstDigit || (chunk[firstDigit] === ZERO && at > firstDigit + 1)) return Number.NaN;
    let decimals = 0;
    if (byte === POINT) {
      const firstDecimal = ++at;
      byte = chunk[at]!;
      while (byte >= ZERO && byte <= NINE) {
        if (head <= MAX_HEAD) head = 10 * head + (byte - ZERO);
        else if (++tailDigits <= MOST_TAIL_DIGITS) tail = 10 * tail + (byte - ZERO);
        byte = chunk[++at]!;
      }
      decimals = at - firstDecimal;
      if (decimals === 0) return Number.NaN;
    }
    this.at = at;
    if ((byte | 0x20) === LOWER_E) return this.exponent(start);
    const value = decimalValue(head, tail, tailDigits, decimals);
    if (Number.isNaN(value)) return this.textValue(start);
    return negative ? -value : value;
  }

  /** An integer that a double holds exactly, or NaN. */
  integer(): number {
    const value = this.number();
    return Number.isSafeInteger(value) ? value : Number.NaN;
  }

  /** A string; undefined to give up. */
  text(): string | undefined {
    this.skipSpace();
    const start = this.at;
    const {chunk} = this;
    if (chunk[start] !== QUOTE) return undefined;
    let at = start + 1;
    let plain = true;
    for (let byte = chunk[at]!; byte !== QUOTE; byte = chunk[++at]!) {
      if (byte < 0x20) return undefined;
      if (byte === BACKSLASH) {
        plain = false;
        if (!isEscape(chunk[++at]!)) return undefined;
      } else if (byte >= 0x80) plain = false;
    }
    this.at = at + 1;
    return plain
      ? chunk.toString('latin1', start + 1, at)
      : JSON.parse(chunk.toString('utf8', start, at + 1));
  }

  /** Whether the next value is a list. */
  isList(): boolean {
    this.skipSpace();
    return this.chunk[this.at] === OPEN_ARRAY;
  }

  /** Reads over a value of any kind. */
  skip(depth = 0): boolean {
    this.skipSpace();
    switch (this.chunk[this.at]) {
      case QUOTE:
        return this.skipString();
      case OPEN_ARRAY:
        return this.skipNested(OPEN_ARRAY, CLOSE_ARRAY, depth);
      case OPEN_OBJECT:
        return this.skipNested(OPEN_OBJECT, CLOSE_OBJECT, depth);
      default:
        return this.skipScalar();
    }
  }

  private skipNested(open: number, close: number, depth: number): boolean {
    if (depth === MAX_DEPTH || !this.take(open)) return false;
    if (this.take(close)) return true;
    do {
      if (open === OPEN_OBJECT && !this.skipKey()) return false;
      if (!this.skip(depth + 1)) return false;
    } while (this.take(COMMA));
    return this.take(close);
  }

  private skipScalar(): boolean {
    const {chunk} = this;
    if (chunk[this.at] === MINUS || isDigit(chunk[this.at]!)) return this.skipNumber();
    const word = WORDS.find(bytes => bytes.every((byte, i) => chunk[this.at + i] === byte));
    if (word === undefined) return false;
    this.at += word.length;
    return true;
  }

  private skipNumber(): boolean {
    const {chunk} = this;
    let at = this.at;
    if (chunk[at] === MINUS) at++;
    const firstDigit = at;
    while (isDigit(chunk[at]!)) at++;
    if (at === firstDigit || (chunk[firstDigit] === ZERO && at > firstDigit + 1)) return false;
    if (chunk[at] === POINT) {
      const firstDecimal = ++at;
      while (isDigit(chunk[at]!)) at++;
      if (at === firstDecimal) return false;
    }
    this.at = at;
    return (chunk[at]! | 0x20) !== LOWER_E || this.skipExponent();
  }

  private skipExponent(): boolean {
    const {chunk} = this;
    let at = this.at + 1;
    if (chunk[at] === PLUS || chunk[at] === MINUS) at++;
    const firstDigit = at;
    while (isDigit(chunk[at]!)) at++;
    this.at = at;
    return at > firstDigit;
  }

  /** The value of a number that began at `start` and goes on with an exponent here. */
  private exponent(start: number): number {
    return this.skipExponent() ? this.textValue(start) : Number.NaN;
  }

  private textValue(start: number): number {
    const value = Number(this.chunk.toString('latin1', start, this.at));
    return Number.isFinite(value) ? value : Number.NaN;
  }

  /** Reads over a key and its colon. Gives up on escapes: the key may be one of the known ones, spelt otherwise. */
  private skipKey(): boolean {
    this.skipSpace();
    return this.skipString(false) && this.take(COLON);
  }

  private skipString(withEscapes = true): boolean {
    const {chunk} = this;
    let at = this.at;
    if (chunk[at] !== QUOTE) return false;
    for (let byte = chunk[++at]!; byte !== QUOTE; byte = chunk[++at]!) {
      if (byte < 0x20 || (byte === BACKSLASH && !(withEscapes && isEscape(chunk[++at]!)))) return false;
    }
    this.at = at + 1;
    return true;
  }

  /** Reads a key if it is one of `names`, `first` tried first; -1 if it is none, and nothing is read. */
  private key(names: readonly Buffer[], first: number): number {
    const {chunk, at} = this;
    for (let i = 0; i < names.length; i++) {
      const index = first + i < names.length ? first + i : first + i - names.length;
      const name = names[index]!;
      let matched = 0;
      while (matched < name.length && chunk[at + matched] === name[matched]) matched++;
      if (matched < name.length) continue;
      this.at = at + matched;
      return index;
    }
    return -1;
  }

  /** Reads over white space, then over `byte` if that comes next. */
  private take(byte: number): boolean {
    this.skipSpace();
    if (this.chunk[this.at] !== byte) return false;
    this.at++;
    return true;
  }

  private skipSpace(): void {
    const {chunk} = this;
    let at = this.at;
    for (let byte = chunk[at]!; byte <= 0x20; byte = chunk[++at]!) {
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
    }
    this.at = at;
  }
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

/** Whether a backslash and this byte are an escape. Not so for \\u and its four digits: that one is given up on. */
function isEscape(byte: number): boolean {
  return ESCAPES.includes(byte);
}
