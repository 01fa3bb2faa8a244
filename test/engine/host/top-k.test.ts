import test from 'ava';
import {topK} from '../../../src/engine/host/top-k.js';
import {Random} from '../../../src/random/random.js';

test('the largest values are kept, in order of position', t => {
  t.deepEqual([...topK(Float32Array.of(1, 5, 3, 9, 2), 3)], [1, 2, 3]);
});

test('of equal values at the cut the first positions are kept', t => {
  t.deepEqual([...topK(Float32Array.of(7, 1, 7, 7, 7), 2)], [0, 2]);
});

test('fewer values than k are all kept, and k = 0 keeps none', t => {
  t.deepEqual([...topK(Float32Array.of(3, 1), 5)], [0, 1]);
  t.deepEqual([...topK(Float32Array.of(3, 1), 0)], []);
  t.deepEqual([...topK(new Float32Array(0), 4)], []);
});

test('agrees with sorting on random values with many ties', t => {
  const random = new Random(1, 'top-k');
  for (let round = 0; round < 50; round++) {
    const values = Float32Array.from({length: 1 + random.int(300)}, () => random.int(20));
    const k = 1 + random.int(values.length);
    const expected = [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b).slice(0, k);
    t.deepEqual(
      [...topK(values, k)],
      expected.sort((a, b) => a - b),
    );
  }
});
