/** Folders that vanish with their test. */
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {ExecutionContext} from 'ava';

export async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sf-test-'));
  t.teardown(() => rm(path, {recursive: true, force: true}));
  return path;
}
