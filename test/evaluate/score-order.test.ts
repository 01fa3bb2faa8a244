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
