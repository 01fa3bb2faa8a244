import {mkdtemp, readdir, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {formatDuration, progressBar, writeJson} from '../../src/cli/output.js';
import {RunError} from '../../src/errors.js';

test('durations read as a person says them', t => {
  const shown = [0, 44.6, 59.4, 60, 192, 3599, 3720, 36_000].map(formatDuration);
  t.deepEqual(shown, ['0s', '45s', '59s', '1m00s', '3m12s', '59m59s', '1h02m', '10h00m']);
});

test('JSON goes whole into a file, typed arrays as lists', async t => {
  const root = await mkdtemp(join(tmpdir(), 'sf-output-'));
  t.teardown(() => rm(root, {recursive: true}));
  const target = join(root, 'deep/numbers.json');
  await writeJson(target, {scores: Float32Array.of(0.5, 0.25), none: Number.NaN});
  t.deepEqual(JSON.parse(await readFile(target, 'utf8')), {scores: [0.5, 0.25], none: null});
  t.deepEqual(await readdir(join(root, 'deep')), ['numbers.json']);
  await t.throwsAsync(writeJson(join(root, 'deep'), {}), {
    instanceOf: RunError,
    message: /it is a folder; name a file$/,
  });
});

test('without a terminal, progress is a line every so many seconds and one at the end', t => {
  let clock = 0;
  const lines: string[] = [];
  const progress = progressBar({
    label: 'train',
    total: 100,
    unit: 'it',
    lineEvery: 10,
    now: () => clock,
    stream: {write: text => lines.push(text)},
  });
  for (let done = 1; done <= 100; done++) {
    clock += 250; // 4 iterations a second: 25 seconds in all
    progress.update(done, `loss ${done}`);
  }
  progress.stop();
  progress.update(100);
  t.deepEqual(lines, [
    'train 40/100: 4.0 it/s, 15s left, loss 40\n',
    'train 80/100: 4.0 it/s, 5s left, loss 80\n',
    'train 100/100: 4.0 it/s, done, loss 100\n',
  ]);
});

test('the rate is that of recent updates: a slow start or a resumed run does not spoil the estimate', t => {
  let clock = 0;
  const lines: string[] = [];
  const stream = {write: (text: string) => lines.push(text)};
  const progress = progressBar({
    label: 'x',
    total: 1100,
    start: 1000,
    unit: 'it',
    lineEvery: 0,
    now: () => clock,
    stream,
  });
  clock = 100_000; // the first takes 100 s
  progress.update(1001);
  for (let done = 1002; done <= 1060; done++) {
    clock += 500;
    progress.update(done);
  }
  t.is(lines[0], 'x 1001/1100: 0.010 it/s, 2h45m left\n'); // 99 to go at 100 s each
  t.is(lines.at(-1), 'x 1060/1100: 2.0 it/s, 20s left\n'); // 40 to go at 0.5 s each
});
