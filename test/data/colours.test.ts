/** Colour distortion against hand computation and against Python's colorsys. */
import test from 'ava';
import {drawColours, shiftColours} from '../../src/data/colours.js';
import {Random} from '../../src/random/random.js';

const same = {hue: 0, saturation: 1, exposure: 1};

function shifted(rgb: readonly number[], change: Partial<typeof same>): number[] {
  const values = Float32Array.from(rgb);
  shiftColours(values, {...same, ...change});
  return [...values].map(value => Math.round(value * 1000) / 1000);
}

test('hue, saturation and value by hand', t => {
  // (200, 100, 50): value 200, saturation 150 / 200, hue 60 degrees * (100 - 50) / 150 = 20.
  const colour = [200, 100, 50];
  t.deepEqual(shifted(colour, {}), colour);
  t.deepEqual(shifted(colour, {exposure: 1.2}), [240, 120, 60]);
  // Saturation 0.375: the other two are half as far below the value.
  t.deepEqual(shifted(colour, {saturation: 0.5}), [200, 150, 125]);
  // Saturation 1.125 is too much for blue: 200 (1 - 1.125) = -25.
  t.deepEqual(shifted(colour, {saturation: 1.5}), [200, 50, 0]);
  // Hue 20 + 120: green leads, blue follows. Hue 20 - 40 = -20: between red and magenta.
  t.deepEqual(shifted(colour, {hue: 1 / 3}), [50, 200, 100]);
  t.deepEqual(shifted(colour, {hue: -1 / 9}), [200, 50, 100]);
  // What leaves the range is cut off at last: 400, 200, 100.
  t.deepEqual(shifted(colour, {exposure: 2}), [255, 200, 100]);
});

test('grey has no hue and no saturation, black is no division by zero', t => {
  t.deepEqual(
    shifted([127.5, 127.5, 127.5, 0, 0, 0, 255, 255, 255], {hue: 0.1, saturation: 1.5}),
    [127.5, 127.5, 127.5, 0, 0, 0, 255, 255, 255],
  );
  t.deepEqual(shifted([100, 100, 100], {exposure: 1.5}), [150, 150, 150]);
});

test('every sixth of the circle turns by a sixth, there and back', t => {
  const circle = [
    [255, 64, 0],
    [191, 255, 0],
    [0, 255, 64],
    [0, 191, 255],
    [64, 0, 255],
    [255, 0, 191],
  ];
  for (const [i, colour] of circle.entries()) {
    t.deepEqual(shifted(colour, {hue: 1 / 6}), circle[(i + 1) % 6]);
    t.deepEqual(shifted(colour, {hue: -1 / 6}), circle[(i + 5) % 6]);
    t.deepEqual(shifted(shifted(colour, {hue: 0.07}), {hue: -0.07}), colour);
  }
});

test('colours agree with colorsys of Python', t => {
  // h, s, v = colorsys.rgb_to_hsv(r / 255, g / 255, b / 255); 255 * colorsys.hsv_to_rgb((h + 0.08) % 1, s * 0.8, v * 1.1)
  const cases: readonly (readonly [readonly number[], readonly number[]])[] = [
    [
      [12, 200, 77],
      [54.56, 220.0, 191.171],
    ],
    [
      [230, 30, 220],
      [253.0, 77.0, 159.72],
    ],
    [
      [90, 89, 88],
      [99.0, 98.965, 97.24],
    ],
    [
      [3, 4, 180],
      [116.125, 42.24, 198.0],
    ],
  ];
  for (const [rgb, expected] of cases) {
    const found = shifted(rgb, {hue: 0.08, saturation: 0.8, exposure: 1.1});
    for (const [i, value] of found.entries())
      t.true(Math.abs(value - expected[i]!) < 2e-3, `${found} for ${rgb}`);
  }
});

test('factors are drawn from [1, most] or as their inverses, evenly; the hue on either side', t => {
  const random = new Random(5, 'test');
  const drawn = Array.from({length: 2000}, () =>
    drawColours({hue: 0.1, saturation: 1.5, exposure: 2}, random),
  );
  const mean = (of: (one: (typeof drawn)[number]) => number) =>
    drawn.reduce((sum, one) => sum + of(one), 0) / 2000;
  // Half of them in [1, 1.5]; the mean is (1.25 + 2 ln 1.5) / 2 = 1.0305, its deviation 0.005.
  t.true(Math.abs(mean(({saturation}) => (saturation >= 1 ? 1 : 0)) - 0.5) < 0.045);
  t.true(Math.abs(mean(({saturation}) => saturation) - 1.0305) < 0.02);
  // (1.5 + ln 2) / 2 = 1.0966, deviation 0.0096.
  t.true(Math.abs(mean(({exposure}) => exposure) - 1.0966) < 0.04);
  t.true(Math.abs(mean(({hue}) => hue)) < 0.006);
  t.true(drawn.every(({hue, exposure}) => Math.abs(hue) <= 0.1 && exposure >= 0.5 && exposure <= 2));
});
