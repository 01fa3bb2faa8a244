import test from 'ava';
import fc from 'fast-check';
import {
  decodeMask,
  encodeMask,
  type Mask,
  maskArea,
  maskBox,
  maskOfRuns,
  mergeMasks,
} from '../../src/masks/mask.js';
import {formatRunLengths} from '../../src/masks/run-length-text.js';
import {maskOf, SIDES} from './mask-arbitraries.js';

/** `count` masks of one size, with their pixels. */
const masksOfOneSize = (count: number) =>
  SIDES.chain(sides => fc.array(maskOf(sides), {minLength: count, maxLength: count}));

const union = (...masks: readonly Mask[]) => mergeMasks(masks, 'union');
const intersection = (...masks: readonly Mask[]) => mergeMasks(masks, 'intersection');

test('decoding gives back what was encoded, and encoding what was decoded', t => {
  fc.assert(
    fc.property(masksOfOneSize(1), ([one]) => {
      const {mask, pixels} = one!;
      t.deepEqual([...decodeMask(mask)], pixels);
      t.deepEqual(encodeMask(decodeMask(mask), mask.height, mask.width), mask);
      t.true(mask.runs.every((run, i) => run > 0 || i === 0));
    }),
  );
});

test('area and box are those of the pixels', t => {
  fc.assert(
    fc.property(masksOfOneSize(1), ([one]) => {
      const {mask, pixels} = one!;
      const inside = [...pixels.keys()].filter(i => pixels[i] === 1);
      const columns = inside.map(i => i % mask.width);
      const rows = inside.map(i => Math.floor(i / mask.width));
      const extent = (values: number[]) => Math.max(...values) - Math.min(...values) + 1;
      t.is(maskArea(mask), inside.length);
      t.deepEqual(
        maskBox(mask),
        inside.length === 0
          ? [0, 0, 0, 0]
          : [Math.min(...columns), Math.min(...rows), extent(columns), extent(rows)],
      );
    }),
    {numRuns: 500},
  );
});

test('empty runs, wherever they are put in, change neither pixels nor area, box and merges', t => {
  const padding = fc.array(fc.integer({min: 0, max: 2}), {minLength: 150, maxLength: 150});
  fc.assert(
    fc.property(masksOfOneSize(2), padding, ([one, other], pairs) => {
      const {mask} = one!;
      const runs = [...mask.runs].flatMap((run, i) => [run, ...Array.from({length: 2 * pairs[i]!}, () => 0)]);
      const padded = maskOfRuns(runs, mask.height, mask.width);
      t.deepEqual(decodeMask(padded), decodeMask(mask));
      t.is(maskArea(padded), maskArea(mask));
      t.deepEqual(maskBox(padded), maskBox(mask));
      t.deepEqual(union(padded, other!.mask), union(mask, other!.mask));
      t.deepEqual(intersection(padded, padded), mask);
    }),
    {numRuns: 500},
  );
});

test('union and intersection are those of the pixels', t => {
  fc.assert(
    fc.property(masksOfOneSize(2), ([a, b]) => {
      const either = a!.pixels.map((pixel, i) => pixel | b!.pixels[i]!);
      const both = a!.pixels.map((pixel, i) => pixel & b!.pixels[i]!);
      t.deepEqual([...decodeMask(union(a!.mask, b!.mask))], either);
      t.deepEqual([...decodeMask(intersection(a!.mask, b!.mask))], both);
      t.is(
        maskArea(a!.mask) + maskArea(b!.mask),
        maskArea(union(a!.mask, b!.mask)) + maskArea(intersection(a!.mask, b!.mask)),
      );
    }),
    {numRuns: 500},
  );
});

test('merging neither depends on order nor on grouping, to the character', t => {
  fc.assert(
    fc.property(masksOfOneSize(5), items => {
      const masks = items.map(({mask}) => mask);
      const [a, b, c] = masks as [Mask, Mask, Mask];
      for (const merge of [union, intersection]) {
        t.is(formatRunLengths(merge(a, b)), formatRunLengths(merge(b, a)));
        t.is(formatRunLengths(merge(merge(a, b), c)), formatRunLengths(merge(a, merge(b, c))));
        t.deepEqual(
          merge(...masks),
          masks.reduce((merged, mask) => merge(merged, mask)),
        );
        t.deepEqual(merge(a, a), a);
      }
    }),
    {numRuns: 500},
  );
});
