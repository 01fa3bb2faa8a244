import test from 'ava';
import {cellOf} from '../../experiments/cells.js';
import type {Outcome} from '../../experiments/execute.js';
import {stepTime} from '../../experiments/step-time.js';
import {table6} from '../../experiments/table-6.js';
import type {CocoStats} from '../../src/evaluate/coco-stats.js';
import {readPaperTable} from '../../src/report/paper.js';
import type {Metrics} from '../../src/train/run-log.js';

/** A step of `seconds` and 0.5 s more of waiting for images. */
const step = (iteration: number, seconds: number, processorSeconds?: number): Metrics => ({
  ...{iteration, lr: 0.1, total: 1, gradNorm: 1, stages: {}, imagesPerSecond: 1},
  ...{seconds: seconds + 0.5, dataSeconds: 0.5},
  ...(processorSeconds !== undefined && {processorSeconds}),
});

test('a step takes the median after the first ten, without the wait for images', t => {
  const slow = Array.from({length: 10}, (_, i) => step(i + 1, 9, 9));
  t.deepEqual(stepTime([...slow, step(11, 0.25, 0.5), step(12, 0.125, 0.25), step(13, 7, 0.75)]), {
    elapsed: 250,
    processor: 500,
  });
  t.is(stepTime(slow), undefined);
  // A log from before processor time was recorded.
  t.deepEqual(stepTime([...slow, step(11, 0.25)]), {elapsed: 250, processor: undefined});
});

const outcome = (row: string, seed: number, elapsed: number | undefined): Outcome =>
  ({
    run: {row: {id: row}, seed},
    status: 'finished',
    stats: {AP: 0.5} as CocoStats,
    step: elapsed === undefined ? undefined : {elapsed, processor: elapsed / 2},
  }) as Outcome;

test('times of a row are combined over its seeds; weights of another run have none', t => {
  const outcomes = [
    outcome('a', 0, 100),
    outcome('a', 1, 102),
    outcome('a', 2, undefined),
    outcome('b', 0, 7),
  ];
  const cell = cellOf(outcomes, 'a', 'trainingTime', {preset: 'mini'});
  t.true(cell.kind === 'measured' && cell.mean === 101 && cell.runs === 2);
  const processor = cellOf(outcomes, 'a', 'processorTime', {preset: 'mini'});
  t.true(processor.kind === 'measured' && processor.mean === 50.5);
  t.is(cellOf(outcomes, 'a', 'AP', {preset: 'mini'}).kind, 'measured');
});

test('the rows of Table 6 are the paper’s, and those that are compared in time train side by side', async t => {
  const paper = await readPaperTable('table-6');
  const ids = table6.rows.map(({id}) => id);
  t.deepEqual(
    paper.rows.map(({id}) => id),
    ids,
  );
  for (const {row, than} of paper.claims) {
    t.is(Math.floor(ids.indexOf(row) / 2), Math.floor(ids.indexOf(than) / 2));
    t.is(table6.seeds?.[row], 3);
  }
});
