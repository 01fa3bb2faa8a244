import test from 'ava';
import fc from 'fast-check';
import {decodeMask, encodeMask, maskOfRuns} from '../../src/masks/mask.js';
import {maskTarget, maskTargets} from '../../src/masks/mask-targets.js';
import type {Outline} from '../../src/masks/outline.js';
import {polygonsMask} from '../../src/masks/rasterize.js';
import {largestDifference, readGolden} from '../fixtures/torchvision/golden.js';
import {maskOf, SIDES} from './mask-arbitraries.js';

type Golden = {
  readonly height: number;
  readonly width: number;
  readonly objects: readonly (readonly number[])[];
  readonly targets: readonly {
    readonly object: number;
    readonly box: readonly number[];
    readonly size: number;
    readonly bins: readonly number[];
    readonly filled: readonly number[];
  }[];
};
const golden = readGolden<Golden>('masks.json');
const objects = golden.objects.map(
  (runs): Outline => ({kind: 'mask', mask: maskOfRuns(runs, golden.height, golden.width)}),
);

/** Polygons in an image of 40 x 60 pixels. */
const outline = (...polygons: readonly (readonly number[])[]): Outline => ({
  kind: 'polygons',
  height: 40,
  width: 60,
  polygons: polygons.map(polygon => Float64Array.from(polygon)),
});
const rows = (target: Float32Array, size: number): readonly string[] =>
  Array.from({length: size}, (_, row) =>
    Array.from(target.subarray(row * size, (row + 1) * size), bin =>
      bin === 1 ? '#' : bin === 0 ? '.' : '?',
    ).join(''),
  );

test("torchvision's targets: RoIAlign of masks, in boxes of every kind", t => {
  for (const {object, box, size, bins} of golden.targets) {
    const target = maskTarget(objects[object]!, box, {size, targets: 'roi-align'});
    t.true(largestDifference(target, bins, 1) < 1e-5, `object ${object} in ${box.join(' ')}`);
  }
});

test("objects given as masks are rasterised as detectron2's: half a bin, half-pixel centres", t => {
  for (const {object, box, size, filled} of golden.targets) {
    const target = maskTarget(objects[object]!, box, {size, targets: 'rasterise'});
    t.deepEqual(
      target,
      Float32Array.from(decodeMask(maskOfRuns(filled, size, size))),
      `object ${object} in ${box.join(' ')}`,
    );
  }
});

test('an outline is drawn in the grid of its box', t => {
  // The box [10, 20, 18, 24] has bins of 2 x 1 pixels. The triangle's corners are bins (0, 0), (4, 0), (0, 4) there:
  // of row i the first 4 - i, less the one that the diagonal halves.
  const triangle = outline([10, 20, 18, 20, 10, 24]);
  const target = maskTarget(triangle, [10, 20, 18, 24], {size: 4, targets: 'rasterise'});
  t.deepEqual(target, Float32Array.from(decodeMask(polygonsMask([[0, 0, 4, 0, 0, 4]], 4, 4))));
  // A rectangle from 12 to 16 covers columns 1 and 2; one from 21 to 30 rows 1 to 3.
  t.deepEqual(
    rows(
      maskTarget(outline([12, 21, 16, 21, 16, 30, 12, 30]), [10, 20, 18, 24], {
        size: 4,
        targets: 'rasterise',
      }),
      4,
    ),
    ['....', '.##.', '.##.', '.##.'],
  );
});

test("the union of an object's polygons counts, and holes stay holes", t => {
  const pieces = outline([0, 0, 2, 0, 2, 2, 0, 2], [1, 1, 4, 1, 4, 4, 1, 4]);
  t.deepEqual(rows(maskTarget(pieces, [0, 0, 4, 4], {size: 4, targets: 'rasterise'}), 4), [
    '##..',
    '####',
    '.###',
    '.###',
  ]);
  // A ring as the generated shapes have it: out, along a seam, back along it.
  const ring = outline([0, 0, 8, 0, 8, 8, 0, 8, 0, 0, 2, 2, 2, 6, 6, 6, 6, 2, 2, 2]);
  t.deepEqual(rows(maskTarget(ring, [0, 0, 8, 8], {size: 4, targets: 'rasterise'}), 4), [
    '####',
    '#..#',
    '#..#',
    '####',
  ]);
});

