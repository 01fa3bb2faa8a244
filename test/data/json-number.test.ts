import test, {type ExecutionContext} from 'ava';
import fc from 'fast-check';
import {decimalValue, MAX_HEAD} from '../../src/data/json-number.js';

/** The text's digits cut as a reader cuts them: 15 or 16 to the head, the others to the tail. */
function read(text: string): number {
  const [integer = '', fraction = ''] = text.split('.');
  let head = 0;
  let tail = 0;
  let tailDigits = 0;
  for (const digit of integer + fraction) {
    if (head <= MAX_HEAD) head = 10 * head + Number(digit);
    else {
      tail = 10 * tail + Number(digit);
      tailDigits++;
    }
  }
  return decimalValue(head, tail, tailDigits, fraction.length);
}

/** Whether it was computed; then it must be what the language reads. */
function agrees(t: ExecutionContext, text: string): boolean {
  const value = read(text);
  if (!Number.isNaN(value)) t.is(value, Number(text), text);
  return !Number.isNaN(value);
}

test('decimals of up to 15 digits and 22 decimals are always computed', t => {
  for (const text of ['0', '0.0', '7', '461.69', '0.000001', '123456789012345', '0.0000000123456789012345']) {
    t.true(agrees(t, text), text);
  }
});

test('what single and double precision numbers are printed as is computed, nearly always', t => {
  let computed = 0;
  const count = 20_000;
  for (let i = 1; i <= count; i++) {
    const value = Math.abs(Math.sin(i)) * 10 ** (i % 4);
    const text = String(i % 2 === 0 ? Math.fround(value) : value);
    if (!text.includes('e') && agrees(t, text)) computed++;
  }
  t.true(computed > 0.99 * count, `${computed} of ${count}`);
});

test('numbers in the middle between two doubles, and a digit beside it, are rounded as the language does or left to it', t => {
  let left = 0;
  for (let i = 0; i < 2000; i++) {
    // From 2^53 to 2^54 every other integer is a double: the odd ones lie in the middle.
    const odd = 2n ** 53n + 2n * BigInt(i) + 1n;
    t.true(agrees(t, `${odd - 1n}`));
    for (const text of [`${odd}`, `${odd}.0`, `${odd}.0000000`]) if (!agrees(t, text)) left++;
    for (const text of [`${odd}.0000001`, `${odd - 1n}.9999999`, `${odd}.1`, `${odd}.9`]) agrees(t, text);
  }
  t.is(left, 6000, 'the middle is left to the language');
});

test('any decimal is that of the language, or not computed', t => {
  const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{0,${max}}$`));
  fc.assert(
    fc.property(fc.nat({max: 10 ** 9}), digits(14), digits(14), (start, integer, fraction) => {
      agrees(t, fraction === '' ? `${start}${integer}` : `${start}${integer}.${fraction}`);
    }),
    {numRuns: 5000, seed: 1},
  );
});

test('more digits than can be added up exactly are not computed', t => {
  t.true(Number.isNaN(decimalValue(900719925474099, 0, 9, 0)));
  t.true(Number.isNaN(decimalValue(1, 0, 0, 23)));
});
