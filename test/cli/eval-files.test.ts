import {execFile} from 'node:child_process';
import {mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';

const folder = await mkdtemp(join(tmpdir(), 'sf-eval-files-'));
test.after.always(() => rm(folder, {recursive: true}));

const fixture = (name: string) =>
  new URL(`../../../test/fixtures/coco-by-hand/${name}`, import.meta.url).pathname;

/** Calls evaluateFiles in a process of its own, with the options as JSON. */
function evaluateFiles(options: object): Promise<{stdout: string; stderr: string}> {
  const module = new URL('../../src/cli/eval-files.js', import.meta.url).href;
  const script = `import {evaluateFiles} from ${JSON.stringify(module)};
    process.exitCode = await evaluateFiles(${JSON.stringify({iouType: 'bbox', ...options})});`;
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['--input-type=module', '--eval', script], (error, stdout, stderr) => {
      if (error === null) resolve({stdout, stderr});
      else reject(error);
    });
  });
}

const files = {annotations: fixture('annotations.json'), results: fixture('results.json')};

test('A results file is evaluated to a table', async t => {
  const {stdout, stderr} = await evaluateFiles(files);
  t.regex(stdout, /^AP {5}0\.50:0\.95 {2}all {9}100 {2}0\.738$/m); // (481 / 1010 + 1) / 2
  t.regex(stdout, /^cup /m);
  t.is(stderr, '');
});

test('With --json - standard output is JSON and nothing else', async t => {
  const results = join(folder, 'stray.json');
  await writeFile(results, JSON.stringify([{image_id: 1, category_id: 77, bbox: [0, 0, 1, 1], score: 1}]));
  const {stdout, stderr} = await evaluateFiles({...files, results, json: '-'});
  t.is(JSON.parse(stdout).stats.AP, 0);
  t.regex(
    stderr,
    /^warning: 1 detection \(result 0, category 77\) of a category that the annotations do not list/,
  );
});

test('With --json FILE the figures are written and the table is printed', async t => {
  const json = join(folder, 'figures.json');
  const {stdout} = await evaluateFiles({...files, json});
  t.regex(stdout, /^AP50 /m);
  t.is(JSON.parse(await readFile(json, 'utf8')).perCategory.length, 2);
  t.false((await readdir(folder)).some(name => name.endsWith('.tmp')));
});
