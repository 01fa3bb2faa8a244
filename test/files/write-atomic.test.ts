import {mkdir, readFile, symlink, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test from 'ava';
import {RunError} from '../../src/errors.js';
import {makeFolder, writeFileAtomic} from '../../src/files/write-atomic.js';
import {temporaryFolder} from '../temporary-folder.js';

test('Folders on the way to a file are made, and the topmost new one is named', async t => {
  const root = await temporaryFolder(t);
  t.is(await makeFolder(join(root, 'a', 'b', 'c')), join(root, 'a'));
  t.is(await makeFolder(join(root, 'a', 'b', 'c')), undefined);
  t.is(await makeFolder(join(root, 'a', 'd')), join(root, 'a', 'd'));
  await writeFileAtomic(join(root, 'e', 'f', 'text'), 'written');
  t.is(await readFile(join(root, 'e', 'f', 'text'), 'utf8'), 'written');
});

test('A file, and a link that leads nowhere, are no folders', async t => {
  const root = await temporaryFolder(t);
  await writeFile(join(root, 'file'), '');
  await symlink(join(root, 'nowhere'), join(root, 'link'));
  await t.throwsAsync(makeFolder(join(root, 'file')), {code: 'EEXIST'});
  await t.throwsAsync(makeFolder(join(root, 'file', 'a', 'b')), {code: 'ENOTDIR'});
  await t.throwsAsync(makeFolder(join(root, 'link', 'a')));
});

const onProc = process.platform === 'linux' ? test : test.skip;

// Node's own mkdir with {recursive: true} never returns there.
onProc('A file system that takes no folders is one line', async t => {
  await t.throwsAsync(writeFileAtomic('/proc/sf-test/a/b.json', ''), {
    instanceOf: RunError,
    message: 'cannot write /proc/sf-test/a/b.json: its folder cannot be made there; choose another folder',
  });
});

test('A folder is no file to write', async t => {
  const root = await temporaryFolder(t);
  await mkdir(join(root, 'folder'));
  for (const path of [root, join(root, 'folder'), '.']) {
    await t.throwsAsync(writeFileAtomic(path, ''), {
      instanceOf: RunError,
      message: `cannot write ${path}: it is a folder; name a file`,
    });
  }
});
