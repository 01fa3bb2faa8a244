// Builds the addon of the torch engine (src/engine/torch/native) into dist/native: plain compiler calls, as many at a
// time as there are cores, only what changed. Looks for libtorch in SF_LIBTORCH (a folder with include and lib), in the
// torch package of a Python, and where Debian's libtorch-dev puts it.
//
//   node scripts/build-torch.mjs             builds or fails
//   node scripts/build-torch.mjs --optional  says in one line what is missing and succeeds: sf then computes on wasm
//   node scripts/build-torch.mjs --digest    prints the digest of the sources: scripts/build.mjs keeps it in dist/src, the
//                                            addon has its own compiled in, and sf loads one of equal digest only
import {execFile, execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {availableParallelism} from 'node:os';
import {basename, dirname, extname, join, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const SOURCES = join(root, 'src/engine/torch/native');
const OUTPUT = join(root, 'dist/native');
const OBJECTS = join(OUTPUT, 'objects');
const HOW_TO_GET =
  'install one (Debian: apt-get install libtorch-dev g++; or pip install torch; or set SF_LIBTORCH to an unpacked libtorch), then npm run build:torch';

/** What is missing on this machine, in one line. */
class Missing extends Error {}

/** First line that a program prints, or undefined where it cannot be run. */
function output(program, args) {
  try {
    return execFileSync(program, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 120_000,
    }).trim();
  } catch {
    return undefined;
  }
}

/** A libtorch in folders, or undefined where its headers or libraries are not there. */
function libtorchIn(origin, includeRoot, libraryFolder, oldAbi) {
  const includes = [includeRoot, join(includeRoot, 'torch/csrc/api/include')];
  const versionFile = join(includes[1], 'torch/version.h');
  if (!existsSync(versionFile) || !existsSync(join(libraryFolder, 'libtorch_cpu.so'))) return undefined;
  const header = readFileSync(versionFile, 'utf8');
  const part = name => new RegExp(`define TORCH_VERSION_${name} (\\d+)`).exec(header)?.[1] ?? '0';
  const version = ['MAJOR', 'MINOR', 'PATCH'].map(part).join('.');
  const cuda = existsSync(join(libraryFolder, 'libtorch_cuda.so'));
  return {origin, includes, libraryFolder, version, cuda, oldAbi};
}

/** In the order of preference; one for CUDA is taken before one without. */
function findLibtorch() {
  const asked = process.env.SF_LIBTORCH;
  if (asked !== undefined && asked !== '') {
    const folder = resolve(asked);
    const found = libtorchIn('SF_LIBTORCH', join(folder, 'include'), join(folder, 'lib'));
    if (found === undefined)
      throw new Missing(
        `SF_LIBTORCH=${asked} holds no libtorch (include/torch/csrc/api/include/torch/version.h and lib/libtorch_cpu.so)`,
      );
    return found;
  }
  const candidates = [];
  for (const python of [process.env.SF_PYTHON, 'python3', '/usr/bin/python3']) {
    if (python === undefined || python === '') continue;
    const facts = output(python, [
      '-c',
      'import os, torch; print(os.path.dirname(torch.__file__)); print(int(torch._C._GLIBCXX_USE_CXX11_ABI))',
    ]);
    if (facts === undefined) continue;
    const [folder, newAbi] = facts.split('\n');
    candidates.push(
      libtorchIn(`the torch of ${python}`, join(folder, 'include'), join(folder, 'lib'), newAbi === '0'),
    );
  }
  const multiarch =
    output('gcc', ['-print-multiarch']) || `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  candidates.push(libtorchIn('libtorch-dev', '/usr/include', join('/usr/lib', multiarch)));
  candidates.push(libtorchIn('/usr/local', '/usr/local/include', '/usr/local/lib'));
  const found = candidates.filter(candidate => candidate !== undefined);
  const best = found.find(({cuda}) => cuda) ?? found[0];
  if (best === undefined) throw new Missing(`no libtorch with headers found; ${HOW_TO_GET}`);
  return best;
}

function findCompiler() {
  for (const compiler of [process.env.CXX, 'g++', 'clang++'].filter(Boolean)) {
    const [program, ...first] = compiler.split(' ');
    const version = output(program, [...first, '-dumpfullversion', '-dumpversion']);
    if (version !== undefined) return {program, first, version};
  }
  throw new Missing(`no C++17 compiler found (g++ or clang++); ${HOW_TO_GET}`);
}

/** nvcc and its toolkit, or undefined. */
function findCuda(libtorch) {
  if (!libtorch.cuda) return undefined;
  const toolkit = [process.env.CUDA_HOME, process.env.CUDA_PATH, '/usr/local/cuda'].find(
    folder => folder !== undefined && existsSync(join(folder, 'bin/nvcc')),
  );
  const nvcc = toolkit === undefined ? output('sh', ['-c', 'command -v nvcc']) : join(toolkit, 'bin/nvcc');
  if (!nvcc) {
    console.error('sf: libtorch has CUDA but nvcc was not found (set CUDA_HOME); building for the CPU only');
    return undefined;
  }
  const folder = toolkit ?? dirname(dirname(nvcc));
  const capability = output('nvidia-smi', ['--query-gpu=compute_cap', '--format=csv,noheader'])?.split(
    '\n',
  )[0];
  const architectures = process.env.SF_CUDA_ARCH?.split(',') ?? [capability?.replace('.', '') || '90'];
  return {nvcc, folder, architectures};
}

function plan(libtorch, compiler, cuda) {
  const newest =
    Number(libtorch.version.split('.')[0]) > 2 ||
    (libtorch.version.startsWith('2.') && Number(libtorch.version.split('.')[1]) >= 9);
  const standard = newest ? '-std=c++20' : '-std=c++17';
  const addonApi = dirname(require.resolve('node-addon-api/package.json'));
  const nodeHeaders = join(dirname(require.resolve('node-api-headers/package.json')), 'include');
  const systemIncludes = [...libtorch.includes, addonApi, nodeHeaders].filter(
    folder => folder !== '/usr/include',
  );
  const common = [
    ...[standard, '-O3', '-fPIC', '-g0', '-fvisibility=hidden', '-Wall', '-Wextra'],
    // As libtorch itself: without them a loop with a comparison in it is not made into vectors. No value changes.
    ...['-fno-math-errno', '-fno-trapping-math'],
    ...[
      '-DNAPI_VERSION=9',
      '-DNODE_ADDON_API_CPP_EXCEPTIONS',
      '-DNODE_ADDON_API_REQUIRE_BASIC_FINALIZERS',
      '-fopenmp',
    ],
    ...(libtorch.oldAbi ? ['-D_GLIBCXX_USE_CXX11_ABI=0'] : []),
    ...(cuda === undefined ? [] : ['-DSF_CUDA', '-isystem', join(cuda.folder, 'include')]),
    ...(process.env.SF_SANITIZE === undefined
      ? []
      : ['-fno-omit-frame-pointer', '-g', `-fsanitize=${process.env.SF_SANITIZE}`]),
    ...systemIncludes.flatMap(folder => ['-isystem', folder]),
  ];
  const units = readdirSync(SOURCES)
    .filter(file => extname(file) === '.cc' || (cuda !== undefined && extname(file) === '.cu'))
    .sort()
    .map(file => {
      const source = join(SOURCES, file);
      const object = join(OBJECTS, `${file}.o`);
      const command =
        extname(file) === '.cc'
          ? [
              ...[compiler.program, ...compiler.first, ...common],
              ...(file === 'sources.cc' ? [`-DSF_SOURCES="${sourcesDigest()}"`] : []),
            ]
          : [
              ...[cuda.nvcc, standard, '-O3', '-Xcompiler', '-fPIC', '-DSF_CUDA'],
              ...cuda.architectures.map(
                architecture => `-gencode=arch=compute_${architecture},code=sm_${architecture}`,
              ),
            ];
      return {source, object, command: [...command, '-c', source, '-o', object]};
    });
  const link = [
    ...[compiler.program, ...compiler.first, '-shared', '-fopenmp', '-Wl,-z,now', '-Wl,-z,nodelete'],
    ...(process.env.SF_SANITIZE === undefined ? [] : [`-fsanitize=${process.env.SF_SANITIZE}`]),
  ];
  const libraries = [
    ...['-L', libtorch.libraryFolder, `-Wl,-rpath,${libtorch.libraryFolder}`],
    // Nothing refers to libtorch_cuda by name; without it its kernels would not be registered.
    ...(cuda === undefined
      ? []
      : [
          '-L',
          join(cuda.folder, 'lib64'),
          '-Wl,--no-as-needed',
          '-ltorch_cuda',
          '-lc10_cuda',
          '-lcudart',
          '-Wl,--as-needed',
        ]),
    ...['-ltorch', '-ltorch_cpu', '-lc10'],
  ];
  return {units, link, libraries};
}

/** Changes when any source or header of the addon does. */
function sourcesDigest() {
  const hash = createHash('sha256');
  for (const file of readdirSync(SOURCES).sort()) {
    if (!['.cc', '.cu', '.h'].includes(extname(file))) continue;
    const bytes = readFileSync(join(SOURCES, file));
    hash.update(`${file} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest('hex');
}

/** A source and the headers beside it that it includes, directly or not. */
function filesOf(source, files = new Set()) {
  if (files.has(source) || !existsSync(source)) return files;
  files.add(source);
  for (const [, header] of readFileSync(source, 'utf8').matchAll(/^\s*#include "([^"]+)"/gm))
    filesOf(join(dirname(source), header), files);
  return files;
}

/** Changes when the source, a header of the addon that it includes or the command does. */
function fingerprint({source, command}) {
  const hash = createHash('sha256').update(JSON.stringify(command));
  for (const file of filesOf(source)) hash.update(readFileSync(file));
  return hash.digest('hex');
}

function compile({command, source}) {
  const [program, ...args] = command;
  return new Promise((done, fail) => {
    execFile(program, args, {maxBuffer: 2 ** 26}, (error, _stdout, stderr) => {
      if (stderr !== '') process.stderr.write(stderr);
      if (error === null) done();
      else fail(new Error(`${basename(source)} does not compile (${program} exit code ${error.code})`));
    });
  });
}

async function build() {
  const libtorch = findLibtorch();
  const compiler = findCompiler();
  const cuda = findCuda(libtorch);
  const {units, link, libraries} = plan(libtorch, compiler, cuda);
  mkdirSync(OBJECTS, {recursive: true});
  const stale = units.filter(unit => {
    const stamp = `${unit.object}.sha256`;
    return (
      !existsSync(unit.object) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== fingerprint(unit)
    );
  });
  const addon = join(OUTPUT, 'sf-torch.node');
  const record = {
    torchVersion: libtorch.version,
    library: libtorch.libraryFolder,
    origin: libtorch.origin,
    cuda: cuda !== undefined,
    compiler: `${compiler.program} ${compiler.version}`,
  };
  const linkCommand = [...link, ...units.map(({object}) => object), ...libraries];
  const linkStamp = createHash('sha256').update(JSON.stringify(linkCommand)).digest('hex');
  const stampPath = join(OBJECTS, 'link.sha256');
  const linked = existsSync(addon) && existsSync(stampPath) && readFileSync(stampPath, 'utf8') === linkStamp;
  if (stale.length === 0 && linked) return;

  const started = performance.now();
  const queue = [...stale];
  const workers = Array.from(
    {length: Number(process.env.SF_BUILD_JOBS ?? availableParallelism())},
    async () => {
      for (let unit = queue.shift(); unit !== undefined; unit = queue.shift()) {
        // Before: a file that changes meanwhile is compiled again.
        const stamp = fingerprint(unit);
        await compile(unit);
        writeFileSync(`${unit.object}.sha256`, stamp);
      }
    },
  );
  await Promise.all(workers);
  const [program, ...args] = linkCommand;
  const unfinished = `${addon}.${process.pid}.tmp`;
  try {
    execFileSync(program, [...args, '-o', unfinished], {stdio: ['ignore', 'inherit', 'inherit']});
    renameSync(unfinished, addon);
  } finally {
    rmSync(unfinished, {force: true});
  }
  writeFileSync(join(OUTPUT, 'sf-torch.json'), `${JSON.stringify(record, undefined, 2)}\n`);
  writeFileSync(stampPath, linkStamp);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.error(
    `sf: torch engine built for libtorch ${libtorch.version} (${libtorch.origin}${cuda === undefined ? ', CPU' : ', CUDA'}) in ${seconds} s`,
  );
}

const optional = process.argv.includes('--optional');
try {
  if (process.argv.includes('--digest')) console.log(sourcesDigest());
  else await build();
} catch (error) {
  if (optional && error instanceof Missing) {
    console.error(`sf: no torch engine, sf computes on wasm: ${error.message}`);
  } else {
    console.error(`sf: the torch engine cannot be built: ${error.message}`);
    // An engine that does not compile must not keep sf from being installed.
    process.exitCode = optional ? 0 : 1;
  }
}
