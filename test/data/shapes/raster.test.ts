import test from 'ava';
import {SHAPE_NAMES, shapeOutline} from '../../../src/data/shapes/outlines.js';
import {polygonArea, polygonBox, polygonCoverage} from '../../../src/data/shapes/raster.js';

test('coverage of a rectangle is the area inside each pixel', t => {
  // x from 1.25 to 3.5, y from 1 to 2.5.
  const {left, top, width, height, values} = polygonCoverage([1.25, 1, 3.5, 1, 3.5, 2.5, 1.25, 2.5], 8);
  t.deepEqual([left, top, width, height], [1, 1, 3, 2]);
  t.deepEqual([...values], [0.75, 1, 0.5, 0.375, 0.5, 0.25]);
});

test('what lies outside of the image is cut off', t => {
  const {left, top, width, height, values} = polygonCoverage([-5, -5, 2, -5, 2, 1.5, -5, 1.5], 8);
  t.deepEqual([left, top, width, height], [0, 0, 2, 2]);
  t.deepEqual([...values], [1, 1, 0.5, 0.5]);
});

test('every class fills its box: coverage sums to the area and reaches as far as the box', t => {
  for (const name of SHAPE_NAMES) {
    const polygon = shapeOutline(name).map(value => value * 60 + 40.3);
    const box = polygonBox(polygon);
    const {left, top, width, height, values} = polygonCoverage(polygon, 80);
    t.true(Math.max(box[2] - box[0], box[3] - box[1]) > 53, name);
    // Four scanlines a row: the sum is within 1 % of the shoelace formula.
    const covered = values.reduce((sum, value) => sum + value, 0);
    t.true(
      Math.abs(covered / polygonArea(polygon) - 1) < 0.01,
      `${name}: ${covered} for ${polygonArea(polygon)}`,
    );
    t.deepEqual([left, top], [Math.floor(box[0]), Math.floor(box[1])], name);
    t.deepEqual([left + width, top + height], [Math.ceil(box[2]), Math.ceil(box[3])], name);
    t.true(
      values.every(value => value >= 0 && value <= 1 + 1e-6),
      name,
    );
  }
});

test('areas of the outlines are those of the figures', t => {
  t.is(polygonArea(shapeOutline('square')), 0.81);
  t.true(Math.abs(polygonArea(shapeOutline('circle')) - Math.PI / 4) < 0.002);
  // pi (0.5^2 - 0.29^2): the hole is a hole.
  t.true(Math.abs(polygonArea(shapeOutline('ring')) - 0.5212) < 0.002);
  // Two bars of 1 x 0.34 less their crossing.
  t.true(Math.abs(polygonArea(shapeOutline('cross')) - (2 * 0.34 - 0.34 ** 2)) < 1e-12);
});
