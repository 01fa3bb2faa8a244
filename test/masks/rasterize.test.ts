import test from 'ava';
import fc from 'fast-check';
import {decodeMask, MaskError, maskArea, maskBox, maskOfRuns, mergeMasks} from '../../src/masks/mask.js';
import {
  boxMask,
  MAX_OUTLINE_COORDINATE,
  MAX_OUTLINE_CROSSINGS,
  polygonMask,
  polygonsMask,
} from '../../src/masks/rasterize.js';
import {formatRunLengths} from '../../src/masks/run-length-text.js';
import {maskReference} from './mask-reference.js';

const againstReference = maskReference === undefined ? test.skip : test;

test('a rectangle on pixel borders is its pixels', t => {
  const mask = polygonMask([1, 1, 3, 1, 3, 4, 1, 4], 5, 4);
  // Columns 1 and 2, rows 1 to 3: 5 + 1 background, 3, 2, 3, then 1 + 5.
  t.deepEqual([...mask.runs], [6, 3, 2, 3, 6]);
  t.deepEqual(boxMask([1, 1, 2, 3], 5, 4), mask);
});

test('an outline wholly outside, or without inside, encloses nothing', t => {
  const empty = maskOfRuns([20], 5, 4);
  const outlines = [
    [10, 0, 20, 0, 20, 5],
    [-20, 0, -10, 0, -10, 5],
    [0, -20, 4, -20, 4, -10],
    [0, 9, 4, 9, 4, 20],
    [1, 1, 3, 1, 2, 1],
    [1, 1, 3, 3],
    [1, 1],
    [1],
    [],
  ];
  for (const outline of outlines) t.deepEqual(polygonMask(outline, 5, 4), empty, String(outline));
  t.deepEqual(polygonsMask([], 5, 4), empty);
});

test('an outline around the image is all of it, however far away it runs', t => {
  const far = MAX_OUTLINE_COORDINATE;
  for (const d of [1, 1000, far / 2]) {
    t.is(maskArea(polygonMask([-d, -d, far, -d, far, far, -d, far], 5, 4)), 20);
  }
});

test('an odd last number is left out', t => {
  t.deepEqual(polygonMask([1, 1, 3, 1, 3, 4, 9], 5, 4), polygonMask([1, 1, 3, 1, 3, 4], 5, 4));
});

test('what cannot be drawn is an error that says so', t => {
  const message = (points: ArrayLike<unknown>, height = 5, width = 4) =>
    t.throws(() => polygonMask(points, height, width), {instanceOf: MaskError})?.message;
  const limits = 'numbers from -3000000 to 3000000 are drawn';
  t.is(message([1, 1, 1e300, 1, 3, 4]), `coordinate 2 is 1e+300: ${limits}`);
  t.is(message([1, 1, 3, Number.NaN, 3, 4]), `coordinate 3 is NaN: ${limits}`);
  t.is(message([1, 1, 3, 1, 3, Number.NEGATIVE_INFINITY]), `coordinate 5 is -Infinity: ${limits}`);
  t.is(message([1, 1, 3, '1']), `coordinate 3 is a string: ${limits}`);
  t.is(
    message([1, 1], 1e5, 1e5),
    'a mask of 100000 x 100000 pixels: more than the 2147483647 that a mask can hold',
  );
  const error = t.throws(
    () =>
      polygonsMask(
        [
          [1, 1, 3, 1, 3, 4],
          [1e9, 0],
        ],
        5,
        4,
      ),
    {instanceOf: MaskError},
  );
  t.is(error?.message, `polygon 1: coordinate 0 is 1000000000: ${limits}`);
});

test('a million points far outside cost no memory; across a wide image they are refused', t => {
  const zigzag = (from: number, to: number) =>
    Float64Array.from({length: 2_000_000}, (_, i) => (i % 2 === 1 ? i % 7 : i % 4 === 0 ? from : to));
  t.is(maskArea(polygonMask(zigzag(-2e6, -1e6), 5, 100)), 0);
  t.is(maskArea(polygonMask(zigzag(1e6, 2e6), 5, 100)), 0);
  t.throws(() => polygonMask(zigzag(0, 1e6), 5, 1e6), {
    instanceOf: MaskError,
    message: `the outline crosses more than the ${MAX_OUTLINE_CROSSINGS} columns of pixels that are drawn`,
  });
  // Upper and lower border of each cross a million columns: two objects of four fit, the third does not.
  const wide = [0, 0, 1e6, 0, 1e6, 5, 0, 5];
  t.throws(
    () =>
      polygonsMask(
        Array.from({length: 20}, () => wide),
        5,
        3e6,
      ),
    {
      instanceOf: MaskError,
      message: `polygon 2: the outline crosses more than the ${MAX_OUTLINE_CROSSINGS} columns of pixels that are drawn`,
    },
  );
});

