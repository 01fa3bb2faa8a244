import {appendFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {isDeepStrictEqual} from 'node:util';
import test, {type ExecutionContext} from 'ava';
import fc from 'fast-check';
import type {JsonVisitor} from '../../src/data/json-splitter.js';
import {streamJson} from '../../src/data/json-stream.js';
import {RunError, UsageError} from '../../src/errors.js';
import {temporaryFolder} from '../temporary-folder.js';

async function write(t: ExecutionContext, content: string | Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(t), 'file.json');
  await writeFile(path, content);
  return path;
}

/** The document put together again from its pieces. */
async function read(path: string, chunkBytes?: number): Promise<unknown> {
  const sections = new Map<string, unknown[]>();
  const members: [string, unknown][] = [];
  const outline = await streamJson(
    path,
    {
      element(section, index, value) {
        const list = sections.get(section) ?? [];
        sections.set(section, list);
        if (list.length !== index) throw new Error(`element ${index} came at ${list.length}`);
        list.push(value);
      },
      member: (key, value) => members.push([key, value]),
    },
    chunkBytes === undefined ? {} : {chunkBytes},
  );
  const lists = [...outline.sections].map(([key, length]): [string, unknown] => {
    const list = sections.get(key) ?? [];
    if (list.length !== length) throw new Error(`${key} has ${list.length} elements, outline says ${length}`);
    return [key, list];
  });
  return outline.kind === 'array' ? lists[0]![1] : Object.fromEntries([...members, ...lists]);
}

const refuses = test.macro(async (t, content: string | Uint8Array, message: RegExp) => {
  const path = await write(t, content);
  for (const chunkBytes of [5, 1 << 20]) {
    const error = await t.throwsAsync(read(path, chunkBytes), {instanceOf: RunError});
    t.regex(error?.message ?? '', message);
    t.true(error?.message.startsWith(path), 'names the file');
    t.false(error?.message.includes('\n'), 'one line');
  }
});

test('any document comes out as JSON.parse reads it, wherever the chunks end', async t => {
  const path = join(await temporaryFolder(t), 'any.json');
  const documents = fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()));
  await fc.assert(
    fc.asyncProperty(
      documents,
      fc.constantFrom(undefined, 1, 3),
      fc.integer({min: 1, max: 9}),
      async (document, indent, chunkBytes) => {
        const text = JSON.stringify(document, null, indent);
        await writeFile(path, text);
        const expected: unknown = JSON.parse(text);
        // Keys come in another order, lists last, which the comparison overlooks.
        t.true(isDeepStrictEqual(await read(path, chunkBytes), expected), text);
      },
    ),
    {numRuns: 80, seed: 1},
  );
});

test('quotes, brackets and backslashes inside strings end nothing', async t => {
  const document = {
    'a"]}': [{text: 'x"]}\\'}, '\\\\"', '[{', 'ü€𝄞 \u2028'],
    b: {nested: ['}', ']']},
    c: 'plain',
    d: [],
    e: [[], [[1, [2]]], null, true, -1.5e-7],
  };
  const path = await write(t, JSON.stringify(document));
  for (let chunkBytes = 1; chunkBytes < 20; chunkBytes++) t.deepEqual(await read(path, chunkBytes), document);
});

test('a document may be one list, start with a byte order mark and end with white space', async t => {
  t.deepEqual(await read(await write(t, '\ufeff \r\n[1, {"a": 2}]\n\n')), [1, {a: 2}]);
  t.deepEqual(await read(await write(t, '[]')), []);
  t.deepEqual(await read(await write(t, '{}')), {});
});

test('a key __proto__ is a key like any other', async t => {
  const path = await write(t, '{"__proto__": [{"__proto__": {"polluted": 1}}], "b": {"__proto__": 2}}');
  const keys: string[] = [];
  await streamJson(path, {element: section => keys.push(section), member: key => keys.push(key)});
  t.deepEqual(keys, ['__proto__', 'b']);
  t.false('polluted' in {});
});

test('an element of 64 levels is read, of 65 refused, however long', async t => {
  const nested = (depth: number) => `{"a": [${'['.repeat(depth)}${']'.repeat(depth)}]}`;
  await t.notThrowsAsync(read(await write(t, nested(64))));
  const error = await t.throwsAsync(read(await write(t, nested(65))), {instanceOf: RunError});
  t.regex(error?.message ?? '', /: a\[0\] is nested deeper than 64 levels$/);
  // No stack is used up, however deep the text.
  await t.throwsAsync(read(await write(t, '['.repeat(3_000_000))), {instanceOf: RunError});
});

