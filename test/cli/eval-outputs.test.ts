// Outputs of sf eval that cannot be written, through the built command.
import {readdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test from 'ava';
import {temporaryFolder} from '../temporary-folder.js';
import {runSf} from './run-sf.js';

const fixture = (name: string) =>
  new URL(`../../../test/fixtures/coco-by-hand/${name}`, import.meta.url).pathname;
const byHand = [
  'eval',
  ...['--annotations', fixture('annotations.json')],
  ...['--results', fixture('results.json')],
] as const;

const onProc = process.platform === 'linux' ? test : test.skip;

onProc(
  'Where an output cannot be written, the figures are shown all the same, and one line says why',
  async t => {
    for (const [flag, path] of [
      ['--analyze', '/proc/sf-test'],
      ['--json', '/proc/sf-test/figures.json'],
      ['--json', '.'],
    ] as const) {
      const {code, stdout, stderr} = await runSf({cwd: await temporaryFolder(t)}, ...byHand, flag, path);
      t.is(code, 1, flag);
      t.regex(stdout, /AP50/, flag);
      t.is(stderr.split('cannot write').length, 2, stderr);
      t.is(stderr.trim().split('\n').length, 1, stderr);
    }
  },
);

onProc('A zip that cannot be written is one line', async t => {
  const submit = ['--submit', '/proc/sf-test', '--submit-name', 'by-hand'] as const;
  const {code, stderr} = await runSf({cwd: await temporaryFolder(t)}, ...byHand, ...submit);
  t.is(code, 1);
  t.regex(stderr, /^sf: cannot write \/proc\/sf-test\/\S+\.zip: its folder cannot be made there; [^\n]*\n$/);
});

test('Control characters in names never reach a terminal, a table or a chart', async t => {
  const folder = await temporaryFolder(t);
  const truth = JSON.parse(await readFile(fixture('annotations.json'), 'utf8'));
  truth.categories[0].name = 'cat\u001b[31m\u0007\u009b<&>';
  truth.categories.push({id: 1000, name: 'empty\u001b[0m'});
  await writeFile(join(folder, 'gt.json'), JSON.stringify(truth));
  const files = ['--annotations', 'gt.json', '--results', fixture('results.json')] as const;
  const {code, stdout, stderr} = await runSf({cwd: folder}, 'eval', ...files, '--analyze', 'analysis');
  t.is(code, 0, stderr);
  t.true(stdout.includes('cat\\u001b[31m\\u0007\\u009b<&>'), stdout);
  t.true(stderr.includes('(empty\\u001b[0m)'), stderr);
  const written = await readdir(join(folder, 'analysis'));
  const texts = await Promise.all(written.map(name => readFile(join(folder, 'analysis', name), 'utf8')));
  for (const text of [stdout, stderr, ...texts]) t.notRegex(text, /[^\P{Cc}\t\r\n]/u);
  t.true(texts.some(text => text.includes('>cat\\u001b[31m\\u0007\\u009b&lt;&amp;&gt;</text>')));
});
