import test from 'ava';
import fc from 'fast-check';
import {decodeMask, maskArea, maskBox} from '../../src/masks/mask.js';
import {type PasteConfig, pasteMask, pasteMasks} from '../../src/masks/paste.js';
import {uniform} from '../fixtures/torchvision/formula.js';
import {readGolden} from '../fixtures/torchvision/golden.js';

type Golden = {
  readonly thresholds: readonly number[];
  readonly pasted: readonly {
    readonly box: readonly number[];
    readonly size: number;
    readonly height: number;
    readonly width: number;
    readonly padded: readonly (readonly number[])[];
    readonly centred: readonly (readonly number[])[];
  }[];
};
const golden = readGolden<Golden>('masks.json');
const MODES = ['padded', 'centred'] as const;

for (const paste of MODES) {
  test(`${paste}: the reference's masks, pixel by pixel`, t => {
    for (const [k, expected] of golden.pasted.entries()) {
      const {box, size, height, width} = expected;
      const probabilities = uniform(`pasted ${k}`, size * size, 0, 1);
      for (const [i, threshold] of golden.thresholds.entries()) {
        const mask = pasteMask(probabilities, Float32Array.from(box), {height, width}, {paste, threshold});
        t.deepEqual([...mask.runs], expected[paste][i], `${box.join(' ')} above ${threshold}`);
      }
    }
  });
}

test('a map of ones fills its box: to its whole pixels, or where the centres of pixels lie in it', t => {
  const ones = new Float32Array(28 * 28).fill(1);
  const boxOf = (paste: PasteConfig['paste'], corners: readonly number[]) =>
    maskBox(pasteMask(ones, Float32Array.from(corners), {height: 60, width: 80}, {paste, threshold: 0.5}));
  t.deepEqual(boxOf('centred', [10, 20, 38, 48]), [10, 20, 28, 28]);
  t.deepEqual(boxOf('centred', [10.4, 20.6, 38.4, 48.6]), [10, 21, 28, 28]);
  // Grown by 1 to [9, 39], both ends included: 31 pixels of 30 / 31 bins. Pixel 9 + i lies at (i + 0.5) * 30 / 31 - 0.5,
  // and is above half between 0.5 and 28.5: i from 1 to 29.
  t.deepEqual(boxOf('padded', [10, 20, 38, 48]), [10, 20, 29, 29]);
});

test('on the threshold: padded is background, centred is foreground', t => {
  const box = Float32Array.of(4, 4, 8, 8);
  const area = (paste: PasteConfig['paste'], threshold: number) =>
    maskArea(pasteMask(new Float32Array(16).fill(0.5), box, {height: 12, width: 12}, {paste, threshold}));
  t.is(area('padded', 0.5), 0);
  t.is(area('centred', 0.5), 16);
  t.true(area('padded', 0.49) > 0);
});

test('boxes without pixels have empty masks of the image', t => {
  const ones = new Float32Array(16).fill(1);
  const image = {height: 10, width: 20};
  for (const paste of MODES) {
    for (const box of [
      [30, 2, 40, 8],
      [2, 30, 8, 40],
      [-30, 2, -20, 8],
      [Number.NaN, 2, 8, 8],
      [2, 2, Number.POSITIVE_INFINITY, 8],
      [Number.NEGATIVE_INFINITY, 2, Number.POSITIVE_INFINITY, 8],
    ]) {
      const mask = pasteMask(ones, Float32Array.from(box), image, {paste, threshold: 0.5});
      t.deepEqual(mask, {...image, runs: Uint32Array.of(200)}, `${paste} ${box.join(' ')}`);
    }
  }
  const line = (paste: PasteConfig['paste']) =>
    maskArea(pasteMask(ones, Float32Array.of(5, 2, 5, 8), image, {paste, threshold: 0.5}));
  t.is(line('centred'), 0);
  t.true(line('padded') > 0); // at least a pixel wide
  const nan = new Float32Array(16).fill(Number.NaN);
  t.is(maskArea(pasteMask(nan, Float32Array.of(2, 2, 8, 8), image, {paste: 'padded', threshold: 0.5})), 0);
});