test('an empty file is refused', refuses, '', / is empty; it should be a JSON file$/);
test(
  'a file cut off inside an element names the element',
  refuses,
  '{"annotations": [{"id": 1}, {"id": 2, "bb',
  / ends after 41 bytes in the middle of annotations\[1\]: the file is truncated; /,
);
test(
  'a file cut off between elements',
  refuses,
  '{"annotations": [{"id": 1},',
  / the middle of annotations\[1\]: /,
);
test(
  'a file cut off inside a key',
  refuses,
  '{"annotations": [], "ima',
  / what follows "annotations": the file/,
);
test('a file cut off after its last list', refuses, '{"a": []', / in the middle of what follows "a": /);
test(
  'a file cut off inside a key of a book',
  refuses,
  `{"${'book '.repeat(1000)}`,
  /^[^"]{1,200} in the middle of its first key: the file is truncated/,
);
test(
  'a file cut off behind a key of a book',
  refuses,
  `{"${'book '.repeat(1000)}": [1, `,
  / in the middle of "(book ){1,12}b?o?o?k?\.\.\."\[1\]: the file is truncated/,
);
test(
  'a key of a book that comes twice',
  refuses,
  `{"${'book '.repeat(1000)}": 1, "${'book '.repeat(1000)}": 2}`,
  / has "(book ){1,12}b?o?o?k?\.\.\." twice; merge the two$/,
);
test(
  'NaN, which Python writes',
  refuses,
  '{"a": [{"id": 1}, {"area": NaN}]}',
  /: a\[1\]\.area: expected a number, found NaN \(not JSON, though Python writes it\)/,
);
test(
  'a comma too many',
  refuses,
  '{"a": [1, ]}',
  / is not valid JSON: expected an element at byte 10, found "\]"$/,
);
test('a comma too few', refuses, '{"a": [1 2]}', /expected "," or "\]" at byte 9, found "2"$/);
test('a key without quotes', refuses, '{a: 1}', /expected a key in quotes at byte 1, found "a"$/);
test('a missing value', refuses, '{"a": }', /: "a" is not valid JSON /);
test('brackets that do not fit', refuses, '{"a": [[1}]}', /: a\[0\] is not valid JSON /);
test('text after the end', refuses, '{"a": 1} x', /expected the end of the file at byte 9, found "x"$/);
test('a web page', refuses, '<html></html>', /expected \{ or \[ at byte 0, found "<"$/);
test(
  'a key that occurs twice',
  refuses,
  '{"images": [1], "images": []}',
  / has "images" twice; merge the two$/,
);
test('a line break in a string', refuses, '{"a": ["x\ny"]}', /: a\[0\] is not valid JSON /);
test('UTF-16', refuses, Buffer.from('\ufeff{}     ', 'utf16le'), / is UTF-16 text; save it as UTF-8$/);
test(
  'a compressed file',
  refuses,
  Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0),
  / is compressed by gzip; unpack it first$/,
);

test('a missing file and a folder are usage errors', async t => {
  const folder = await temporaryFolder(t);
  await t.throwsAsync(read(join(folder, 'none.json')), {
    instanceOf: UsageError,
    message: `there is no file ${join(folder, 'none.json')}`,
  });
  await t.throwsAsync(read(folder), {
    instanceOf: UsageError,
    message: `${folder} is a folder, not a JSON file`,
  });
});

test('what the visitor throws comes through', async t => {
  const path = await write(t, '[1, 2, 3]');
  const seen: unknown[] = [];
  const visit = streamJson(path, {
    element(_section, _index, value) {
      seen.push(value);
      if (value === 2) throw new RunError('two is wrong');
    },
  });
  await t.throwsAsync(visit, {instanceOf: RunError, message: 'two is wrong'});
  t.deepEqual(seen, [1, 2]);
});

test('a visitor may take elements from their bytes; others, and those that cross chunks, come parsed', async t => {
  const path = await write(t, '{"a": [11, 22, "x", 33, 44], "b": [], "c": [55]}');
  const whole: string[] = [];
  const visitor = (seen: string[]): JsonVisitor => ({
    // Two digits and what ends them, in one chunk.
    bytes(section, chunk, from) {
      const text = chunk.toString('latin1', from, from + 3);
      if (!/^\d\d[,\]]$/.test(text)) return -1;
      seen.push(`${section}: bytes ${text.slice(0, 2)}`);
      return from + 2;
    },
    element: (section, index, value) => seen.push(`${section}[${index}]: ${JSON.stringify(value)}`),
  });
  const outline = await streamJson(path, visitor(whole));
  t.deepEqual(whole, [
    'a: bytes 11',
    'a: bytes 22',
    'a[2]: "x"', // the count goes on over what was taken
    'a: bytes 33',
    'a: bytes 44',
    'c: bytes 55',
  ]);
  const sections = [
    ['a', 5],
    ['b', 0],
    ['c', 1],
  ];
  t.deepEqual([...outline.sections], sections);
  for (let chunkBytes = 1; chunkBytes < 12; chunkBytes++) {
    const cut: string[] = [];
    const {sections: same} = await streamJson(path, visitor(cut), {chunkBytes});
    t.deepEqual([...same], sections);
    const values = (pieces: readonly string[]) => pieces.map(piece => piece.replace(/^\w.*(bytes|:) /, ''));
    t.deepEqual(values(cut), values(whole));
  }
});

test('progress is told after every chunk, up to the size of the file', async t => {
  const path = await write(t, JSON.stringify(Array.from({length: 100}, (_, i) => i)));
  const told: (readonly [number, number])[] = [];
  await streamJson(
    path,
    {element: () => {}},
    {chunkBytes: 100, onProgress: (...numbers) => told.push(numbers)},
  );
  // 10 numbers of one digit, 90 of two, 99 commas and two brackets.
  t.deepEqual(told, [
    [100, 291],
    [200, 291],
    [291, 291],
  ]);
});

test('an element of more than 64 MiB is refused before it is in memory', async t => {
  const path = join(await temporaryFolder(t), 'large.json');
  await writeFile(path, '["');
  const block = Buffer.alloc(1 << 24, 'x');
  for (let i = 0; i < 5; i++) await appendFile(path, block);
  await t.throwsAsync(streamJson(path, {element: () => {}}), {
    instanceOf: RunError,
    message: `${path}: element [0] is larger than 64 MiB`,
  });
});
