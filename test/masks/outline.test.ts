import test from 'ava';
import fc from 'fast-check';
import {decodeMask, encodeMask, type Mask, MaskError} from '../../src/masks/mask.js';
import {maskInView, type OutlineView, polygonsInView} from '../../src/masks/outline.js';
import {maskOf, SIDES} from './mask-arbitraries.js';

/** Rows of a drawing, `#` for foreground. */
function drawn(...rows: readonly string[]): Mask {
  const pixels = rows.flatMap(row => Array.from(row, pixel => Number(pixel === '#')));
  return encodeMask(pixels, rows.length, rows[0]!.length);
}

function viewed(mask: Mask, view: OutlineView): Mask {
  const outline = maskInView(mask, view);
  if (outline.kind !== 'mask') throw new Error('a mask became polygons');
  return outline.mask;
}

test('polygons are scaled and mirrored as numbers', t => {
  // 10 x 20 pixels become 30 x 40 (height x width): y times 3, x times 2; mirrored, 40 - 2 x.
  const view = {height: 30, width: 40, flip: false};
  const polygons = [
    [1, 2, 5, 2, 5, 9.5],
    [-1, 0, 20, 0, 20, 11],
  ];
  t.deepEqual(polygonsInView(polygons, 10, 20, view), {
    kind: 'polygons',
    height: 30,
    width: 40,
    polygons: [Float64Array.of(2, 6, 10, 6, 10, 28.5), Float64Array.of(-2, 0, 40, 0, 40, 33)],
  });
  t.deepEqual(polygonsInView(polygons, 10, 20, {...view, flip: true}), {
    kind: 'polygons',
    height: 30,
    width: 40,
    polygons: [Float64Array.of(38, 6, 30, 6, 30, 28.5), Float64Array.of(42, 0, 0, 0, 0, 33)],
  });
});

test('polygons that no grid could draw are errors', t => {
  const view = {height: 100, width: 200, flip: false};
  const message = (polygon: readonly number[]) =>
    t.throws(() => polygonsInView([[0, 0, 1, 0, 1, 1], polygon], 50, 100, view), {instanceOf: MaskError})
      ?.message;
  // 2^14 = 16384 pixels beyond 200 are 8292 of the file's.
  t.notThrows(() => polygonsInView([[0, 0, 8292, 0, -8192, 1]], 50, 100, view));
  const far = 'too far outside of the image';
  t.is(message([0, 0, 8292.1, 0, 1, 1]), `coordinate 2 of polygon 1 is 8292.1: ${far}`);
  t.is(message([0, Number.NaN, 1, 0, 1, 1]), `coordinate 1 of polygon 1 is NaN: ${far}`);
  t.is(message([0, 0, 1, Number.NEGATIVE_INFINITY, 1, 1]), `coordinate 3 of polygon 1 is -Infinity: ${far}`);
  // 2^17 = 131072 pixels from side to side are 655 times across the 200 pixels and back.
  const zigzag = Array.from({length: 700}, (_, i) => [i % 2 === 0 ? 0 : 100, i / 20]).flat();
  t.regex(message(zigzag) ?? '', /^its outline goes 14\d{4} pixels from side to side and is no object's$/);
});

test('a mask is mirrored, and sampled at the centres of the new pixels', t => {
  const mask = drawn('#..#', '##..', '....');
  t.is(viewed(mask, {height: 3, width: 4, flip: false}), mask);
  t.deepEqual(viewed(mask, {height: 3, width: 4, flip: true}), drawn('#..#', '..##', '....'));
  t.deepEqual(
    viewed(mask, {height: 6, width: 8, flip: false}),
    drawn('##....##', '##....##', '####....', '####....', '........', '........'),
  );
  // Of 4 columns two: centres 1 and 3 are column 1 and 3. Of 3 rows two: 0.75 and 2.25 are rows 0 and 2.
  t.deepEqual(viewed(mask, {height: 2, width: 2, flip: false}), drawn('.#', '..'));
  // Six columns of four: centres 0.33, 1, 1.67, 2.33, 3, 3.67.
  t.deepEqual(viewed(mask, {height: 1, width: 6, flip: false}), drawn('###...'));
});

test('a mask that fills its columns stays one run', t => {
  const all = encodeMask([1, 1, 1, 1], 2, 2);
  t.deepEqual([...viewed(all, {height: 5, width: 7, flip: true}).runs], [0, 35]);
  t.deepEqual([...viewed(encodeMask([0, 0, 0, 0], 2, 2), {height: 5, width: 7, flip: true}).runs], [35]);
});

test('every pixel of a sampled mask is the pixel of the file that holds its centre', t => {
  const property = fc.property(
    SIDES.chain(sides => fc.tuple(maskOf(sides), SIDES, fc.boolean())),
    ([{mask, pixels}, {height, width}, flip]) => {
      const expected = Array.from({length: height * width}, (_, i) => {
        const x = flip ? width - 1 - (i % width) : i % width;
        const column = Math.floor(((x + 0.5) * mask.width) / width);
        const row = Math.floor(((Math.floor(i / width) + 0.5) * mask.height) / height);
        return pixels[row * mask.width + column]!;
      });
      const sampled = viewed(mask, {height, width, flip});
      t.deepEqual([...decodeMask(sampled)], expected);
      // Runs are the canonical ones.
      t.deepEqual(sampled.runs, encodeMask(expected, height, width).runs);
    },
  );
  t.notThrows(() => fc.assert(property, {numRuns: 300}));
});
