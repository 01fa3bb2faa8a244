import test from 'ava';
import {MaskError, maskArea, maskBox, maskOfRuns} from '../../src/masks/mask.js';
import {MaskTableBuilder, maskAreas, maskAt, maskBoxes, maskCount} from '../../src/masks/mask-table.js';

const MASKS = [
  maskOfRuns([2, 5, 5], 3, 4),
  maskOfRuns([0, 4], 2, 2),
  maskOfRuns([6], 2, 3),
  maskOfRuns([1, 2, 2, 2, 5], 4, 3),
];

test('a table gives back the masks in order, as views', t => {
  const builder = new MaskTableBuilder();
  for (const mask of MASKS) builder.push(mask);
  const table = builder.take();
  t.is(maskCount(table), 4);
  MASKS.forEach((mask, row) => {
    t.deepEqual(maskAt(table, row), mask);
    t.is(maskAt(table, row).runs.buffer, table.runs.buffer);
  });
  t.deepEqual([...table.starts], [0, 3, 5, 6, 11]);
});

test('areas and boxes of a table are those of its masks', t => {
  const builder = new MaskTableBuilder();
  for (const mask of MASKS) builder.push(mask);
  const table = builder.take();
  t.deepEqual([...maskAreas(table)], MASKS.map(maskArea));
  t.deepEqual(
    [...maskBoxes(table)],
    MASKS.flatMap(mask => [...maskBox(mask)]),
  );
});

test('a row without a mask is 0 x 0 and covers nothing', t => {
  const builder = new MaskTableBuilder();
  builder.pushNone();
  builder.push(MASKS[0]!);
  builder.pushNone();
  const table = builder.take();
  t.deepEqual(maskAt(table, 0), {height: 0, width: 0, runs: new Uint32Array(0)});
  t.deepEqual(maskAt(table, 1), MASKS[0]);
  t.deepEqual([...maskAreas(table)], [0, 5, 0]);
  t.deepEqual([...maskBoxes(table).subarray(8)], [0, 0, 0, 0]);
});

test('an empty table has no rows', t => {
  const table = new MaskTableBuilder().take();
  t.is(maskCount(table), 0);
  t.deepEqual([...table.starts], [0]);
});

test('a shared table lies in memory that threads see', t => {
  const builder = new MaskTableBuilder();
  for (const mask of MASKS) builder.push(mask);
  const table = builder.take({shared: true});
  for (const column of [table.heights, table.widths, table.starts, table.runs]) {
    t.true(column.buffer instanceof SharedArrayBuffer);
  }
  t.deepEqual([...maskAt(table, 3).runs], [...MASKS[3]!.runs]);
});

test('masks of more runs than a chunk, and many small ones, keep their places', t => {
  const builder = new MaskTableBuilder();
  const side = 700; // 490000 runs of 1, more than the 262144 of a chunk
  const large = maskOfRuns(new Uint32Array(side * side).fill(1), side, side);
  for (let i = 0; i < 100_000; i++) builder.push(MASKS[i % 4]!);
  builder.push(large);
  for (let i = 0; i < 100_000; i++) builder.push(MASKS[i % 4]!);
  const table = builder.take();
  t.is(table.runs.length, 2 * 25_000 * 11 + side * side);
  t.deepEqual(maskAt(table, 99_999), MASKS[3]);
  t.is(maskArea(maskAt(table, 100_000)), (side * side) / 2);
  t.deepEqual(maskAt(table, 200_000), MASKS[3]);
});

test('a table does not grow above its limit', t => {
  const builder = new MaskTableBuilder(8);
  builder.push(MASKS[0]!);
  t.throws(() => new MaskTableBuilder(2).push(MASKS[0]!), {
    instanceOf: MaskError,
    message: 'all masks together have more than the 2 runs that are kept in memory',
  });
  builder.push(MASKS[3]!);
  t.throws(() => builder.push(MASKS[2]!), {instanceOf: MaskError});
  builder.pushNone();
  t.deepEqual([...builder.take().starts], [0, 3, 8, 8]);
});
