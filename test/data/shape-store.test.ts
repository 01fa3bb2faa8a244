import {isDeepStrictEqual} from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import type {Shape} from '../../src/data/polygon.js';
import {ShapeStore} from '../../src/data/shape-store.js';

const coordinate = fc.oneof(
  fc.integer({min: 0, max: 1_000_000}).map(hundredths => hundredths / 100),
  fc.double({noNaN: true, noDefaultInfinity: true}).filter(value => !Object.is(value, -0)),
);
const shape: fc.Arbitrary<Shape> = fc.oneof(
  fc.constant<Shape>({kind: 'none'}),
  fc.array(fc.array(coordinate)).map((polygons): Shape => ({kind: 'polygons', polygons})),
  fc.tuple(fc.nat(), fc.nat(), fc.oneof(fc.array(fc.nat()), fc.string())).map(
    ([height, width, counts]): Shape => ({
      kind: 'run-lengths',
      runLengths: {size: [height, width], counts},
    }),
  ),
);

test('shapes come back equal to the last bit', t => {
  fc.assert(
    fc.property(fc.array(shape), shapes => {
      const store = new ShapeStore();
      const handles = shapes.map(item => store.add(item));
      t.true(
        isDeepStrictEqual(
          handles.map(handle => store.get(handle)),
          shapes,
        ),
      );
    }),
    {numRuns: 100, seed: 2},
  );
});

test('a shape that is longer than a block of 2^20 words comes back whole', t => {
  const store = new ShapeStore();
  // Decimals as COCO writes them, and thirds, which take two words each.
  const polygons = [
    Array.from({length: 1_200_000}, (_, i) => i / 100),
    Array.from({length: 600_000}, (_, i) => i / 3),
  ];
  store.add({kind: 'polygons', polygons: [[1, 2, 3, 4, 5, 6]]});
  const handle = store.add({kind: 'polygons', polygons});
  const found = store.get(handle);
  t.true(
    found.kind === 'polygons' &&
      found.polygons.every((polygon, i) => polygon.every((value, j) => value === polygons[i]![j])),
  );
  t.true(
    found.kind === 'polygons' && found.polygons.map(polygon => polygon.length).join() === '1200000,600000',
  );
});
