/** NaN and Infinity, which Python writes into JSON files and JSON does not have: where in a record they stand. */
import {randomBytes} from 'node:crypto';

/** A text in quotes, which is passed over, or a bare word for what is no number. */
const TEXT_OR_WORD = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b/gs;
const MAX_CHARACTERS = 1 << 20;

export type NotANumber = {
  /** From the record on, such as `.score` or `.bbox[3]`; empty where it is the value itself. */
  readonly path: string;
  readonly word: string;
};

/** The first such word of a text that JSON.parse has refused; undefined where that is not what is wrong with it. */
export function findNotANumber(text: string): NotANumber | undefined {
  if (text.length > MAX_CHARACTERS) return undefined;
  const mark = randomBytes(8).toString('hex');
  const marked = text.replace(TEXT_OR_WORD, found => (found[0] === '"' ? found : `"${mark}${found}"`));
  try {
    return firstMarked(JSON.parse(marked), mark, '');
  } catch {
    return undefined;
  }
}

function firstMarked(value: unknown, mark: string, path: string): NotANumber | undefined {
  if (typeof value === 'string')
    return value.startsWith(mark) ? {path, word: value.slice(mark.length)} : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  const isList = Array.isArray(value);
  for (const [key, part] of Object.entries(value)) {
    const found = firstMarked(part, mark, isList ? `${path}[${key}]` : `${path}.${key.slice(0, 60)}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
