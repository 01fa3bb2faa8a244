import {createHash} from 'node:crypto';
import test from 'ava';
import {
  decodeMask,
  encodeMask,
  MAX_MASK_PIXELS,
  MaskError,
  maskArea,
  maskBox,
  maskOfRuns,
  mergeMasks,
  pixelCount,
} from '../../src/masks/mask.js';
import {formatRunLengths, parseRunLengths} from '../../src/masks/run-length-text.js';
import {maskReference} from './mask-reference.js';

const againstReference = maskReference === undefined ? test.skip : test;

/** 3 x 4 pixels, rows of text: # is foreground. */
const drawn = (...rows: readonly string[]) =>
  encodeMask(
    Uint8Array.from(rows.join(''), pixel => (pixel === '#' ? 1 : 0)),
    rows.length,
    rows[0]!.length,
  );

// Columns, top to bottom: "..#", "###", "#..", "...": 2 background, 5 foreground, 5 background.
const HOOK = drawn('.##.', '.#..', '##..');

test('runs go down the columns, background first', t => {
  t.deepEqual([...HOOK.runs], [2, 5, 5]);
  t.is(maskArea(HOOK), 5);
  t.deepEqual(maskBox(HOOK), [0, 0, 3, 3]);
  t.deepEqual([...decodeMask(HOOK)], [0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0]);
});

test('a mask that starts with foreground has a first run of 0', t => {
  t.deepEqual([...drawn('##', '#.').runs], [0, 3, 1]);
  t.deepEqual([...drawn('##', '##').runs], [0, 4]);
  t.deepEqual([...drawn('..', '..').runs], [4]);
});

test('the box of a mask without foreground is zeros', t => {
  t.deepEqual(maskBox(drawn('..', '..')), [0, 0, 0, 0]);
  t.deepEqual(maskBox(maskOfRuns([3, 0, 1], 2, 2)), [0, 0, 0, 0]);
  t.deepEqual(maskBox(maskOfRuns([], 0, 0)), [0, 0, 0, 0]);
});

test('a box is as high as the image only where a run turns into the next column', t => {
  // 4 rows, 3 columns. Rows 1 to 2 of columns 0 and 1; then rows 3 of column 0 and 0 of column 1, one run of 2.
  t.deepEqual(maskBox(maskOfRuns([1, 2, 2, 2, 5], 4, 3)), [0, 1, 2, 2]);
  t.deepEqual(maskBox(maskOfRuns([3, 2, 7], 4, 3)), [0, 0, 2, 4]);
});

test('runs of length 0 change nothing but the text', t => {
  const plain = maskOfRuns([2, 5, 5], 3, 4);
  const padded = maskOfRuns([2, 3, 0, 2, 5, 0, 0], 3, 4);
  t.is(maskArea(padded), maskArea(plain));
  t.deepEqual(maskBox(padded), maskBox(plain));
  t.deepEqual(decodeMask(padded), decodeMask(plain));
  t.deepEqual(mergeMasks([padded, padded], 'union'), plain);
  t.deepEqual(mergeMasks([plain, padded], 'intersection'), plain);
  t.not(formatRunLengths(padded), formatRunLengths(plain));
});

test('union and intersection of two masks drawn by hand', t => {
  const other = drawn('..##', '.##.', '....');
  t.deepEqual(mergeMasks([HOOK, other], 'union'), drawn('.###', '.##.', '##..'));
  t.deepEqual(mergeMasks([HOOK, other], 'intersection'), drawn('..#.', '.#..', '....'));
});

test('one mask merged is itself; none, and masks of different sizes, give the mask of 0 x 0', t => {
  const padded = maskOfRuns([2, 3, 0, 2, 5], 3, 4);
  t.deepEqual(mergeMasks([padded], 'union'), padded);
  const nothing = maskOfRuns([], 0, 0);
  t.deepEqual(mergeMasks([], 'union'), nothing);
  t.deepEqual(mergeMasks([HOOK, drawn('##', '##')], 'union'), nothing);
});

