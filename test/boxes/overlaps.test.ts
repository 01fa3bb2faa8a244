import test from 'ava';
import fc from 'fast-check';
import {pyramidAnchors} from '../../src/boxes/anchors.js';
import {matchAnchors} from '../../src/boxes/matcher.js';
import {backgroundLimit, largestOverlaps} from '../../src/boxes/overlaps.js';
import type {MatcherConfig} from '../../src/config/network.js';
import {singlePrecisionIou} from '../../src/engine/host/iou.js';

const MATCHER: MatcherConfig = {foreground: 0.5, background: 0.4, lowQuality: false, ignoreBand: 'skip'};

test('the largest IoU of an anchor is that with its best object', t => {
  // With 0, 0, 10, 10: 100 / 100, 20 / 100 and none; with 0, 0, 10, 4: 40 / 100, 20 / 40 and none.
  const anchors = Float32Array.of(0, 0, 10, 10, 0, 0, 10, 2, 30, 30, 40, 40);
  t.deepEqual([...largestOverlaps(anchors, Float32Array.of(0, 0, 10, 10, 0, 0, 10, 4))], [1, 0.5, 0]);
});

test('without objects, with an object without area, and without anchors', t => {
  const anchors = Float32Array.of(0, 0, 10, 10);
  t.deepEqual([...largestOverlaps(anchors, new Float32Array(0))], [0]);
  t.deepEqual([...largestOverlaps(anchors, Float32Array.of(5, 5, 5, 9, 8, 8, 2, 2))], [0]);
  t.deepEqual([...largestOverlaps(Float32Array.of(5, 5, 5, 5), Float32Array.of(0, 0, 10, 10))], [0]);
  t.is(largestOverlaps(new Float32Array(0), Float32Array.of(0, 0, 10, 10)).length, 0);
});

test('a box has an IoU of exactly 1 with itself', t => {
  const side = fc.float({min: 0.5, max: 500, noNaN: true});
  fc.assert(
    fc.property(side, side, side, side, (x, y, width, height) => {
      const box = Float32Array.of(x, y, x + width, y + height);
      t.is(largestOverlaps(box.slice(), box)[0], 1);
    }),
  );
});

/** Corners of up to 8 objects in and around a 96 x 128 canvas, on quarters of a pixel so that IoUs tie. */
const objects = fc
  .array(
    fc.record({
      x: fc.integer({min: -40, max: 480}),
      y: fc.integer({min: -40, max: 360}),
      width: fc.integer({min: 1, max: 300}),
      height: fc.integer({min: 1, max: 300}),
    }),
    {maxLength: 8},
  )
  .map(list =>
    Float32Array.from(
      list.flatMap(({x, y, width, height}) => [x, y, x + width, y + height]),
      v => v / 4,
    ),
  );

test('passing over distant anchors changes nothing, and background stays below its limit', t => {
  const anchors = pyramidAnchors(
    {baseSize: 2, scalesPerOctave: 2, aspectRatios: [0.5, 1, 2], legacyRounding: false},
    {height: 96, width: 128},
  );
  fc.assert(
    fc.property(
      objects,
      fc.constantFrom<MatcherConfig['ignoreBand']>('skip', 'negative'),
      (boxes, ignoreBand) => {
        const overlaps = largestOverlaps(anchors, boxes);
        const everyPair = Float32Array.from(overlaps.keys(), a => {
          let best = 0;
          for (let o = 0; o < boxes.length; o += 4) {
            const [x1, y1, x2, y2] = boxes.subarray(o, o + 4);
            best = Math.max(best, singlePrecisionIou(x1!, y1!, x2!, y2!, anchors, a));
          }
          return best;
        });
        t.deepEqual(overlaps, everyPair);

        const matcher = {...MATCHER, ignoreBand};
        const classes = new Int32Array(boxes.length / 4).fill(1);
        const {labels} = matchAnchors(anchors, {boxes, classes}, matcher);
        const limit = backgroundLimit(matcher);
        t.true(labels.every((label, a) => (label === 0) === Math.fround(limit) > overlaps[a]!));
      },
    ),
  );
});
