/** The shape of the source: imports point one way, files are short, exports are named. */
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {dirname, join, relative, resolve, sep} from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';

/** From the top down: a layer imports itself and the layers below it. */
const LAYERS = [
  ['bin'],
  ['src/cli'],
  ['experiments', 'src/bench'],
  ['src/train', 'src/evaluate', 'src/report'],
  ['src/detectors', 'src/data', 'src/weights'],
  ['src/heads', 'src/backbones', 'src/layers', 'src/losses', 'src/samplers', 'src/sampling-free'],
  ['src/boxes', 'src/masks'],
  ['src/engine'],
] as const;

/** What anyone may import; they import nothing but each other. */
const COMMON = ['src/config', 'src/errors.ts', 'src/files', 'src/random'] as const;

const MAX_LINES = 350;

/** The repository: this file runs from dist/test. */
const root = fileURLToPath(new URL('../../', import.meta.url));

/** WebAssembly kernels are AssemblyScript: another language, another compiler, no imports from here. */
const isSource = (path: string): boolean =>
  path.endsWith('.ts') && !path.endsWith('.d.ts') && !path.startsWith('src/engine/wasm/kernels/');

const sources = ['bin', 'src', 'experiments']
  .filter(folder => existsSync(join(root, folder)))
  .flatMap(folder =>
    readdirSync(join(root, folder), {recursive: true, encoding: 'utf8'}).map(path => join(folder, path)),
  )
  .map(path => path.split(sep).join('/'))
  .filter(isSource)
  .sort();

const text = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Relative modules that a file imports or re-exports, types included, as paths from the repository. */
function importsOf(path: string, code: string): readonly string[] {
  const specifiers = code.matchAll(
    /^\s*(?:import|export)\b[^;'"]*?\bfrom\s*['"](\.[^'"]+)['"]|^\s*import\s*['"](\.[^'"]+)['"]|\bimport\(\s*['"](\.[^'"]+)['"]/gm,
  );
  return [...specifiers].map(([, from, effect, dynamic]) => {
    const specifier = from ?? effect ?? dynamic ?? '';
    const target = relative(root, resolve(root, dirname(path), specifier))
      .split(sep)
      .join('/');
    return target.replace(/\.js$/, '.ts');
  });
}

const isIn = (path: string, place: string): boolean => path === place || path.startsWith(`${place}/`);

/** Rank of a file's layer, 0 at the top; common files are below all. */
function rankOf(path: string): number {
  if (COMMON.some(place => isIn(path, place))) return LAYERS.length;
  const rank = LAYERS.findIndex(layer => layer.some(place => isIn(path, place)));
  if (rank === -1) throw new Error(`${path} is in no layer: add its folder to LAYERS`);
  return rank;
}

/** Imports of `path` that point upward, as 'file imports file'. */
function upwardImports(path: string, code: string): readonly string[] {
  return importsOf(path, code)
    .filter(target => rankOf(target) < rankOf(path))
    .map(target => `${path} imports ${target}`);
}

test('imports point from the command down to the engine, types included', t => {
  t.true(sources.length > 10);
  t.deepEqual(
    sources.flatMap(path => upwardImports(path, text(path))),
    [],
  );
});

test('an import upward is found however it is written', t => {
  const path = 'src/boxes/nms.ts';
  const upward = [
    `import {a} from '../heads/retina.js';`,
    `import type {A} from '../detectors/detector.js';`,
    `import {\n  a,\n  type B,\n} from '../train/loop.js';`,
    `export {a} from '../data/coco.js';`,
    `import '../cli/program.js';`,
    `const a = await import('../evaluate/detect.js');`,
  ];
  for (const code of upward) t.is(upwardImports(path, code).length, 1, code);
  const allowed = [
    `import {a} from './iou.js';`,
    `import {a} from '../engine/open.js';`,
    `import {a} from '../errors.js';`,
  ];
  for (const code of allowed) t.deepEqual(upwardImports(path, code), [], code);
});

test('every import names a file that exists', t => {
  const missing = sources.flatMap(path =>
    importsOf(path, text(path))
      .filter(
        target =>
          !existsSync(join(root, target)) && !existsSync(join(root, target.replace(/\.ts$/, '.d.ts'))),
      )
      .map(target => `${path} imports ${target}`),
  );
  t.deepEqual(missing, []);
});

test(`no source file is longer than ${MAX_LINES} lines`, t => {
  const long = sources
    .map(path => ({path, lines: text(path).split('\n').length - 1}))
    .filter(({lines}) => lines > MAX_LINES);
  t.deepEqual(long, []);
});

test('exports are named, and no file only re-exports', t => {
  const offenders = sources.filter(path => {
    const code = text(path);
    return /^export default\b/m.test(code) || /^export \* from\b/m.test(code);
  });
  t.deepEqual(offenders, []);
});
