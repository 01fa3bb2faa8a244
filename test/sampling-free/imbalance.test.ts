import test from 'ava';
import {anchorCache} from '../../src/boxes/anchors.js';
import type {MatcherConfig} from '../../src/config/network.js';
import {anchorCounter, type CountedImage, countImbalance} from '../../src/sampling-free/imbalance.js';
import {uniform} from '../fixtures/torchvision/formula.js';

const MATCHER: MatcherConfig = {foreground: 0.5, background: 0.4, lowQuality: true, ignoreBand: 'skip'};
const RETINANET = {baseSize: 4, scalesPerOctave: 3, aspectRatios: [0.5, 1, 2], legacyRounding: false};

const image = (height: number, width: number, ...boxes: number[]): CountedImage => ({
  height,
  width,
  boxes: Float32Array.from(boxes),
  classes: new Int32Array(boxes.length / 4).fill(1),
});

/** IoU with the object 0, 0, 10, 10: 1, 0.6, 0.45, 0.2, 0. */
const five = () => Float32Array.of(0, 0, 10, 10, 0, 0, 10, 6, 0, 0, 10, 4.5, 0, 0, 10, 2, 50, 50, 60, 60);
const square = image(64, 64, 0, 0, 10, 10);

test('N holds foreground and background, N_f foreground; the anchor in between is in neither', t => {
  t.deepEqual(countImbalance([square], anchorCounter(five, MATCHER)), {examples: 4, foreground: 2});
});

test('the anchor in between counts as background where the matcher trains it so', t => {
  t.deepEqual(countImbalance([square], anchorCounter(five, {...MATCHER, ignoreBand: 'negative'})), {
    examples: 5,
    foreground: 2,
  });
});

test('totals are sums over images, low-quality matches included, images without objects left out', t => {
  // Second image: the best anchor for a box of 10 x 1 is the one of 10 x 2, IoU 0.5 as it happens; of 10 x 0.5 it is 0.25.
  const thin = image(64, 64, 0, 0, 10, 0.5);
  t.deepEqual(countImbalance([square, image(64, 64), thin], anchorCounter(five, MATCHER)), {
    examples: 9,
    foreground: 3,
  });
  t.deepEqual(countImbalance([thin], anchorCounter(five, {...MATCHER, lowQuality: false})), {
    examples: 5,
    foreground: 0,
  });
});

test('no images give zeros', t => {
  t.deepEqual(countImbalance([], anchorCounter(five, MATCHER)), {examples: 0, foreground: 0});
});

test('padding counts: a larger canvas has more background and the same foreground', t => {
  const anchorsOf = anchorCache(RETINANET);
  const count = (height: number, width: number) =>
    countImbalance(
      [image(height, width, 20, 20, 70, 80)],
      anchorCounter((h, w) => anchorsOf({height: h, width: w}), MATCHER),
    );
  const small = count(256, 256);
  const large = count(512, 512);
  t.is(large.foreground, small.foreground);
  // 4092 more cells: 4 times (1024 + 256 + 64 + 16 + 4) = 5456 instead of 1364, of 9 anchors.
  t.is(large.examples - small.examples, 9 * 4092);
});

test('hundreds of images at 800 x 1344 are counted within seconds', t => {
  const anchorsOf = anchorCache(RETINANET);
  const images = Array.from({length: 200}, (_, k) => {
    const u = uniform(`image ${k}`, 4 * 7, 0, 1); // 7 objects an image, as COCO has
    const boxes = u.map((value, i) => (i % 4 < 2 ? 700 * value : 700 * u[i - 2]! + 10 + 500 * value * value));
    return image(800, 1344, ...boxes);
  });
  const start = performance.now();
  const {examples, foreground} = countImbalance(
    images,
    anchorCounter((height, width) => anchorsOf({height, width}), MATCHER),
  );
  const milliseconds = performance.now() - start;
  t.log(`${(milliseconds / 200).toFixed(2)} ms an image, N / N_f = ${(examples / foreground).toFixed(0)}`);
  t.true(milliseconds < 10_000);
  t.true(examples > 200 * 190_000 && foreground > 200 * 7);
});
