import test from 'ava';
import fc from 'fast-check';
import {JsonBytes, JsonFields} from '../../src/data/json-bytes.js';

/** A reader at the start of the text, the zero behind it. */
function at(text: string): JsonBytes {
  const bytes = new JsonBytes();
  bytes.start(Buffer.from(`${text}\0`), 0);
  return bytes;
}

/** How many bytes `skip` read, or -1 where it gave up. */
function skipped(text: string): number {
  const bytes = at(text);
  return bytes.skip() ? bytes.position : -1;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test('any JSON value without escaped letters and keys is read over to its end', t => {
  fc.assert(
    fc.property(fc.jsonValue({maxDepth: 8}), fc.constantFrom(undefined, 1), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      const end = skipped(text);
      t.true(end === Buffer.byteLength(text) || (end === -1 && text.includes('\\')), text);
    }),
    {numRuns: 500, seed: 2},
  );
});

test('a value that a change of one character has broken is not read over', t => {
  const original = '{"a":[-1.5e-7,0,true,null,"x\\n\\"y"],"b":{"c":[],"d":{}},"e":false,"f":10.25}';
  let broken = 0;
  for (let i = 0; i < original.length; i++) {
    for (const character of '"\\{}[],:-+.019eEtx \n\t\u0001\u00e9') {
      const text = original.slice(0, i) + character + original.slice(i + 1);
      const end = skipped(text);
      if (end === Buffer.byteLength(text)) t.true(isJson(text), text);
      if (!isJson(text)) broken++;
    }
  }
  t.true(broken > 500);
});

test('numbers are those of JSON.parse; what is no JSON number, or not finite, is not read', t => {
  const values = ['0', '-0', '0.5', '-12.25', '1e3', '1E+2', '25e-1', '0.1000000000000000055511151231257827'];
  values.push('9007199254740993', '123456789012345678901234567890', '1e-400', '4.9e-324');
  for (const text of values) {
    const bytes = at(text);
    t.is(bytes.number(), JSON.parse(text), text);
    t.is(bytes.position, text.length);
  }
  for (const text of [
    '',
    '-',
    '01',
    '-01',
    '.5',
    '1.',
    '1.e5',
    '1e',
    '1e+',
    '+1',
    'NaN',
    'Infinity',
    '1e999',
  ]) {
    t.is(at(text).number(), Number.NaN, text);
  }
});

test('any number is that of JSON.parse to the last bit', t => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.double({noDefaultInfinity: true, noNaN: true}),
        fc.float({noNaN: true, noDefaultInfinity: true}),
      ),
      value => {
        const text = JSON.stringify(value);
        t.is(at(text).number(), JSON.parse(text));
      },
    ),
    {numRuns: 3000, seed: 3},
  );
});

test('the last integers that are doubles, and decimals of their digits, are those of JSON.parse', t => {
  for (let integer = Number.MAX_SAFE_INTEGER; integer > Number.MAX_SAFE_INTEGER - 5000; integer--) {
    const digits = String(integer);
    for (const text of [digits, `-${digits.slice(0, 9)}.${digits.slice(9)}`, `0.${digits}`, `${digits}7`])
      if (at(text).number() !== JSON.parse(text)) t.fail(text);
  }
  t.pass();
});

test('fields are found in any order and spacing, others are skipped', t => {
  const fields = new JsonFields(['id', 'box', 'name']);
  const text = ' { "box" : [ 1 , -2.5 ] ,\n "extra": {"id": 7, "x": [{}]}, "name": "a\\u00e9", "id":3 } ';
  const bytes = at(text);
  const box = new Float64Array(2);
  let id = 0;
  let name: string | undefined;
  const found = bytes.object(fields, field => {
    if (field === 0) id = bytes.integer();
    else if (field === 1) return bytes.numbers(box, 2);
    else name = 'unread';
    return field !== 2 || bytes.skip();
  });
  // An escaped letter in a text that is skipped is given up on.
  t.is(found, -1);
  const plain = at(text.replace('\\u00e9', 'é'));
  const foundNow = plain.object(fields, field => {
    if (field === 0) id = plain.integer();
    else if (field === 1) return plain.numbers(box, 2);
    else name = plain.text();
    return true;
  });
  t.is(foundNow, 0b111);
  t.deepEqual([id, name, ...box], [3, 'aé', 1, -2.5]);
  t.is(
    at('{}').object(fields, () => true),
    0,
  );
});

test('keys that need care are left to JSON.parse', t => {
  const fields = new JsonFields(['id']);
  const object = (text: string) => {
    const bytes = at(text);
    return bytes.object(fields, () => !Number.isNaN(bytes.integer()));
  };
  t.is(object('{"id":1,"id":2}'), -1, 'twice: the last counts');
  t.is(object('{"\\u0069d":1}'), -1, 'the same key, spelt otherwise');
  t.is(object('{"__proto__":{"id":5},"constructor":1}'), 0);
  t.is(object('{"id":1.5}'), -1);
  t.is(object('{"id":1,}'), -1);
  t.is(object('{"id" 1}'), -1);
  t.is(object('{"id":1'), -1);
});

test('lists are read to the number', t => {
  const to = new Float64Array(4);
  t.true(at('[1,2,3,4]').numbers(to, 4));
  t.deepEqual([...to], [1, 2, 3, 4]);
  for (const text of ['[1,2,3]', '[1,2,3,4,5]', '[1,2,null,4]', '[]', '{}', '[1,2,3,4']) {
    t.false(at(text).numbers(to, 4), text);
  }
});

test('a text has the value of JSON.parse, or is given up on', t => {
  t.is(at('"0O1\\\\N\\"x"').text(), '0O1\\N"x');
  t.is(at('"ü€𝄞"').text(), 'ü€𝄞');
  for (const text of ['"\\u0041"', '"\\x"', '"a\nb"', '"open', '"open\\', '1'])
    t.is(at(text).text(), undefined);
});

test('nesting that is too deep is given up on, without a stack', t => {
  t.is(skipped(`${'['.repeat(32)}${']'.repeat(32)}`), 64);
  t.is(skipped(`${'['.repeat(34)}${']'.repeat(34)}`), -1);
  t.is(skipped('['.repeat(1_000_000)), -1);
});
