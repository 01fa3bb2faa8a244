// What sf reproduce and sf ablate refuse before anything runs.

import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test from 'ava';
import {describeChanges, manyRunsOptions} from '../../src/cli/experiment-runs.js';
import {parseVariation} from '../../src/config/stage-values.js';
import {UsageError} from '../../src/errors.js';
import {runJobs} from '../../src/train/jobs.js';
import {temporaryFolder} from '../temporary-folder.js';

test('a seed is no override of many runs', t => {
  const error = t.throws(() => manyRunsOptions({set: ['seed=5']}), {instanceOf: UsageError});
  t.regex(error.message, /--set seed=5: .*--seeds/);
});

test('a value that is given twice is refused, however it is written', t => {
  t.throws(() => parseVariation('biasInit=optimal,optimal'), {instanceOf: UsageError, message: /same value/});
  t.throws(() => parseVariation('biasInit=prior,prior:0.01'), {
    message: '--vary biasInit=prior,prior:0.01: prior and prior:0.01 are the same value',
  });
});

test('what --set and --data change is told in one line', t => {
  t.is(describeChanges({}), undefined);
  t.is(
    describeChanges({set: ['schedule.baseLr=0.05'], data: 'voc:DIR'}),
    'schedule.baseLr=0.05; data voc:DIR',
  );
});

test('a failed job is told by its own error line, and by the signal that ended it', async t => {
  const folder = await temporaryFolder(t);
  const errors: string[] = [];
  const run = async (name: string, script: string) => {
    const command = join(folder, name);
    await writeFile(command, script);
    await runJobs([{id: name, args: []}], {
      command,
      concurrency: 1,
      onFinished: async ({lastError}) => {
        errors.push(lastError);
        return [];
      },
    });
  };
  await run(
    'a.cjs',
    "process.stderr.write('sf: no data\\nwarning: a\\nb\\nc\\nd\\n'); process.exitCode = 1;",
  );
  await run('b.cjs', "process.stderr.write('working\\n', () => process.kill(process.pid, 'SIGKILL'));");
  t.deepEqual(errors, ['no data', 'ended by SIGKILL; working']);
});
