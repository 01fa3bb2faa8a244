import test from 'ava';
import fc from 'fast-check';
import {MAX_MASK_PIXELS, MaskError, maskOfRuns} from '../../src/masks/mask.js';
import {formatRunLengths, parseRunLengths} from '../../src/masks/run-length-text.js';
import {maskOf, SIDES} from './mask-arbitraries.js';

test('numbers below 16 are one character, the fourth and later are differences to the run two before', t => {
  // 48 + 2, 48 + 5, 48 + 3; then 4 - 5 = -1: five bits 31, 48 + 31 = "O"; then 6 - 3 = 3.
  const mask = maskOfRuns([2, 5, 3, 4, 6], 4, 5);
  t.is(formatRunLengths(mask), '253O3');
  t.deepEqual(parseRunLengths('253O3', 4, 5), mask);
});

test('larger numbers are cut into five bits each, lowest first', t => {
  // 16: low bits 16 with "more", 48 + 16 + 32 = "`", then 0: the sign bit of a last group would say negative.
  t.is(formatRunLengths(maskOfRuns([16], 4, 4)), '`0');
  // 1000 = 31 * 32 + 8: 48 + 8 + 32 = "X"; 31 has the sign bit, so it needs "more" too, 48 + 31 + 32 = "o", then "0".
  t.is(formatRunLengths(maskOfRuns([1000], 10, 100)), 'Xo0');
});

test('the longest number has seven characters', t => {
  const mask = maskOfRuns([0, MAX_MASK_PIXELS], 1, MAX_MASK_PIXELS);
  t.is(formatRunLengths(mask), '0oooooo1');
  t.deepEqual(parseRunLengths('0oooooo1', 1, MAX_MASK_PIXELS), mask);
});

test('runs of length 0, and numbers longer than they need be, are taken', t => {
  t.deepEqual([...parseRunLengths('2002', 2, 2).runs], [2, 0, 0, 2]);
  t.deepEqual([...parseRunLengths('R04', 3, 2).runs], [2, 4]);
  t.deepEqual(parseRunLengths('', 0, 0), maskOfRuns([], 0, 0));
});

test('a text that is no run lengths is an error that says why', t => {
  const message = (text: string, height = 4, width = 5) =>
    t.throws(() => parseRunLengths(text, height, width), {instanceOf: MaskError})?.message;
  const alphabet = 'they are made of "0" to "o"';
  t.is(message('25 3O3'), `character 2 of the compressed counts is " ": ${alphabet}`);
  t.is(message('253O3\n'), `character 5 of the compressed counts is "\\n": ${alphabet}`);
  t.is(message('/'), `character 0 of the compressed counts is "/": ${alphabet}`);
  t.is(message('2p'), `character 1 of the compressed counts is "p": ${alphabet}`);
  t.is(message('2\u{1F600}'), `character 1 of the compressed counts is "\\ud83d": ${alphabet}`);
  t.is(message('2\u1030'), `character 1 of the compressed counts is "\u1030": ${alphabet}`);
  t.is(message('253O3`'), 'the compressed counts end within a number: cut off?');
  t.is(message('2N'), 'run 1 of the compressed counts is -2: lengths are not negative');
  t.is(message('253J'), 'run 3 of the compressed counts is -1: lengths are not negative');
  t.is(message('oooooo2'), 'run 0 of the compressed counts does not fit in 32 bits');
  t.is(message('oooooo?'), 'run 0 of the compressed counts does not fit in 32 bits');
  t.is(message('ooooooM'), 'run 0 of the compressed counts does not fit in 32 bits');
  t.is(message('ooooooN'), 'run 0 of the compressed counts is -1073741825: lengths are not negative');
  t.is(message('ooooooo0'), 'run 0 of the compressed counts has more than 7 characters');
  t.is(message(`${'o'.repeat(1000)}0`), 'run 0 of the compressed counts has more than 7 characters');
  const size = 'the 20 pixels of 4 x 5 (height x width)';
  t.is(message('253O2'), `the run lengths add up to 19, not ${size}`);
  t.is(message('253O4'), `the run lengths add up to more than ${size}`);
  t.is(message(''), `the run lengths add up to 0, not ${size}`);
  t.is(message('oooooo1oooooo1'), `the run lengths add up to more than ${size}`);
  t.is(
    message('0', 1e5, 1e5),
    'a mask of 100000 x 100000 pixels: more than the 2147483647 that a mask can hold',
  );
  t.is(message('0', Number.NaN, 5), 'a mask of NaN x 5 pixels (height x width): both must be whole numbers');
});

test('memory depends on the text, not on the size that is claimed', t => {
  // An image of two thousand million pixels, all background.
  const mask = parseRunLengths('oooooo1', MAX_MASK_PIXELS, 1);
  t.is(mask.runs.byteLength, 4);
  // Sixteen million empty runs.
  const empty = parseRunLengths(`4${'0'.repeat(2 ** 24)}`, 2, 2);
  t.is(empty.runs.byteLength, 4 * (2 ** 24 + 1));
});

test('formatting and parsing give the mask back, whatever its runs', t => {
  const run = fc.oneof(fc.integer({min: 0, max: 40}), fc.integer({min: 0, max: 2 ** 27}));
  fc.assert(
    fc.property(fc.array(run, {maxLength: 15}), runs => {
      const mask = maskOfRuns(
        runs,
        1,
        runs.reduce((sum, length) => sum + length, 0),
      );
      t.deepEqual(parseRunLengths(formatRunLengths(mask), mask.height, mask.width), mask);
    }),
    {numRuns: 1000},
  );
});

test('any text is a mask that fills its size, or a MaskError', t => {
  const anything = fc.oneof(
    fc.string({maxLength: 30}),
    fc.string({unit: fc.integer({min: 47, max: 112}).map(code => String.fromCharCode(code)), maxLength: 30}),
    SIDES.chain(sides => maskOf(sides)).map(({mask}) => formatRunLengths(mask)),
  );
  const side = fc.integer({min: 0, max: 12});
  fc.assert(
    fc.property(anything, side, side, (text, height, width) => {
      try {
        const {runs} = parseRunLengths(text, height, width);
        t.is(
          runs.reduce((sum, length) => sum + length, 0),
          height * width,
        );
      } catch (error) {
        t.true(error instanceof MaskError);
      }
    }),
    {numRuns: 3000},
  );
});
