import test from 'ava';
import {topK} from '../../../src/engine/host/top-k.js';
import {Random} from '../../../src/random/random.js';

test('the largest values come first, of equal values the first positions', t => {
  t.deepEqual([...topK(Float32Array.of(1, 5, 3, 9, 2), 3)], [3, 1, 2]);
  t.deepEqual([...topK(Float32Array.of(7, 1, 7, 7, 7), 2)], [0, 2]);
});

test('fewer values than k are all taken, and k = 0 takes none', t => {
  t.deepEqual([...topK(Float32Array.of(3, 1), 5)], [0, 1]);
  t.deepEqual([...topK(Float32Array.of(3, 1), 0)], []);
  t.deepEqual([...topK(new Float32Array(0), 4)], []);
});

test('NaN counts as -Infinity, and nothing else does', t => {
  const {NaN: nan, NEGATIVE_INFINITY: lowest, POSITIVE_INFINITY: highest} = Number;
  const values = Float32Array.of(nan, lowest, -3e38, nan, highest, highest);
  t.deepEqual([...topK(values, 6)], [4, 5, 2, 0, 1, 3]);
  t.deepEqual([...topK(values, 4)], [4, 5, 2, 0]);
});

test('a bound and a range leave out what is below and beside them', t => {
  const values = Float32Array.of(9, 1, 4, 2, 3, Number.NaN, 9);
  t.deepEqual([...topK(values, 3, {above: 1, start: 1, end: 6})], [2, 4, 3]);
  t.deepEqual([...topK(values, 3, {above: 2, start: 1, end: 6})], [2, 4]);
  t.deepEqual([...topK(values, 3, {above: 9})], []);
});

test('agrees with sorting on random values with many ties', t => {
  const random = new Random(1, 'top-k');
  for (let round = 0; round < 60; round++) {
    // Above 1024 + 2 k candidates the weakest are thrown out on the way.
    const length = 1 + random.int(round < 50 ? 300 : 20_000);
    const values = Float32Array.from({length}, () => random.int(round % 2 === 0 ? 20 : 1e6));
    const k = 1 + random.int(Math.min(length, 500));
    const expected = [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b).slice(0, k);
    t.deepEqual([...topK(values, k)], expected);
  }
});
