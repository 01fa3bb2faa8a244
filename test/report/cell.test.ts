import test from 'ava';
import {combineSeeds, seedPercent} from '../../src/report/cell.js';

const made = {preset: 'mini', commit: '91dfbd4', engine: 'wasm'};

test('Seeds become their mean and sample standard deviation', t => {
  const cell = combineSeeds([seedPercent(0, 0.5), seedPercent(1, 0.52), seedPercent(2, 0.54)], made);
  // Deviations -2, 0, 2: (4 + 0 + 4) / (3 - 1) = 4, its root 2.
  if (cell.kind !== 'measured') return t.fail();
  t.true(Math.abs(cell.mean - 52) < 1e-9);
  t.true(Math.abs(cell.spread! - 2) < 1e-9);
  t.like(cell, {runs: 3, diverged: 0, provenance: {...made, seeds: [0, 1, 2]}});
});

test('One seed has no spread', t => {
  const cell = combineSeeds([seedPercent(7, 0.25)], made);
  t.deepEqual(cell, {
    ...{kind: 'measured', mean: 25, values: [{seed: 7, value: 25}]},
    ...{runs: 1, diverged: 0, provenance: {...made, seeds: [7]}},
  });
});

test('Diverged seeds are counted and not averaged; if all diverged, so did the cell', t => {
  const some = combineSeeds([seedPercent(0, 0.5), {seed: 1, kind: 'diverged'}], made);
  t.like(some, {kind: 'measured', mean: 50, runs: 1, diverged: 1});
  const all = combineSeeds(
    [0, 1].map(seed => ({seed, kind: 'diverged'})),
    made,
  );
  t.deepEqual(all, {kind: 'diverged', runs: 2, provenance: {...made, seeds: [0, 1]}});
});

test('No run is not-run, and -1 is no objects', t => {
  t.deepEqual(combineSeeds([], made), {kind: 'not-run'});
  t.is(combineSeeds([seedPercent(0, -1)], made).kind, 'no-objects');
});
