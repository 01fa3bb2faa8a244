import test from 'ava';
import fc from 'fast-check';
import {maskContours} from '../../src/masks/contours.js';
import {encodeMask, maskArea, maskOfRuns} from '../../src/masks/mask.js';

/** Rows of text: # is foreground. */
const drawn = (...rows: readonly string[]) =>
  encodeMask(
    Uint8Array.from(rows.join(''), pixel => (pixel === '#' ? 1 : 0)),
    rows.length,
    rows[0]!.length,
  );

const contoursOf = (...rows: readonly string[]) => maskContours(drawn(...rows)).map(contour => [...contour]);

test('a pixel is a diamond through the middles of its edges, clockwise', t => {
  t.deepEqual(contoursOf('...', '.#.', '...'), [[1.5, 1, 2, 1.5, 1.5, 2, 1, 1.5]]);
  t.deepEqual(contoursOf('#'), [[0.5, 0, 1, 0.5, 0.5, 1, 0, 0.5]]);
});

test('straight edges are two points, whatever their length', t => {
  t.deepEqual(contoursOf('####', '####', '####'), [
    [0.5, 0, 3.5, 0, 4, 0.5, 4, 2.5, 3.5, 3, 0.5, 3, 0, 2.5, 0, 0.5],
  ]);
});

test('a hole is a contour of its own, counter-clockwise', t => {
  const [outer, hole] = contoursOf('###', '#.#', '###');
  t.is(outer!.length, 16);
  // The north edge of the pixel below the hole comes first.
  t.deepEqual(hole, [1.5, 2, 2, 1.5, 1.5, 1, 1, 1.5]);
});

test('pixels that touch at a corner are apart, and so are separate parts', t => {
  t.is(contoursOf('#.', '.#').length, 2);
  t.is(contoursOf('.#', '#.').length, 2);
  t.is(contoursOf('#..#', '....', '#..#').length, 4);
  // Two holes that touch at a corner are one: the foreground between them does not hang together.
  t.is(contoursOf('####', '#.##', '##.#', '####').length, 2);
});

test('a mask without foreground, or without pixels, has no contour', t => {
  t.deepEqual(contoursOf('..', '..'), []);
  t.deepEqual(maskContours(maskOfRuns([], 0, 0)), []);
});

/** Twice the signed area of a contour. */
const doubledArea = (contour: Float64Array) => {
  let sum = 0;
  for (let i = 0; i < contour.length; i += 2) {
    const j = (i + 2) % contour.length;
    sum += contour[i]! * contour[j + 1]! - contour[j]! * contour[i + 1]!;
  }
  return sum;
};

test('contours enclose the foreground but for an eighth of a pixel at every corner', t => {
  const side = 9;
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('#', '.'), {minLength: side * side, maxLength: side * side}),
      all => {
        const rows = Array.from({length: side}, (_, y) => all.slice(y * side, (y + 1) * side).join(''));
        const mask = drawn(...rows);
        // Corners by their four pixels: one of them foreground cuts 1/8 off, three of them add 1/8, two opposite cut twice.
        const at = (x: number, y: number) => (rows[y]?.[x] === '#' ? 1 : 0);
        let expected = 8 * maskArea(mask);
        for (let y = 0; y <= side; y++) {
          for (let x = 0; x <= side; x++) {
            const [a, b, c, d] = [at(x - 1, y - 1), at(x, y - 1), at(x - 1, y), at(x, y)];
            const count = a + b + c + d;
            if (count === 1) expected -= 1;
            if (count === 3) expected += 1;
            if (count === 2 && a === d) expected -= 2;
          }
        }
        const area = maskContours(mask).reduce((sum, contour) => sum + doubledArea(contour) / 2, 0);
        return 8 * area === expected;
      },
    ),
  );
  t.pass();
});
