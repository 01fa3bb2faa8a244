import test from 'ava';
import {type Cell, combineSeeds, type SeedResult} from '../../src/report/cell.js';
import {readPaperTable} from '../../src/report/paper.js';
import {compareWithPaper, comparisonJson, formatMarkdown, formatText} from '../../src/report/table.js';

const made = {preset: 'mini', commit: '91dfbd4', engine: 'wasm'};
const measured: Readonly<Record<string, readonly (number | 'n/a')[]>> = {
  'focal-loss': [30, 31],
  'without-optimal-bias': ['n/a', 'n/a'],
  'without-guided-scaling': [0.25, 'n/a'],
  'sampling-free': [33, 34],
};
function cellOf(row: string, metric: string): Cell {
  const offset = metric === 'AP' ? 0 : 20;
  const runs = (measured[row] ?? []).map(
    (value, seed): SeedResult =>
      value === 'n/a' ? {seed, kind: 'diverged'} : {seed, kind: 'finished', value: value + offset},
  );
  return metric === 'APl' ? {kind: 'not-run'} : combineSeeds(runs, made);
}

test('The text table has paper, measured and difference of every row, and says how it was made', async t => {
  const rows = ['focal-loss', 'without-optimal-bias', 'without-guided-scaling', 'sampling-free'];
  const text = formatText(compareWithPaper(await readPaperTable('table-3'), cellOf, rows));
  t.is(
    text,
    `Table 3. Ablations of each ingredient of Sampling-Free
                       AP          AP50          AP75           APs           APm   APl
Focal Loss
  paper              36.4          55.0          39.0          19.9          40.3  48.9
  measured      30.5 ±0.7     50.5 ±0.7     50.5 ±0.7     50.5 ±0.7     50.5 ±0.7     -
  difference         -5.9          -4.5         +11.5         +30.6         +10.2
Sampling-Free without optimal bias
  paper               n/a           n/a           n/a           n/a           n/a   n/a
  measured            n/a           n/a           n/a           n/a           n/a     -
Sampling-Free without guided scaling
  paper               n/a           n/a           n/a           n/a           n/a   n/a
  measured    0.3 (1 n/a)  20.3 (1 n/a)  20.3 (1 n/a)  20.3 (1 n/a)  20.3 (1 n/a)     -
Sampling-Free
  paper              36.8          54.9          39.7          20.6          40.3  48.3
  measured      33.5 ±0.7     53.5 ±0.7     53.5 ±0.7     53.5 ±0.7     53.5 ±0.7     -
  difference         -3.3          -1.4         +13.8         +32.9         +13.2

Sampling-Free without optimal bias: diverged as in the paper (all 2 runs)
Sampling-Free without guided scaling: diverged in 1 of 2 runs
"better AP by replacing Focal Loss with Sampling-Free" (AP +0.4): confirmed (+3.0, noise 1.0)
measured: preset mini, seeds 0, 1, engine wasm, commit 91dfbd4
Not made at the scale of the paper: compare the pattern, not the numbers.
paper: RetinaNet, ResNet-50-FPN, 1x, COCO minival
n/a: the network diverged.
The rows are the columns of the paper.
`,
  );
});

test('Styles wrap finished lines and change no width', async t => {
  const paper = await readPaperTable('table-3');
  const comparison = compareWithPaper(paper, cellOf);
  const mark = (sign: string) => (text: string) => `<${sign}>${text}</${sign}>`;
  const styled = formatText(comparison, {
    title: mark('t'),
    heading: mark('h'),
    measured: mark('m'),
    faint: mark('f'),
  });
  t.is(styled.replaceAll(/<\/?[thmf]>/g, ''), formatText(comparison));
});

test('Parts of a table are headed by their name', async t => {
  const text = formatText(compareWithPaper(await readPaperTable('table-6'), () => ({kind: 'not-run'})));
  t.regex(text, /^Smooth L1\nGHM-C\n {2}paper +35\.8 +328$/m);
  t.false(text.includes('verdict'));
  t.regex(text, /^ +AP {2}training \(ms\)$/m);
});

test('Markdown has one line a row', async t => {
  const text = formatMarkdown(compareWithPaper(await readPaperTable('table-3'), cellOf));
  t.regex(text, /^\| row \| AP \| AP50 \| AP75 \| APs \| APm \| APl \|\n\| --- \| ---: \|/m);
  t.regex(text, /^\| Focal Loss \| 36\.4 → 30\.5 ±0\.7 \(-5\.9\) \|/m);
  t.regex(text, /^\| Sampling-Free without optimal bias \| n\/a → n\/a \|/m);
});

test('JSON has the cells by row and metric', async t => {
  const json = JSON.parse(
    JSON.stringify(comparisonJson(compareWithPaper(await readPaperTable('table-3'), cellOf))),
  );
  t.is(json.rows.length, 6);
  t.like(json.rows[4].cells.AP, {paper: 36.8, measured: {kind: 'measured', mean: 33.5, runs: 2}});
  t.is(json.rows[1].cells.AP.paper, 'n/a');
  t.is(json.rows[1].cells.AP.difference, null);
});

test('Where the paper prints gains over a first row, measured figures have theirs beside them', async t => {
  const ap: Readonly<Record<string, readonly number[]>> = {
    'biased-sampling': [30, 31], // mean 30.5
    'sampling-free': [32, 33, 34], // mean 33: 2.5 above
    hybrid: [30.5],
  };
  const cell = (row: string): Cell =>
    combineSeeds(
      (ap[row] ?? []).map((value, seed): SeedResult => ({seed, kind: 'finished', value})),
      made,
    );
  const comparison = compareWithPaper(
    await readPaperTable('table-4'),
    (row, metric) => (metric === 'AP' ? cell(row) : {kind: 'not-run'}),
    Object.keys(ap),
  );
  const text = formatText(comparison);
  t.deepEqual(text.split('\n').slice(2, 10), [
    'Mini-batch biased sampling',
    '  paper                   36.8         58.4         40.0         20.7         39.7         47.9',
    '  measured           30.5 ±0.7            -            -            -            -            -',
    '  difference              -6.3',
    'Sampling-Free in RPN and RoI',
    '  paper            38.4 (+1.6)  59.9 (+1.5)  41.7 (+1.7)  22.3 (+1.6)  41.6 (+1.9)  50.9 (+3.0)',
    '  measured    33.0 ±1.0 (+2.5)            -            -            -            -            -',
    '  difference              -5.4',
  ]);
  t.true(text.includes('30.5 (0.0)'));
  t.regex(text, /^in parentheses: gain over "Mini-batch biased sampling"$/m);
  t.regex(
    formatMarkdown(comparison),
    /^\| Sampling-Free in RPN and RoI \| 38\.4 \(\+1\.6\) → 33\.0 ±1\.0 \(\+2\.5\) \| 59\.9 \(\+1\.5\) → - \|/m,
  );
  const {baseline, rows} = JSON.parse(JSON.stringify(comparisonJson(comparison)));
  t.is(baseline, 'biased-sampling');
  t.deepEqual(rows[0].cells.AP.gain, {paper: null, measured: null});
  t.deepEqual(rows[1].cells.AP.gain, {paper: 38.4 - 36.8, measured: 2.5});
});
