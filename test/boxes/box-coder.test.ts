import test from 'ava';
import fc from 'fast-check';
import {
  type BoxCoderWeights,
  clipBoxes,
  decodeBoxes,
  encodeBoxes,
  LOG_RATIO_LIMIT,
} from '../../src/boxes/box-coder.js';
import {largestDifference, readGolden} from '../fixtures/torchvision/golden.js';

const WEIGHTS: BoxCoderWeights = [10, 10, 5, 5];

const golden = readGolden<{
  readonly boxes: readonly number[];
  readonly anchors: readonly number[];
  readonly cases: readonly {
    readonly weights: BoxCoderWeights;
    readonly encoded: readonly number[];
    readonly deltas: readonly number[];
    readonly decoded: readonly number[];
  }[];
}>('box-coder.json');

test('a box shifted by a tenth of its anchor and twice as wide gives the deltas of the definition', t => {
  const anchors = Float32Array.of(0, 0, 10, 20);
  const boxes = Float32Array.of(-4, 0, 16, 20); // centre 6 instead of 5, width 20 instead of 10
  const [dx, dy, dw, dh] = encodeBoxes(boxes, anchors, WEIGHTS);
  t.is(dx, 1); // 10 * 1 / 10
  t.is(dy, 0);
  t.is(dw, Math.fround(5 * Math.log(2)));
  t.is(dh, 0);
});

test('encoding and decoding agree with torchvision, clamp included', t => {
  const anchors = Float32Array.from(golden.anchors);
  for (const {weights, encoded, deltas, decoded} of golden.cases) {
    t.true(
      largestDifference(encodeBoxes(Float32Array.from(golden.boxes), anchors, weights), encoded, 1) < 2e-6,
    );
    // Coordinates of a box of several thousand pixels: single precision of torchvision's own sums.
    t.true(largestDifference(decodeBoxes(Float32Array.from(deltas), anchors, weights), decoded, 100) < 2e-6);
  }
});

test('a wild size delta makes a side of 1000 / 16 anchor sides, a wildly negative one an empty box', t => {
  const anchors = Float32Array.of(0, 0, 16, 16);
  const [x1, , x2] = decodeBoxes(Float32Array.of(0, 0, 1e6, 0), anchors, WEIGHTS);
  t.true(Math.abs(x2! - x1! - 1000) < 1e-3);
  t.is(LOG_RATIO_LIMIT, Math.log(62.5));
  t.deepEqual([...decodeBoxes(Float32Array.of(0, 0, -1e6, -1e6), anchors, WEIGHTS)], [8, 8, 8, 8]);
});

test('decoding what was encoded returns the box', t => {
  const side = fc.double({min: 0.5, max: 500, noNaN: true});
  const near = fc.double({min: -100, max: 1000, noNaN: true});
  const box = fc.tuple(near, near, side, side).map(([x, y, w, h]) => Float32Array.of(x, y, x + w, y + h));
  fc.assert(
    fc.property(box, box, (boxes, anchors) => {
      const ratio = (boxes[2]! - boxes[0]!) / (anchors[2]! - anchors[0]!);
      const ratioY = (boxes[3]! - boxes[1]!) / (anchors[3]! - anchors[1]!);
      fc.pre(Math.max(ratio, ratioY) < 62);
      const decoded = decodeBoxes(encodeBoxes(boxes, anchors, WEIGHTS), anchors, WEIGHTS);
      return largestDifference(decoded, boxes, 100) < 1e-5;
    }),
    {seed: 1, numRuns: 300},
  );
  t.pass();
});

test('zero-area boxes and anchors give finite deltas, and nothing gives nothing', t => {
  const deltas = encodeBoxes(
    Float32Array.of(5, 5, 5, 5, 0, 0, 8, 8),
    Float32Array.of(0, 0, 16, 16, 4, 4, 4, 4),
    WEIGHTS,
  );
  t.true(deltas.every(Number.isFinite));
  t.is(encodeBoxes(new Float32Array(0), new Float32Array(0), WEIGHTS).length, 0);
  t.is(decodeBoxes(new Float32Array(0), new Float32Array(0), WEIGHTS).length, 0);
});

test('a NaN delta stays visible in the box', t => {
  t.true(
    Number.isNaN(decodeBoxes(Float32Array.of(Number.NaN, 0, 0, 0), Float32Array.of(0, 0, 8, 8), WEIGHTS)[0]),
  );
});

test('boxes are clipped to the canvas, those outside become empty on its border', t => {
  const clipped = clipBoxes(Float32Array.of(-5, -5, 15, 8, 30, 2, 40, 4), {height: 7, width: 20});
  t.deepEqual(clipped, Float32Array.of(0, 0, 15, 7, 20, 2, 20, 4));
});

test('boxes are clipped to where an image lies on its canvas', t => {
  // 10..30 and 4..11.
  const region = {left: 10, top: 4, height: 7, width: 20};
  const clipped = clipBoxes(Float32Array.of(-5, -5, 15, 8, 12, 6, 50, 50), region);
  t.deepEqual(clipped, Float32Array.of(10, 4, 15, 8, 12, 6, 30, 11));
});