test('boxes narrower than a pixel are drawn as a pixel wide', t => {
  // From x = 10 on the object is to the left of 10.5: half of the pixel, of which the box has the first tenth.
  const left = outline([0, 0, 10.5, 0, 10.5, 40, 0, 40]);
  t.deepEqual(rows(maskTarget(left, [10, 10, 10.1, 14], {size: 4, targets: 'rasterise'}), 4), [
    '##..',
    '##..',
    '##..',
    '##..',
  ]);
});

test('a polygon averaged over bins is its mask of the whole image averaged', t => {
  const polygon = [5.3, 7.1, 48.9, 2.2, 55.5, 33.3, 30.2, 44, -3, 29];
  const mask: Outline = {kind: 'mask', mask: polygonsMask([polygon], 40, 60)};
  for (const box of [
    [4, 2, 50, 39],
    [-1, 20.5, 31.7, 40],
  ]) {
    const config = {size: 14, targets: 'roi-align'} as const;
    t.deepEqual(maskTarget(outline(polygon), box, config), maskTarget(mask, box, config));
  }
});

test('bins of whole pixels between pixel centres are means of four pixels', t => {
  // Without half-pixel centres a bin [1, 2) has one point, 1.5: between the pixels 1 and 2 of either axis.
  const mask = encodeMask([0, 0, 0, 0, 1, 0, 0, 1, 1], 3, 3);
  const target = maskTarget({kind: 'mask', mask}, [0, 0, 2, 2], {size: 2, targets: 'roi-align'});
  t.deepEqual([...target], [0.25, 0.25, 0.5, 0.75]);
});

test('targets of a batch: every proposal its own object, as one by one', t => {
  const outlines = [[outline([0, 0, 20, 0, 20, 20, 0, 20]), objects[0]!], [objects[5]!]];
  const proposals = {
    boxes: Float32Array.of(2, 3, 30, 31, 10, 5, 50, 40, 2, 3, 30, 31, 1, 1, 20, 9),
    images: Int32Array.of(0, 0, 1, 0),
    objects: Int32Array.of(0, 1, 0, 0),
  };
  for (const targets of ['rasterise', 'roi-align'] as const) {
    const config = {size: 7, targets};
    const batch = maskTargets(outlines, proposals, config);
    const single = [0, 1, 2, 3].map(p =>
      maskTarget(
        outlines[proposals.images[p]!]![proposals.objects[p]!]!,
        proposals.boxes.subarray(4 * p, 4 * p + 4),
        config,
      ),
    );
    t.deepEqual(
      [...batch],
      single.flatMap(target => [...target]),
    );
  }
});

test('no proposals have no targets; unknown objects and boxes that are not finite show', t => {
  const none = {boxes: new Float32Array(0), images: new Int32Array(0), objects: new Int32Array(0)};
  t.is(maskTargets([], none, {size: 28, targets: 'rasterise'}).length, 0);
  const one = {boxes: Float32Array.of(0, 0, 9, 9), images: Int32Array.of(1), objects: Int32Array.of(2)};
  t.throws(() => maskTargets([objects, objects.slice(0, 2)], one, {size: 28, targets: 'rasterise'}), {
    instanceOf: RangeError,
    message: 'proposal 0 is of object 2 in image 1, which has no outline',
  });
  for (const targets of ['rasterise', 'roi-align'] as const) {
    for (const object of [outline([0, 0, 9, 0, 9, 9]), objects[0]!]) {
      const target = maskTarget(object, [0, 0, Number.NaN, 9], {size: 4, targets});
      t.true(target.every(Number.isNaN), targets);
    }
  }
});

test('averages are shares: of a mask and of its complement they add up to that of all pixels', t => {
  const coordinate = fc.double({min: -15, max: 25, noNaN: true});
  const property = fc.property(
    SIDES.chain(maskOf),
    fc.tuple(coordinate, coordinate, coordinate, coordinate),
    fc.integer({min: 1, max: 9}),
    ({mask, pixels}, box, size) => {
      const {height, width} = mask;
      const of = (values: readonly number[]) =>
        maskTarget({kind: 'mask', mask: encodeMask(values, height, width)}, box, {
          size,
          targets: 'roi-align',
        });
      const inside = of(pixels);
      const outside = of(pixels.map(pixel => 1 - pixel));
      const all = of(pixels.map(() => 1));
      t.true(all.every((share, i) => Math.abs(inside[i]! + outside[i]! - share) < 1e-6));
      t.true(all.every(share => share >= 0 && share < 1 + 1e-6));
    },
  );
  t.notThrows(() => fc.assert(property, {numRuns: 200}));
});
