/** Bytes that mean something in a JSON text, and what the first ones say of a file that is none. */
import {RunError} from '../errors.js';

export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_ARRAY = 0x5b;
export const BACKSLASH = 0x5c;
export const CLOSE_ARRAY = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;

export const IS_SPACE = byteTable(' \t\r\n', 1);
const ENDS_SCALAR = byteTable(' \t\r\n,]}', 1);
/** 0: of no interest between strings; 1: a quote; 2: an opening bracket; 3: a closing one. */
export const STRUCTURE = byteTable('"', 1);
for (const byte of [OPEN_ARRAY, OPEN_OBJECT]) STRUCTURE[byte] = 2;
for (const byte of [CLOSE_ARRAY, CLOSE_OBJECT]) STRUCTURE[byte] = 3;

function byteTable(characters: string, value: number): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of Buffer.from(characters)) table[byte] = value;
  return table;
}

/** Index of the byte that ends a number or word, or -1 where the first `length` bytes do not. */
export function endOfScalar(chunk: Buffer, from: number, length: number): number {
  for (let i = from; i < length; i++) if (ENDS_SCALAR[chunk[i] as number] === 1) return i;
  return -1;
}

/** Index of the first byte of text: behind a UTF-8 mark. Says what the file is if it is plainly something else. */
export function startOfText(path: string, chunk: Buffer): number {
  const [a, b, c] = chunk;
  if (a === 0xef && b === 0xbb && c === 0xbf) return 3;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff))
    throw new RunError(`${path} is UTF-16 text; save it as UTF-8`);
  if (a === 0x1f && b === 0x8b) throw new RunError(`${path} is compressed by gzip; unpack it first`);
  if (a === 0x50 && b === 0x4b) throw new RunError(`${path} is a zip archive; unpack it first`);
  return 0;
}

/** JSON.parse quotes the text it failed on, line ends included. */
export function oneLine(message: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return message.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').slice(0, 160);
}

/** The number or word that the whole document is, such as null. */
export function soleScalar(chunk: Buffer, from: number): string | undefined {
  const text = chunk
    .toString('latin1', from, from + 40)
    .replace(/\0.*$/s, '')
    .trim();
  return /^(null|true|false|NaN|-?\d+(\.\d+)?)$/.test(text) ? text : undefined;
}
