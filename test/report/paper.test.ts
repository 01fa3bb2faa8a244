import test from 'ava';
import {readPaperTable} from '../../src/report/paper.js';

const TABLES = ['table-1', 'table-2', 'table-3', 'table-4', 'table-5', 'table-6', 'table-7'];

for (const id of TABLES) {
  test(`The paper's ${id} is complete and consistent`, async t => {
    const table = await readPaperTable(id);
    t.is(table.id, id);
    const rows = new Map(table.rows.map(row => [row.id, row]));
    t.is(rows.size, table.rows.length, 'row ids differ');
    const metrics = new Set(table.metrics.map(metric => metric.id));
    for (const row of table.rows) {
      t.true(Object.keys(row.values).length > 0);
      for (const metric of Object.keys(row.values)) t.true(metrics.has(metric), `${row.id} ${metric}`);
    }
    // A claim of the paper holds for its own numbers.
    for (const {row, than, metric, text} of table.claims) {
      const [above, below] = [rows.get(row)?.values[metric], rows.get(than)?.values[metric]];
      t.true(typeof above === 'number' && typeof below === 'number' && above > below, text);
    }
  });
}

test('Table 3 has the six columns of the paper, two of them diverged', async t => {
  const {rows} = await readPaperTable('table-3');
  t.deepEqual(
    rows.map(({values}) => Object.values(values)),
    [
      [36.4, 55.0, 39.0, 19.9, 40.3, 48.9],
      Array(6).fill('n/a'),
      Array(6).fill('n/a'),
      [36.4, 54.0, 39.3, 20.1, 39.8, 47.9],
      [36.8, 54.9, 39.7, 20.6, 40.3, 48.3],
      [36.7, 55.9, 39.3, 20.6, 40.3, 49.0],
    ],
  );
  t.deepEqual(rows[3]!.settings, {
    optimalBias: true,
    guidedScaling: true,
    adaptiveThreshold: false,
    focalLoss: false,
  });
});

test("Table 4's differences are those printed in brackets", async t => {
  const {rows} = await readPaperTable('table-4');
  const [baseline, ...others] = rows.map(({values}) => values.AP as number);
  t.deepEqual(
    others.map(value => (value - baseline!).toFixed(1)),
    ['0.7', '1.3', '1.6', '-0.3', '0.0', '-0.4'],
  );
});

test('Table 1 (a) diverges in nine of sixteen settings', async t => {
  const {rows} = await readPaperTable('table-1');
  const grid = rows.slice(0, 16).map(({values}) => values.AP);
  t.is(grid.filter(value => value === 'n/a').length, 9);
  t.deepEqual(grid.slice(12), ['n/a', 35.6, 26.1, 0.8]);
});

test('A table that the paper does not have is a mistake in the command', async t => {
  await t.throwsAsync(readPaperTable('table-8'), {
    name: 'UsageError',
    message: 'there are no numbers of the paper for table-8',
  });
});
