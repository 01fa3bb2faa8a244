import test from 'ava';
import {type Cell, combineSeeds, type SeedResult} from '../../src/report/cell.js';
import {readPaperTable} from '../../src/report/paper.js';
import {
  claimVerdicts,
  differenceVerdict,
  divergenceVerdict,
  shareVerdict,
  signed,
} from '../../src/report/verdict.js';

const made = {preset: 'mini', commit: '91dfbd4', engine: 'wasm'};
const cell = (...values: readonly (number | 'n/a')[]): Cell =>
  combineSeeds(
    values.map(
      (value, seed): SeedResult =>
        value === 'n/a' ? {seed, kind: 'diverged'} : {seed, kind: 'finished', value},
    ),
    made,
  );

test('A row that the paper calls n/a has diverged as in the paper, or not', t => {
  t.deepEqual(divergenceVerdict('n/a', cell('n/a')), {kind: 'as-in-paper', text: 'diverged as in the paper'});
  t.is(divergenceVerdict('n/a', cell('n/a', 'n/a')).text, 'diverged as in the paper (all 2 runs)');
  t.is(
    divergenceVerdict('n/a', cell(0, 0.4)).text,
    "stayed finite but learned nothing, where the paper's network diverged (all 2 runs)",
  );
  t.deepEqual(divergenceVerdict('n/a', cell(12)), {
    kind: 'unlike-paper',
    text: 'converged, unlike the paper',
  });
  t.deepEqual(divergenceVerdict(36.4, cell('n/a')), {
    kind: 'unlike-paper',
    text: 'diverged, unlike the paper',
  });
  t.is(divergenceVerdict('n/a', cell(12, 'n/a', 'n/a')).text, 'diverged in 2 of 3 runs');
  t.is(divergenceVerdict(36.4, cell(30, 31)).kind, 'as-in-paper');
  t.is(divergenceVerdict('n/a', {kind: 'not-run'}).kind, 'no-verdict');
});

test('A difference counts only beyond the noise of the seeds', t => {
  // Spreads: 50, 52, 54 has 2; 46, 49, 52 has 3. Noise is the root of 4 + 9 = 3.6.
  const b = cell(46, 49, 52);
  t.deepEqual(differenceVerdict(cell(50, 52, 54), b), {
    kind: 'within-noise',
    text: 'within noise (+3.0, noise 3.6)',
  });
  t.deepEqual(differenceVerdict(cell(51, 53, 55), b), {
    kind: 'confirmed',
    text: 'confirmed (+4.0, noise 3.6)',
  });
  t.deepEqual(differenceVerdict(cell(43, 45, 47), b), {
    kind: 'not-confirmed',
    text: 'not confirmed (-4.0, noise 3.6)',
  });
});

test('One seed, a diverged row or one that has not been run allow no verdict', t => {
  t.is(differenceVerdict(cell(50), cell(40, 41)).text, '+9.5; one seed: no verdict');
  t.is(differenceVerdict(cell(50, 51), cell('n/a')).text, 'no verdict: a row diverged');
  t.is(differenceVerdict({kind: 'not-run'}, cell(1, 2)).text, 'no verdict: not all rows have a figure');
});

test('A share counts as the paper says unless the noise of the seeds sets it apart', t => {
  // 100 ms against 90, 92 and 94: shares of 10, 8 and 6 %, mean 8 %, spread 2 %.
  const [a, b] = [cell(100, 100, 100), cell(90, 92, 94)];
  t.deepEqual(shareVerdict(a, b, 0.27), {
    kind: 'not-confirmed',
    text: 'not confirmed (8.0 % less, 27.0 % in the paper, noise 2.0 %)',
  });
  t.is(shareVerdict(a, b, 0.09).kind, 'confirmed');
  t.is(shareVerdict(a, b, 0.05).text, 'confirmed (8.0 % less, 5.0 % in the paper, noise 2.0 %)');
  t.is(shareVerdict(b, a, 0.05).kind, 'not-confirmed');
  t.is(shareVerdict(cell(4), cell(3), 0.27).text, '25.0 % less, 27.0 % in the paper; one seed: no verdict');
  t.is(shareVerdict({kind: 'not-run'}, b, 0.27).kind, 'no-verdict');
});

test('A share is that of runs of the same seed', t => {
  // Seed 1 was slow for both, by what else the machine did: 5 % less in each seed all the same.
  t.is(
    shareVerdict(cell(100, 200), cell(95, 190), 0.27).text,
    'not confirmed (5.0 % less, 27.0 % in the paper, noise 0.0 %)',
  );
  t.is(shareVerdict(cell(100, 'n/a'), cell('n/a', 90), 0.27).text, 'no verdict: no seed has both rows');
});

test('A share that noise sets apart neither from the paper’s nor from none is no verdict', t => {
  // Shares of 30 and -10 %: mean 10 %, spread 28.3 %.
  t.deepEqual(shareVerdict(cell(100, 100), cell(70, 110), 0.27), {
    kind: 'within-noise',
    text: 'within noise (10.0 % less, 27.0 % in the paper, noise 28.3 %)',
  });
});

test('The claim of faster training is one of a share', async t => {
  const paper = await readPaperTable('table-6');
  const times = (row: string, metric: string) =>
    metric === 'trainingTime' && row === 'smooth-l1-ghm-c' ? cell(328, 330) : cell(238, 240);
  const [, , faster] = claimVerdicts(paper, times);
  t.is(faster!.paper, '+90');
  t.is(faster!.verdict.text, 'confirmed (27.4 % less, 27.0 % in the paper, noise 0.1 %)');
});

test('Claims carry the difference that the paper prints', async t => {
  const paper = await readPaperTable('table-3');
  const verdicts = claimVerdicts(paper, row => (row === 'sampling-free' ? cell(50, 50.1) : cell(49, 49.1)));
  t.deepEqual(
    verdicts.map(({claim, paper: by, verdict}) => [claim.than, by, verdict.kind]),
    [
      ['focal-loss', '+0.4', 'confirmed'],
      ['sampling-free-focal-loss', '+0.1', 'confirmed'],
      ['without-adaptive-threshold', '+0.4', 'confirmed'],
    ],
  );
});

test('A difference that rounds to nothing has no sign', t => {
  t.deepEqual(
    [0.04, -0.04, 0.06, -0.06].map(value => signed(value, 1)),
    ['0.0', '0.0', '+0.1', '-0.1'],
  );
});
