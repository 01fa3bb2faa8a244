import {chmod, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test from 'ava';
import {describeEnvironment} from '../../src/engine/environment.js';
import {temporaryFolder} from '../temporary-folder.js';

test('the environment names versions, engines, processor and memory, and survives JSON', async t => {
  const environment = await describeEnvironment();
  t.deepEqual(JSON.parse(JSON.stringify(environment)), environment);
  const {versions, auto, engines, cpu, memory} = environment;
  t.is(versions.tfjs, '4.22.0');
  t.is(versions.node, process.versions.node);
  t.true(
    Object.values(versions).every(version => /^\d+\.\d+/.test(version)),
    JSON.stringify(versions),
  );
  t.is(engines.length, 4);
  t.true(engines.some(({name, available}) => name === auto.name && available));
  t.true(cpu.cores >= 1 && cpu.model !== '');
  t.true(memory.totalBytes > memory.freeBytes);
});

test('GPUs are what nvidia-smi lists', async t => {
  const program = join(await temporaryFolder(t), 'nvidia-smi');
  await writeFile(
    program,
    '#!/bin/sh\necho "NVIDIA A100, 550.54, 40960 MiB"\necho "NVIDIA T4, 550.54, 15360 MiB"\n',
  );
  await chmod(program, 0o755);
  const {gpus, noGpu} = await describeEnvironment(program);
  t.deepEqual(gpus, ['NVIDIA A100, 550.54, 40960 MiB', 'NVIDIA T4, 550.54, 15360 MiB']);
  t.is(noGpu, null);
});

test('without nvidia-smi, or when it fails, there is none and the reason', async t => {
  const folder = await temporaryFolder(t);
  const missing = await describeEnvironment(join(folder, 'nvidia-smi'));
  t.deepEqual([missing.gpus, missing.noGpu], [[], 'none: nvidia-smi is not installed']);
  const program = join(folder, 'broken');
  await writeFile(program, '#!/bin/sh\nexit 9\n');
  await chmod(program, 0o755);
  t.is((await describeEnvironment(program)).noGpu, 'none: nvidia-smi failed');
});
