import {spawn, spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {mkdir, readdir, writeFile} from 'node:fs/promises';
import {hostname} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {RunError, UsageError} from '../../src/errors.js';
import {lockRunFolder} from '../../src/train/run-lock.js';
import {temporaryFolder} from '../temporary-folder.js';

const lockOf = (pid: number, host = hostname()): string => JSON.stringify({pid, host});

test('a lock lasts until it is released, and an empty folder that was made for it goes with it', async t => {
  const runDir = join(await temporaryFolder(t), 'run');
  const lock = await lockRunFolder(runDir);
  t.true(existsSync(join(runDir, 'run.lock')));
  await lock.release();
  t.false(existsSync(runDir));

  const used = await lockRunFolder(runDir);
  await writeFile(join(runDir, 'config.yaml'), '');
  await used.release();
  t.true(existsSync(join(runDir, 'config.yaml')));
  t.false(existsSync(join(runDir, 'run.lock')));
});

test('folders that were made for a lock go with it as far up as they are empty', async t => {
  const folder = await temporaryFolder(t);
  const runDir = join(folder, 'runs', 'today', 'run');
  await (await lockRunFolder(runDir)).release();
  t.deepEqual(await readdir(folder), []);

  const lock = await lockRunFolder(runDir);
  await writeFile(join(folder, 'runs', 'notes'), '');
  await lock.release();
  t.deepEqual(await readdir(join(folder, 'runs')), ['notes']);

  // It was there before, and stays.
  await mkdir(runDir, {recursive: true});
  await (await lockRunFolder(runDir)).release();
  t.deepEqual(await readdir(runDir), []);
});

test('a folder that a running process works in is refused with its number', async t => {
  const runDir = await temporaryFolder(t);
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  t.teardown(() => other.kill());
  await writeFile(join(runDir, 'run.lock'), lockOf(other.pid!));
  await t.throwsAsync(lockRunFolder(runDir), {
    instanceOf: UsageError,
    message: new RegExp(`^process ${other.pid} on .* is training in `),
  });
  await writeFile(join(runDir, 'run.lock'), lockOf(1, 'another-machine'));
  await t.throwsAsync(lockRunFolder(runDir), {message: /process 1 on another-machine is training/});
  await writeFile(join(runDir, 'run.lock'), '');
  await t.throwsAsync(lockRunFolder(runDir), {message: /another process is training .* remove .*run\.lock/});
});

test('the lock of a process that is gone is taken over', async t => {
  const runDir = await temporaryFolder(t);
  await writeFile(join(runDir, 'run.lock'), lockOf(spawnSync(process.execPath, ['-e', '']).pid));
  await (await lockRunFolder(runDir)).release();
  t.false(existsSync(join(runDir, 'run.lock')));
});

test('a folder that cannot be made is one line', async t => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'file'), '');
  for (const runDir of [join(folder, 'file'), join(folder, 'file', 'run'), join(folder, 'x'.repeat(300))]) {
    await t.throwsAsync(lockRunFolder(runDir), {instanceOf: RunError, message: /^cannot write /}, runDir);
  }
});
