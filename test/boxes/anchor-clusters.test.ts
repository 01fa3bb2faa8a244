import test from 'ava';
import {clusterSizes, meanBestIou} from '../../src/boxes/anchor-clusters.js';
import {Random} from '../../src/random/random.js';

const random = () => new Random(7, 'anchors');

const near = (actual: number, expected: number, tolerance = 1e-9): boolean =>
  Math.abs(actual - expected) <= tolerance;

test('by hand: boxes of two sizes, two anchors', t => {
  const sizes = Float64Array.of(10, 20, 12, 20, 100, 80, 100, 120, 14, 20, 100, 100);
  const {anchors, meanIou} = clusterSizes(sizes, 2, random());
  t.deepEqual(anchors, [
    [12, 20],
    [100, 100],
  ]);
  // 200 / 240, 1, 240 / 280 of the small ones; 8000 / 10000, 10000 / 12000, 1 of the large ones.
  t.true(near(meanIou, (200 / 240 + 1 + 240 / 280 + 0.8 + 10 / 12 + 1) / 6));
  t.is(meanBestIou(sizes, anchors), meanIou);
});

test('three clusters with a spread of 5 % are found again, smallest first', t => {
  const draw = new Random(2, 'sizes');
  const centres = [
    [8, 9],
    [40, 20],
    [120, 150],
  ] as const;
  const sizes = Float64Array.from({length: 900}, (_, i) => {
    const centre = centres[Math.floor(i / 2) % 3]!;
    return centre[i % 2]! * draw.normal(1, 0.05);
  });
  const {anchors, meanIou} = clusterSizes(sizes, 3, random());
  for (const [i, [width, height]] of anchors.entries()) {
    t.true(near(width / centres[i]![0], 1, 0.02) && near(height / centres[i]![1], 1, 0.02));
  }
  t.true(meanIou > 0.9);
});

test('the same seed gives the same anchors; as many anchors as sizes fit exactly', t => {
  const draw = new Random(3, 'sizes');
  const sizes = Float64Array.from({length: 200}, () => draw.uniform(5, 200));
  t.deepEqual(clusterSizes(sizes, 9, random()), clusterSizes(sizes, 9, random()));
  const few = Float64Array.of(1, 2, 3, 4, 5, 6, 1, 2);
  t.deepEqual(clusterSizes(few, 3, random()), {
    anchors: [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
    meanIou: 1,
  });
});

test('more anchors than sizes are refused', t => {
  t.throws(() => clusterSizes(Float64Array.of(1, 2, 1, 2), 2, random()), {
    instanceOf: RangeError,
    message: '2 anchors of 1 different box sizes',
  });
  t.is(meanBestIou(new Float64Array(0), [[1, 1]]), 0);
});
