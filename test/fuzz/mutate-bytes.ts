/** Mutations that know nothing of the format: bytes and tokens. */
import type {Random} from '../../src/random/random.js';
import {NUMBERS} from './extremes.js';
import {type Mutation, pick} from './mutation.js';

/** What parsers trip over wherever it stands. */
const FRAGMENTS: readonly Buffer[] = [
  ...[
    '__proto__',
    '"__proto__":{"id":1},',
    ',',
    '"',
    '\\',
    '\\u',
    '{',
    '}',
    '[',
    ']',
    '<',
    '>',
    '&',
    '&#0;',
    '&amp;',
  ],
  ...[
    '<!DOCTYPE a [<!ENTITY b "c">]>',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '<?xml?>',
    '<a b="',
    '\n',
    '\r',
    '\t',
  ],
  ...[
    '\0',
    '\ufeff',
    '\u2028',
    '\u2029',
    '\u0085',
    '\u001b[2J',
    '\u009b2J',
    '\ud7ff',
    '//',
    '/*',
    '#',
    '%s',
    '..',
  ],
  ...['&lt;', '&#x41;', '&#1114112;', '<object/>', '<object>', '</object>', '<annotation>', '<name></name>'],
].map(text => Buffer.from(text));
const BROKEN_UTF8 = [
  [0xff],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xe2, 0x80],
  [0x80],
];
const FRAGMENTS_AND_BYTES = [...FRAGMENTS, ...BROKEN_UTF8.map(bytes => Buffer.from(bytes))];

const MAX_BYTES = 1 << 20;

/** Start and end of a random range, which may be empty. */
function range(length: number, random: Random): readonly [from: number, to: number] {
  const from = random.int(length + 1);
  const longest = random.int(2) === 0 ? 8 : length;
  return [from, Math.min(length, from + random.int(longest + 1))];
}

function splice(bytes: Buffer, from: number, to: number, ...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([bytes.subarray(0, from), ...parts, bytes.subarray(to)]);
}

/** The text cut into words, numbers, white space and single characters; none is lost. */
function tokensOf(bytes: Buffer): string[] {
  return bytes.toString('latin1').match(/-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|[A-Za-z_]+|\s+|./gs) ?? [];
}

function onTokens(change: (tokens: string[], at: number, random: Random) => void): Mutation<Buffer> {
  return (bytes, random) => {
    const tokens = tokensOf(bytes);
    if (tokens.length === 0) return bytes;
    change(tokens, random.int(tokens.length), random);
    return Buffer.from(tokens.join(''), 'latin1');
  };
}

export const BYTE_MUTATIONS: Readonly<Record<string, Mutation<Buffer>>> = {
  'bit flipped': (bytes, random) => {
    if (bytes.length > 0) bytes[random.int(bytes.length)]! ^= 1 << random.int(8);
    return bytes;
  },
  'byte replaced': (bytes, random) => {
    if (bytes.length > 0) bytes[random.int(bytes.length)] = random.int(256);
    return bytes;
  },
  truncated: (bytes, random) => bytes.subarray(0, random.int(bytes.length + 1)),
  'beginning lost': (bytes, random) => bytes.subarray(random.int(bytes.length + 1)),
  'range lost': (bytes, random) => splice(bytes, ...range(bytes.length, random)),
  'range doubled': (bytes, random) => {
    const [from, to] = range(bytes.length, random);
    return splice(bytes, to, to, bytes.subarray(from, to));
  },
  'range repeated': (bytes, random) => {
    const [from, to] = range(bytes.length, random);
    const copies = Math.min(pick(random, [3, 50, 5000]), Math.floor(MAX_BYTES / (to - from + 1)));
    return splice(bytes, to, to, ...new Array<Buffer>(copies).fill(bytes.subarray(from, to)));
  },
  'range moved': (bytes, random) => {
    const [from, to] = range(bytes.length, random);
    const moved = Buffer.from(bytes.subarray(from, to));
    const rest = splice(bytes, from, to);
    const at = random.int(rest.length + 1);
    return splice(rest, at, at, moved);
  },
  'fragment inserted': (bytes, random) => {
    const at = random.int(bytes.length + 1);
    return splice(bytes, at, at, pick(random, FRAGMENTS_AND_BYTES));
  },
  'fragment repeated': (bytes, random) => {
    const at = random.int(bytes.length + 1);
    const fragment = pick(random, FRAGMENTS_AND_BYTES);
    const copies = pick(random, [2, 70, 3000]);
    return splice(bytes, at, at, ...new Array<Buffer>(copies).fill(fragment));
  },
  'tokens swapped': onTokens((tokens, at, random) => {
    const other = random.int(tokens.length);
    [tokens[at], tokens[other]] = [tokens[other]!, tokens[at]!];
  }),
  'token lost': onTokens((tokens, at) => void tokens.splice(at, 1)),
  'token doubled': onTokens((tokens, at) => void tokens.splice(at, 0, tokens[at]!)),
  'number at an edge': onTokens((tokens, at, random) => {
    const numbers = [...tokens.keys()].filter(index => /\d/.test(tokens[index]!));
    tokens[numbers.length === 0 ? at : pick(random, numbers)] = pick(random, NUMBERS);
  }),
  'word of elsewhere': onTokens((tokens, at, random) => {
    const words = tokens.filter(token => /^[A-Za-z_]/.test(token));
    if (words.length > 0) tokens[at] = pick(random, words);
  }),
};
