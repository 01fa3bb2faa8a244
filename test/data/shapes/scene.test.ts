import {createHash} from 'node:crypto';
import test from 'ava';
import {layOut} from '../../../src/data/shapes/layout.js';
import {paintShape} from '../../../src/data/shapes/paint.js';
import {polygonBox} from '../../../src/data/shapes/raster.js';
import {renderScene} from '../../../src/data/shapes/scene.js';
import {Random} from '../../../src/random/random.js';

const config = {seed: 11, split: 'train', size: 96, classes: 8} as const;

function fingerprint(options: Parameters<typeof renderScene>[0], index: number): string {
  const {pixels, objects} = renderScene(options, index);
  const outlines = JSON.stringify(objects.map(({class: kind, polygon}) => [kind, polygon]));
  return createHash('sha256').update(pixels.data).update(outlines).digest('hex');
}

test('a scene depends on seed, split and number, and on nothing else', t => {
  const scene = fingerprint(config, 3);
  for (const index of [0, 9]) fingerprint(config, index);
  t.is(fingerprint(config, 3), scene);
  t.not(fingerprint(config, 4), scene);
  t.not(fingerprint({...config, seed: 12}, 3), scene);
  t.not(fingerprint({...config, split: 'val'}, 3), scene);
});

test('one to three objects of every class and size, inside the image, none hidden', t => {
  const size = 160;
  const scenes = Array.from({length: 600}, (_, i) => layOut(new Random(1, 'test', i), size, 8));
  const objects = scenes.flat();
  t.deepEqual([...new Set(scenes.map(({length}) => length))].sort(), [1, 2, 3]);
  t.deepEqual([...new Set(objects.map(shape => shape.class))].sort(), [1, 2, 3, 4, 5, 6, 7, 8]);
  let truncated = 0;
  for (const {polygon, area} of objects) {
    const [left, top, right, bottom] = polygonBox(polygon);
    t.true(left >= 0 && top >= 0 && right <= size && bottom <= size);
    t.true(right - left > 5 && bottom - top > 5 && right - left < 96 && area > 10);
    t.true(area <= (right - left) * (bottom - top));
    if (left === 0 || top === 0 || right === size || bottom === size) truncated++;
  }
  t.true(truncated > 20, `${truncated} are cut by an edge of the image`);
  // The three ranges, about 0.11, 0.2 and 0.35 of the image, share the objects.
  for (const [from, to] of [
    [0.088, 0.1376],
    [0.159, 0.251],
    [0.279, 0.438],
  ] as const) {
    const share =
      objects.filter(({side}) => side >= from * size && side <= to * size).length / objects.length;
    t.true(share > 0.25 && share < 0.42, `${share} of ${from}`);
  }
});

test('what is left to see of an object is at least half of it, and some objects are partly covered', t => {
  const size = 160;
  let covered = 0;
  for (let i = 0; i < 300; i++) {
    const objects = layOut(new Random(2, 'test', i), size, 8);
    const front = new Int8Array(size * size).fill(-1);
    const pixels = objects.map(({coverage}, number) => {
      let count = 0;
      coverage.values.forEach((value, j) => {
        if (value < 0.5) return;
        const x = coverage.left + (j % coverage.width);
        const y = coverage.top + Math.floor(j / coverage.width);
        front[y * size + x] = number;
        count++;
      });
      return count;
    });
    objects.forEach((_, number) => {
      const visible = front.filter(owner => owner === number).length / pixels[number]!;
      t.true(visible >= 0.5, `scene ${i}, object ${number}: ${visible}`);
      if (visible < 0.9) covered++;
    });
  }
  t.true(covered > 20, `${covered} objects are covered in part`);
});

test('the painted pixels reach exactly as far as the box', t => {
  const size = 128;
  for (let i = 0; i < 200; i++) {
    const shape = layOut(new Random(3, 'test', i), size, 8)[0]!;
    const values = new Float32Array(size * size * 3).fill(128);
    paintShape(new Random(3, 'paint', i), {size, values}, shape);
    let [minX, minY, maxX, maxY] = [size, size, 0, 0];
    for (let pixel = 0; pixel < size * size; pixel++) {
      if (values.subarray(pixel * 3, pixel * 3 + 3).every(value => value === 128)) continue;
      const [x, y] = [pixel % size, Math.floor(pixel / size)];
      [minX, minY, maxX, maxY] = [
        Math.min(minX, x),
        Math.min(minY, y),
        Math.max(maxX, x + 1),
        Math.max(maxY, y + 1),
      ];
    }
    const [left, top, right, bottom] = polygonBox(shape.polygon);
    // Nothing outside of the box, and no pixel of it empty at any side but for a tip between two scanlines.
    t.true(minX >= Math.floor(left) && minX <= left + 1, `scene ${i}: ${minX} for left ${left}`);
    t.true(minY >= Math.floor(top) && minY <= top + 1, `scene ${i}: ${minY} for top ${top}`);
    t.true(maxX <= Math.ceil(right) && maxX >= right - 1, `scene ${i}: ${maxX} for right ${right}`);
    t.true(maxY <= Math.ceil(bottom) && maxY >= bottom - 1, `scene ${i}: ${maxY} for bottom ${bottom}`);
  }
});