test('runs that are none, or do not fill the image, are errors', t => {
  const message = (runs: ArrayLike<unknown>, height = 3, width = 4) =>
    t.throws(() => maskOfRuns(runs, height, width), {instanceOf: MaskError})?.message;
  t.is(message([2, -1, 11]), 'run 1 is -1: run lengths are whole numbers, 0 or more');
  t.is(message([2.5, 9.5]), 'run 0 is 2.5: run lengths are whole numbers, 0 or more');
  t.is(message([Number.NaN]), 'run 0 is NaN: run lengths are whole numbers, 0 or more');
  t.is(message([12, '0']), 'run 1 is a string: run lengths are whole numbers, 0 or more');
  t.is(message([null]), 'run 0 is null: run lengths are whole numbers, 0 or more');
  t.is(message([[12]]), 'run 0 is a list: run lengths are whole numbers, 0 or more');
  t.is(message([5, 6]), 'the run lengths add up to 11, not the 12 pixels of 3 x 4 (height x width)');
  t.is(message([5, 8]), 'the run lengths add up to more than the 12 pixels of 3 x 4 (height x width)');
  t.is(message([2 ** 53]), 'the run lengths add up to more than the 12 pixels of 3 x 4 (height x width)');
  t.is(
    message([1e10], 1e5, 1e5),
    `a mask of 100000 x 100000 pixels: more than the ${MAX_MASK_PIXELS} that a mask can hold`,
  );
  t.is(message([1], 1.5, 1), 'a mask of 1.5 x 1 pixels (height x width): both must be whole numbers');
  t.is(message([1], -1, -1), 'a mask of -1 x -1 pixels (height x width): both must be whole numbers');
});

test('a mask has up to 2^31 - 1 pixels', t => {
  t.is(pixelCount(1, MAX_MASK_PIXELS), MAX_MASK_PIXELS);
  t.throws(() => pixelCount(2 ** 16, 2 ** 15), {instanceOf: MaskError});
  const mask = maskOfRuns([0, MAX_MASK_PIXELS], MAX_MASK_PIXELS, 1);
  t.is(maskArea(mask), MAX_MASK_PIXELS);
  t.deepEqual(maskBox(mask), [0, 0, 1, MAX_MASK_PIXELS]);
});

test('pixels that are not height * width are an error', t => {
  t.throws(() => encodeMask(new Uint8Array(5), 2, 3), {
    instanceOf: MaskError,
    message: '5 pixels for a mask of 2 x 3 (height x width)',
  });
});

againstReference(
  'every mask of the reference: runs, area, box, pixels and text as pycocotools has them',
  t => {
    for (const {id, expected} of maskReference!.items) {
      const [height, width] = expected.size;
      const mask = parseRunLengths(expected.counts, height, width);
      t.is(formatRunLengths(mask), expected.counts, `item ${id}: text`);
      t.deepEqual([...mask.runs], expected.runs, `item ${id}: runs`);
      t.is(maskArea(mask), expected.area, `item ${id}: area`);
      t.deepEqual(maskBox(mask), expected.bbox, `item ${id}: box`);
      const pixels = decodeMask(mask);
      t.is(sha256(pixels), expected.maskSha256, `item ${id}: pixels`);
      t.is(formatRunLengths(encodeMask(pixels, height, width)), expected.reencoded, `item ${id}: again`);
    }
  },
);

againstReference('uncompressed run lengths of the reference', t => {
  for (const {id, kind, input, h, w, expected} of maskReference!.items) {
    if (kind === 'rle') t.is(formatRunLengths(maskOfRuns(input.counts, h, w)), expected.counts, `item ${id}`);
  }
});

againstReference('masks of the reference with runs of length 0: text, area and pixels', t => {
  for (const {input, h, w, expected} of maskReference!.zeroRuns) {
    const mask = maskOfRuns(input.counts, h, w);
    t.is(formatRunLengths(mask), expected.counts);
    t.deepEqual(parseRunLengths(expected.counts, h, w), mask);
    t.is(maskArea(mask), expected.area);
    const pixels = decodeMask(mask);
    t.is(sha256(pixels), expected.maskSha256);
    t.deepEqual([...encodeMask(pixels, h, w).runs], expected.runs);
  }
});

againstReference('merges of the reference, and of masks of different sizes', t => {
  for (const {inputs, intersect, size, counts, area, bbox} of maskReference!.merge) {
    const masks = inputs.map(text => parseRunLengths(text, ...size));
    const merged = mergeMasks(masks, intersect === 1 ? 'intersection' : 'union');
    t.is(formatRunLengths(merged), counts);
    t.is(maskArea(merged), area);
    t.deepEqual(maskBox(merged), bbox);
  }
  const {a, b, merge} = maskReference!.sizeMismatch;
  const merged = mergeMasks(
    [a, b].map(({counts, size}) => parseRunLengths(counts, ...size)),
    'union',
  );
  t.deepEqual([merged.height, merged.width], [...merge.size]);
  t.is(formatRunLengths(merged), merge.counts);
});

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
