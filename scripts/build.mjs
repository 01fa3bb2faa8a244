// Builds dist/: TypeScript by tsc, the digest of the torch engine's native sources, and the WebAssembly kernels of
// src/engine/wasm/kernels by asc.
import {execFileSync} from 'node:child_process';
import {chmodSync, existsSync, mkdirSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const run = (packageName, script, args) =>
  execFileSync(
    process.execPath,
    [join(dirname(require.resolve(`${packageName}/package.json`)), script), ...args],
    {
      cwd: root,
      stdio: 'inherit',
    },
  );

run('typescript', 'bin/tsc', ['-p', 'tsconfig.json']);
// npx runs the package's own command as a program, and keeps its link to it when the folder is cloned anew.
chmodSync(join(root, 'dist/bin/sf.js'), 0o755);
// What this build's calls of the torch engine's addon were written for.
const digest = execFileSync(process.execPath, [join(root, 'scripts/build-torch.mjs'), '--digest'], {
  encoding: 'utf8',
});
writeFileSync(
  join(root, 'dist/src/engine/torch/addon-sources.json'),
  JSON.stringify({sha256: digest.trim()}),
);
const kernels = join(root, 'src/engine/wasm/kernels/index.ts');
if (existsSync(kernels)) {
  mkdirSync(join(root, 'dist/src/engine/wasm'), {recursive: true});
  run('assemblyscript', 'bin/asc.js', [
    'src/engine/wasm/kernels/index.ts',
    ...['--outFile', 'dist/src/engine/wasm/kernels.wasm'],
    ...['-O3', '--runtime', 'stub', '--importMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
    ...['--enable', 'simd', '--noAssert', '--use', 'abort='],
  ]);
}
