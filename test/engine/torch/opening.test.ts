/** How the torch engine is built, loaded and opened where something is missing: one line each, never a crash. */
import {execFile} from 'node:child_process';
import {cp, mkdir, rm, symlink, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {
  DEFAULT_ENGINE_OPTIONS,
  type EngineName,
  type EngineOptions,
} from '../../../src/config/engine-choice.js';
import {openEngine} from '../../../src/engine/open.js';
import {buildRecord, loadFailure} from '../../../src/engine/torch/addon.js';
import {RunError, UsageError} from '../../../src/errors.js';
import {temporaryFolder} from '../../temporary-folder.js';

const BUILD = fileURLToPath(new URL('../../../../scripts/build-torch.mjs', import.meta.url));
const built = buildRecord() === undefined ? test.skip : test;

/** Runs the build script; it never gets as far as compiling here. */
function build(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<{code: unknown; stderr: string}> {
  return new Promise(done => {
    execFile(
      process.execPath,
      [BUILD, ...args],
      {env: {...process.env, ...environment}},
      (error, _, stderr) => {
        done({code: error === null ? 0 : error.code, stderr});
      },
    );
  });
}

test('a folder without libtorch is told in one line: a failure when asked to build, a notice when installing', async t => {
  const folder = await temporaryFolder(t);
  const line = /SF_LIBTORCH=\S+ holds no libtorch \(include\/.+ and lib\/libtorch_cpu\.so\)\n$/;
  const asked = await build([], {SF_LIBTORCH: folder});
  t.is(asked.code, 1);
  t.regex(asked.stderr, line);
  const installing = await build(['--optional'], {SF_LIBTORCH: folder});
  t.is(installing.code, 0);
  t.regex(installing.stderr, /^sf: no torch engine, sf computes on wasm: /);
  t.is(installing.stderr.trimEnd().split('\n').length, 1);
});

test('without a compiler the line says how to get one', async t => {
  const folder = await temporaryFolder(t);
  const version = join(folder, 'include/torch/csrc/api/include/torch');
  await mkdir(version, {recursive: true});
  await mkdir(join(folder, 'lib'));
  await writeFile(
    join(version, 'version.h'),
    '#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 11\n',
  );
  await writeFile(join(folder, 'lib/libtorch_cpu.so'), '');
  const {code, stderr} = await build(['--optional'], {SF_LIBTORCH: folder, PATH: folder, CXX: ''});
  t.is(code, 0);
  t.regex(
    stderr,
    /^sf: no torch engine, sf computes on wasm: no C\+\+17 compiler found .*apt-get install libtorch-dev g\+\+.*\n$/,
  );
});

const record = {torchVersion: '1.13.0', library: '/opt/libtorch/lib', cuda: false};
const failures: readonly (readonly [message: string, line: RegExp])[] = [
  [
    'libtorch_cpu.so.1.13: cannot open shared object file: No such file or directory',
    /^libtorch_cpu\.so\.1\.13 of libtorch 1\.13\.0 \(\/opt\/libtorch\/lib\) is missing; npm run build:torch/,
  ],
  [
    '/x/sf-torch.node: undefined symbol: _ZN2at4_ops10add_Tensor4callE\nmore',
    /^its addon was built for libtorch 1\.13\.0, which \/opt\/libtorch\/lib no longer is; run npm run build:torch$/,
  ],
  ['invalid ELF header', /^invalid ELF header; npm run build:torch builds it again$/],
];
for (const [message, line] of failures) {
  test(`an addon that does not load: ${message.split(':').at(-1)?.trim().split('\n')[0]}`, t => {
    t.regex(loadFailure(new Error(message), record), line);
  });
}

built('an addon that was not built from the sources beside this build is refused in one line', async t => {
  // A build of the same sources in another place, with this build's addon.
  const folder = await temporaryFolder(t);
  const root = fileURLToPath(new URL('../../../../', import.meta.url));
  const expected = 'dist/src/engine/torch/addon-sources.json';
  for (const file of ['package.json', 'dist/src/errors.js', 'dist/src/engine/torch/addon.js', expected])
    await cp(join(root, file), join(folder, file));
  await symlink(join(root, 'dist/native'), join(folder, 'dist/native'));
  const load = () =>
    new Promise<string>(done => {
      const script = `import {loadAddon} from './dist/src/engine/torch/addon.js';
        try { loadAddon(); console.log('loaded'); } catch (error) { console.log(error.message); }`;
      const command = ['--input-type=module', '--eval', script];
      execFile(process.execPath, command, {cwd: folder}, (_, stdout) => done(stdout.trimEnd()));
    });
  t.is(await load(), 'loaded');

  const refusal =
    /^engine torch: its addon \S+sf-torch\.node was not built from the sources of this sf; run npm run build && npm run build:torch$/;
  await writeFile(join(folder, expected), JSON.stringify({sha256: 'of others'}));
  t.regex(await load(), refusal);
  await rm(join(folder, expected));
  t.regex(await load(), refusal);
});

const refused: readonly (readonly [EngineName, Partial<EngineOptions>, RegExp])[] = [
  [
    'wasm',
    {device: 'cuda'},
    /^engine wasm: --device cuda cannot be followed, it computes on the CPU; engine torch can$/,
  ],
  ['wasm', {precision: 'bf16'}, /^engine wasm: --precision bf16 cannot be followed, it computes in fp32;/],
  ['cpu', {threads: 4}, /^engine cpu: --threads 4 cannot be followed, it computes in one thread;/],
  ['tensorflow', {deterministic: true}, /^engine tensorflow: --deterministic cannot be followed,/],
];
for (const [engine, options, line] of refused) {
  test(`an engine that cannot follow an option says so: ${engine} ${JSON.stringify(options)}`, async t => {
    await t.throwsAsync(openEngine(engine, {...DEFAULT_ENGINE_OPTIONS, ...options}), {
      instanceOf: UsageError,
      message: line,
    });
  });
}

built('a GPU that is not there is one line', async t => {
  await t.throwsAsync(openEngine('torch', {...DEFAULT_ENGINE_OPTIONS, device: 'cuda:99'}), {
    instanceOf: RunError,
    message: /^engine torch: (no GPU for --device cuda:99: .+|there is no cuda:99; the GPUs are .+)$/,
  });
});

built('options are part of what a record calls the engine', async t => {
  const options = {...DEFAULT_ENGINE_OPTIONS, device: 'cpu', threads: 1, deterministic: true} as const;
  const {label, detail} = await openEngine('torch', options);
  t.is(label, 'torch deterministic');
  t.regex(detail, /^libtorch \S+, CPU, 1 thread, fp32, deterministic$/);
});