test('the masks of an image are those of its boxes', t => {
  const probabilities = uniform('three maps', 3 * 49, 0, 1);
  const boxes = Float32Array.of(1, 2, 30, 20, 5, 5, 9, 9, -3, -3, 50, 50);
  const config = {paste: 'padded', threshold: 0.5} as const;
  const image = {height: 40, width: 60};
  t.deepEqual(
    pasteMasks(probabilities, boxes, image, config),
    [0, 1, 2].map(d =>
      pasteMask(probabilities.subarray(d * 49, d * 49 + 49), boxes.subarray(4 * d, 4 * d + 4), image, config),
    ),
  );
  t.deepEqual(pasteMasks(new Float32Array(0), new Float32Array(0), image, config), []);
  t.throws(() => pasteMasks(new Float32Array(50), boxes, image, config), {
    instanceOf: RangeError,
    message: '50 probabilities of 3 boxes: they are [D, M, M] and [D, 4]',
  });
});

test('every pixel is that of the interpolated map', t => {
  const coordinate = fc.integer({min: -40, max: 80}).map(value => value / 4);
  const property = fc.property(
    fc.tuple(coordinate, coordinate, coordinate, coordinate),
    fc.integer({min: 1, max: 5}),
    fc.integer(),
    fc.constantFrom(...MODES),
    (corners, size, seed, paste) => {
      const [a, b, c, d] = corners;
      const box = Float32Array.of(Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d));
      const probabilities = uniform(String(seed), size * size, 0, 1);
      const mask = pasteMask(probabilities, box, {height: 12, width: 9}, {paste, threshold: 0.4});
      const pixels = decodeMask(mask);
      const position = paste === 'padded' ? padded : centred;
      for (let y = 0; y < 12; y++) {
        for (let x = 0; x < 9; x++) {
          const column = position(x, box[0]!, box[2]!, size);
          const row = position(y, box[1]!, box[3]!, size);
          const value = interpolated(probabilities, size, column, row);
          if (Math.abs(value - 0.4) > 1e-6) t.is(pixels[y * 9 + x], Number(value > 0.4));
        }
      }
    },
  );
  t.notThrows(() => fc.assert(property, {numRuns: 150}));
});

/** Position of a pixel among the bins of the map, 0 the first one's centre; far outside where it is not pasted to. */
function centred(pixel: number, near: number, far: number, size: number): number {
  return far > near ? ((pixel + 0.5 - near) / (far - near)) * size - 0.5 : -9;
}

/** Boxes are quarters here and sizes up to 5: no rounding moves their ends over a whole number but for size 3. */
function padded(pixel: number, near: number, far: number, size: number): number {
  const scale = Math.fround((size + 2) / size);
  const half = Math.fround(((far - near) / 2) * scale);
  const first = Math.trunc(Math.fround((far + near) / 2 - half));
  const last = Math.trunc(Math.fround((far + near) / 2 + half));
  if (pixel < first || pixel > last) return -9;
  return Math.max(((pixel - first + 0.5) * (size + 2)) / (last - first + 1) - 0.5, 0) - 1;
}

/** Bilinear, with zeros around the map. */
function interpolated(values: Float32Array, size: number, x: number, y: number): number {
  const at = (column: number, row: number) =>
    column >= 0 && column < size && row >= 0 && row < size ? values[row * size + column]! : 0;
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [right, bottom] = [x - left, y - top];
  return (
    (1 - right) * (1 - bottom) * at(left, top) +
    right * (1 - bottom) * at(left + 1, top) +
    (1 - right) * bottom * at(left, top + 1) +
    right * bottom * at(left + 1, top + 1)
  );
}
