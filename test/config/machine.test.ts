import {existsSync} from 'node:fs';
import {mkdir, mkdtemp, realpath, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {loadMachine} from '../../src/config/machine.js';
import {UsageError} from '../../src/errors.js';

async function folder(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<string> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'sf-machine-')));
  t.teardown(() => rm(root, {recursive: true}));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(root, name, '..'), {recursive: true});
    await writeFile(join(root, name), text);
  }
  return root;
}

test('without settings the defaults hold, and the cache is where XDG says', async t => {
  const root = await folder(t, {});
  const {machine, provenance} = await loadMachine({}, root, {XDG_CACHE_HOME: '/somewhere'});
  t.is(machine.engine, 'auto');
  t.is(machine.cache, '/somewhere/sf');
  t.is(machine.dataRoot, root);
  t.is(machine.resultsDir, join(root, 'results'));
  t.is(provenance.get('engine'), 'default');
});

test('flags win over the environment, the environment over the file, the file over defaults', async t => {
  const root = await folder(t, {
    '.sfrc.yaml': 'engine: cpu\ncache: c\nresultsDir: r\n',
    'work/here.txt': '',
  });
  const environment = {SF_ENGINE: 'wasm', SF_RESULTS: 'from-environment'};
  const {machine, provenance} = await loadMachine({engine: 'tensorflow'}, join(root, 'work'), environment);
  t.is(machine.engine, 'tensorflow');
  t.is(machine.resultsDir, join(root, 'work/from-environment')); // relative to where sf runs
  t.is(machine.cache, join(root, 'c')); // relative to the file that says so
  t.is(provenance.get('resultsDir'), 'SF_RESULTS');
  t.is(provenance.get('cache'), join(root, '.sfrc.yaml'));
});

for (const [name, text] of [
  ['.sfrc', 'engine: cpu'],
  ['.sfrc.json', '{"engine": "cpu"}'],
  ['.sfrc.yml', 'engine: cpu'],
  ['sf.config.yaml', 'engine: cpu'],
  ['sf.config.json', '{"engine": "cpu"}'],
  ['package.json', '{"name": "x", "sf": {"engine": "cpu"}}'],
] as const) {
  test(`settings are found in ${name}`, async t => {
    const {machine} = await loadMachine({}, await folder(t, {[name]: text}), {});
    t.is(machine.engine, 'cpu');
  });
}

const wrong: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  ['.sfrc.yaml', 'engin: cpu', /^unknown key engin in .*\.sfrc\.yaml; did you mean engine\?$/],
  ['.sfrc.yaml', 'engine: wsam', /^engine is "wsam" in .*; expected one of auto, .*; did you mean wasm\?$/],
  ['.sfrc.yaml', 'engine: [', /\.sfrc\.yaml:1: /],
  ['.sfrc.json', '{"engine": }', /\.sfrc\.json is not JSON: /],
  ['.sfrc.yaml', 'schedule: {baseLr: 1}', /^unknown key schedule in .*; valid: dataRoot/],
  ['.sfrc.yaml', 'just text', /expected a map$/],
  ['package.json', '{"sf": {"$import": "other.json"}}', /\$import has no place/],
  ['.sfrc.yaml', '$import: evil.js', /\$import has no place/],
];

for (const [name, text, message] of wrong) {
  test(`refused in one line: ${text} in ${name}`, async t => {
    const root = await folder(t, {[name]: text});
    await t.throwsAsync(loadMachine({}, root, {}), {instanceOf: UsageError, message});
  });
}

test('a variable with a wrong value is named', async t => {
  const root = await folder(t, {});
  await t.throwsAsync(loadMachine({}, root, {SF_ENGINE: 'cud'}), {
    instanceOf: UsageError,
    message: /^engine is "cud" in SF_ENGINE; expected one of auto/,
  });
});

// cosmiconfig's own entry runs .config/config.js of the working folder, whatever search places it is given.
test.serial('no code of the working folder runs', async t => {
  const mark = (name: string) => `require('node:fs').writeFileSync(${JSON.stringify(name)}, '')`;
  const root = await folder(t, {});
  const ran = join(root, 'ran');
  await mkdir(join(root, '.config'));
  for (const name of ['.config/config.js', '.config/config.cjs', 'sf.config.js', '.sfrc.js', '.sfrc.cjs']) {
    await writeFile(join(root, name), mark(ran));
  }
  const before = process.cwd();
  process.chdir(root);
  t.teardown(() => process.chdir(before));
  t.is((await loadMachine()).machine.dataRoot, root);
  t.false(existsSync(ran));
});