againstReference('polygons and boxes of the reference', t => {
  for (const item of maskReference!.items) {
    if (item.kind === 'rle') continue;
    const {id, kind, input, h, w, expected, partCounts} = item;
    const parts = input.map(part => (kind === 'boxes' ? boxMask(part, h, w) : polygonMask(part, h, w)));
    if (partCounts !== undefined) t.deepEqual(parts.map(formatRunLengths), partCounts, `item ${id}: parts`);
    const mask = kind === 'boxes' ? mergeMasks(parts, 'union') : polygonsMask(input, h, w);
    t.is(formatRunLengths(mask), expected.counts, `item ${id}`);
    t.is(maskArea(mask), expected.area, `item ${id}`);
    t.deepEqual(maskBox(mask), expected.bbox, `item ${id}`);
  }
});

/**
 * The slow way, step by step: all points of all edges on the fine grid, each pair of neighbours between the columns
 * 5x + 2 and 5x + 3 turning the pixels of column x from there down.
 */
function drawnStepByStep(points: readonly number[], height: number, width: number): Uint8Array {
  const corners = points.map(value => Math.trunc(5 * value + 0.5));
  const steps: (readonly [x: number, y: number])[] = [];
  for (let i = 0; i + 1 < corners.length; i += 2) {
    const from = [corners[i]!, corners[i + 1]!] as const;
    const to = [corners[(i + 2) % corners.length]!, corners[(i + 3) % corners.length]!] as const;
    const long = Math.abs(to[0] - from[0]) >= Math.abs(to[1] - from[1]) ? 0 : 1;
    const forward = from[long] <= to[long];
    const [start, end] = forward ? [from, to] : [to, from];
    const length = end[long] - start[long];
    const slope = (end[1 - long]! - start[1 - long]!) / length;
    const edge = Array.from({length: length + 1}, (_, t) => {
      const other = Math.trunc(start[1 - long]! + slope * t + 0.5);
      return long === 0 ? ([start[0] + t, other] as const) : ([other, start[1] + t] as const);
    });
    steps.push(...(forward ? edge : edge.reverse()));
  }
  const pixels = new Uint8Array(height * width);
  for (let i = 1; i < steps.length; i++) {
    const [x0, y0] = steps[i - 1]!;
    const [x1, y1] = steps[i]!;
    const column = (Math.min(x0, x1) - 2) / 5;
    if (x0 === x1 || !Number.isInteger(column) || column < 0 || column >= width) continue;
    for (let row = Math.max(Math.ceil((Math.min(y0, y1) - 2) / 5), 0); row < height; row++) {
      pixels[row * width + column]! ^= 1;
    }
  }
  return pixels;
}

test('crossings that are computed are those of edges that are drawn step by step', t => {
  const coordinate = fc.oneof(
    {weight: 6, arbitrary: fc.double({min: -10, max: 50, noNaN: true})},
    {weight: 3, arbitrary: fc.integer({min: -20, max: 80}).map(tenth => tenth / 2)},
    {weight: 1, arbitrary: fc.double({min: -2000, max: 2000, noNaN: true})},
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(coordinate, coordinate), {minLength: 1, maxLength: 12}),
      fc.integer({min: 1, max: 40}),
      fc.integer({min: 1, max: 40}),
      (corners, height, width) => {
        const points = corners.flat();
        t.deepEqual(decodeMask(polygonMask(points, height, width)), drawnStepByStep(points, height, width));
      },
    ),
    {numRuns: 2000},
  );
});

test('moving a polygon by whole pixels moves its mask', t => {
  // Ribbons: a path and the same path beside it. All sides are powers of two on the grid of fifths of a pixel, so
  // that slopes are exact; where they are not, rounding decides ties, and where the polygon lies decides rounding.
  const side = fc.constantFrom(-16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16);
  const step = fc.tuple(side, side);
  fc.assert(
    fc.property(
      fc.array(step, {minLength: 1, maxLength: 6}),
      step,
      fc.integer({min: 0, max: 30}),
      fc.integer({min: 0, max: 30}),
      (steps, [besideX, besideY], right, down) => {
        const path: [x: number, y: number][] = [[130, 130]];
        for (const [dx, dy] of steps) {
          const [x, y] = path.at(-1)!;
          path.push([x + dx, y + dy]);
        }
        const back = path.map(([x, y]) => [x + besideX, y + besideY] as const).reverse();
        const at = (dx: number, dy: number) =>
          polygonMask(
            [...path, ...back].flatMap(([x, y]) => [x / 5 + dx, y / 5 + dy]),
            90,
            90,
          );
        const mask = at(0, 0);
        const moved = at(right, down);
        t.is(maskArea(moved), maskArea(mask));
        if (maskArea(mask) === 0) return;
        const [x, y, width, height] = maskBox(mask);
        t.deepEqual(maskBox(moved), [x + right, y + down, width, height]);
      },
    ),
    {numRuns: 1000},
  );
});
