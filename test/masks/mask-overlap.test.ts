import test from 'ava';
import fc from 'fast-check';
import {type Mask, maskArea, maskOfRuns} from '../../src/masks/mask.js';
import {maskOverlap, maskOverlaps, measureMasks} from '../../src/masks/mask-overlap.js';
import {MaskTableBuilder} from '../../src/masks/mask-table.js';
import {polygonMask} from '../../src/masks/rasterize.js';
import {parseRunLengths} from '../../src/masks/run-length-text.js';
import {maskOf, SIDES} from './mask-arbitraries.js';
import {maskReference} from './mask-reference.js';

const againstReference = maskReference === undefined ? test.skip : test;

const tableOf = (masks: readonly Mask[]) => {
  const builder = new MaskTableBuilder();
  for (const mask of masks) builder.push(mask);
  return measureMasks(builder.take());
};

const rowsOf = (masks: readonly Mask[]) => Int32Array.from(masks.keys());

test('overlaps of squares: intersection over union, over the detection for a crowd', t => {
  const square = (x: number, y: number, side: number) =>
    polygonMask([x, y, x + side, y, x + side, y + side, x, y + side], 20, 20);
  // 4 x 4 and 4 x 4 pixels, 2 x 4 of them common: 8 / (16 + 16 - 8), 8 / 16.
  t.is(maskOverlap(square(2, 3, 4), square(4, 3, 4), false), 8 / 24);
  t.is(maskOverlap(square(2, 3, 4), square(4, 3, 4), true), 0.5);
  // Inside a crowd of 100 pixels: all of the detection.
  t.is(maskOverlap(square(2, 3, 4), square(0, 0, 10), true), 1);
  t.is(maskOverlap(square(0, 0, 10), square(2, 3, 4), true), 0.16);
  t.is(maskOverlap(square(2, 3, 4), square(6, 3, 4), false), 0);
});

test('boxes that overlap around masks that do not', t => {
  const left = maskOfRuns([0, 1, 2, 1], 2, 2); // pixels (0, 0) and (1, 1)
  const right = maskOfRuns([1, 2, 1], 2, 2); // the other two
  t.is(maskOverlap(left, right, false), 0);
  t.is(maskOverlap(left, left, false), 1);
});

test('nothing overlaps a mask without foreground, not even itself', t => {
  const empty = maskOfRuns([4], 2, 2);
  const full = maskOfRuns([0, 4], 2, 2);
  const none = maskOfRuns([], 0, 0);
  for (const crowd of [false, true]) {
    t.is(maskOverlap(empty, full, crowd), 0);
    t.is(maskOverlap(full, empty, crowd), 0);
    t.is(maskOverlap(empty, empty, crowd), 0);
    t.is(maskOverlap(none, full, crowd), 0);
  }
});

test('masks of different sizes give -1 where boxes overlap, else 0', t => {
  const full = maskOfRuns([0, 4], 2, 2);
  const larger = maskOfRuns([0, 9], 3, 3);
  const corner = maskOfRuns([8, 1], 3, 3);
  t.is(maskOverlap(full, larger, false), -1);
  t.is(maskOverlap(full, larger, true), -1);
  t.is(maskOverlap(full, corner, false), 0);
  t.deepEqual(
    [
      ...maskOverlaps(
        tableOf([full]),
        Int32Array.of(0),
        tableOf([larger, corner, full]),
        Int32Array.of(0, 1, 2),
        new Uint8Array(3),
      ),
    ],
    [-1, 0, 1],
  );
});

test('the largest masks do not overflow', t => {
  const pixels = 2 ** 31 - 1;
  const full = maskOfRuns([0, pixels], pixels, 1);
  const half = maskOfRuns([2 ** 30, pixels - 2 ** 30], pixels, 1);
  t.is(maskOverlap(full, full, false), 1);
  t.is(maskOverlap(half, full, false), (pixels - 2 ** 30) / pixels);
});

againstReference('overlaps of the reference: no crowds, some, all; one by one and in columns', t => {
  const {size, dt, gt, iscrowd, notCrowd, withCrowd, allCrowd} = maskReference!.rleIou;
  const detections = dt.map(text => parseRunLengths(text, ...size));
  const groundTruths = gt.map(text => parseRunLengths(text, ...size));
  const settings = [
    {crowd: iscrowd.map(() => 0), expected: notCrowd},
    {crowd: iscrowd, expected: withCrowd},
    {crowd: iscrowd.map(() => 1), expected: allCrowd},
  ];
  for (const {crowd, expected} of settings) {
    const single = detections.flatMap(d => groundTruths.map((g, i) => maskOverlap(d, g, crowd[i] === 1)));
    t.deepEqual(single, expected.flat());
    const columns = maskOverlaps(
      tableOf(detections),
      rowsOf(detections),
      tableOf(groundTruths),
      rowsOf(groundTruths),
      Uint8Array.from(crowd),
    );
    t.deepEqual([...columns], expected.flat());
  }
});

againstReference('masks of different sizes in the reference', t => {
  const {a, b, iou} = maskReference!.sizeMismatch;
  const [first, second] = [a, b].map(({counts, size}) => parseRunLengths(counts, ...size));
  t.deepEqual([[maskOverlap(first!, second!, false)]], iou);
});

test('overlaps are those of the pixels, whichever mask is asked first', t => {
  fc.assert(
    fc.property(
      SIDES.chain(sides => fc.tuple(maskOf(sides), maskOf(sides))),
      ([{mask: a, pixels: p}, {mask: b, pixels: q}]) => {
        const common = p.reduce((sum, pixel, i) => sum + pixel * q[i]!, 0);
        const union = maskArea(a) + maskArea(b) - common;
        t.is(maskOverlap(a, b, false), common === 0 ? 0 : common / union);
        t.is(maskOverlap(b, a, false), maskOverlap(a, b, false));
        t.is(maskOverlap(a, b, true), common === 0 ? 0 : common / maskArea(a));
      },
    ),
    {numRuns: 1000},
  );
});

test('rows of tables, in any order, overlap as the masks one by one', t => {
  const masks = fc.array(
    SIDES.chain(sides => maskOf(sides)).map(({mask}) => mask),
    {minLength: 1, maxLength: 6},
  );
  fc.assert(
    fc.property(masks, masks, fc.infiniteStream(fc.nat()), (detections, groundTruths, stream) => {
      const draw = (count: number) => Int32Array.from({length: 4}, () => Number(stream.next().value) % count);
      const rows = draw(detections.length);
      const columns = draw(groundTruths.length);
      const crowd = Uint8Array.from(groundTruths, (_, i) => i % 2);
      const overlaps = maskOverlaps(tableOf(detections), rows, tableOf(groundTruths), columns, crowd);
      const expected = [...rows].flatMap(d =>
        [...columns].map(g => maskOverlap(detections[d]!, groundTruths[g]!, crowd[g] === 1)),
      );
      t.deepEqual([...overlaps], expected);
    }),
  );
});

test('runs of length 0 do not change an overlap', t => {
  const plain = maskOfRuns([1, 2, 1, 2], 2, 3);
  const padded = maskOfRuns([1, 0, 0, 2, 0, 0, 1, 0, 0, 2, 0], 2, 3);
  t.is(maskOverlap(padded, plain, false), 1);
  t.is(maskOverlap(plain, padded, false), 1);
  t.is(maskOverlap(padded, padded, true), 1);
});
