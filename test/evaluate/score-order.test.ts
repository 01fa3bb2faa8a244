import test from 'ava';
import fc from 'fast-check';
import {sortByFallingScore} from '../../src/evaluate/score-order.js';

test('Records are sorted by falling score, and equal scores keep their order', t => {
  fc.assert(
    fc.property(fc.array(fc.nat({max: 9}), {maxLength: 400}), fc.nat({max: 20}), (values, from) => {
      const scores = Float64Array.from(values);
      const records = Int32Array.from(scores.keys());
      const expected = [
        ...records.subarray(0, from),
        ...[...records.subarray(from)].sort((a, b) => scores[b]! - scores[a]!),
      ];
      sortByFallingScore(records, scores, new Int32Array(records.length), Math.min(from, records.length));
      t.deepEqual([...records], expected);
    }),
  );
});

test('Long lists are sorted as short ones are, whatever the bits of the scores', t => {
  const scores = Float64Array.from({length: 20_000}, (_, i) => {
    const value = Math.sin(i * i);
    switch (i % 5) {
      case 0:
        return Math.fround(value); // either sign
      case 1:
        return 0.5 + ((i * 7919) % 1000) * Number.EPSILON; // differ in their last bits alone
      case 2:
        return i % 2 === 0 ? 0 : -0; // equal
      case 3:
        return (i % 3 === 0 ? -1 : 1) * (i % 100) * Number.MIN_VALUE; // subnormal
      default:
        return i % 15 === 4 ? Infinity : value * 1e300;
    }
  });
  const records = Int32Array.from(scores.keys()).reverse();
  const expected = [...records].sort((a, b) =>
    scores[a] === scores[b] ? 0 : scores[b]! > scores[a]! ? 1 : -1,
  );
  sortByFallingScore(records, scores, new Int32Array(records.length));
  t.deepEqual([...records], expected);
  const part = Int32Array.from(scores.keys());
  sortByFallingScore(part, scores, new Int32Array(part.length), 100, 10_000);
  const middle = [...scores.keys()]
    .slice(100, 10_000)
    .sort((a, b) => (scores[a] === scores[b] ? 0 : scores[b]! > scores[a]! ? 1 : -1));
  t.deepEqual([...part.subarray(100, 10_000)], middle);
  t.deepEqual([part[99], part[10_000]], [99, 10_000]);
});
