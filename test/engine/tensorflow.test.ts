import {mkdir, writeFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import test, {type ExecutionContext} from 'ava';
import {DEFAULT_ENGINE_OPTIONS} from '../../src/config/engine-choice.js';
import {
  findInstallation,
  loadFailure,
  restoreRemovedUtilities,
  tensorflowDriverFrom,
} from '../../src/engine/tensorflow.js';
import {RunError} from '../../src/errors.js';
import {temporaryFolder} from '../temporary-folder.js';

/** A project with a fake tfjs-node-gpu whose main module is `code`; the path is a file to resolve it from. */
async function projectWith(t: ExecutionContext, code: string, {binary = true} = {}): Promise<string> {
  const folder = await temporaryFolder(t);
  const root = join(folder, 'node_modules/@tensorflow/tfjs-node-gpu');
  await mkdir(join(root, 'lib/napi-v8'), {recursive: true});
  const manifest = {name: '@tensorflow/tfjs-node-gpu', version: '4.22.0', binary: {napi_versions: [3, 8]}};
  await writeFile(join(root, 'package.json'), JSON.stringify({...manifest, main: 'index.js'}));
  await writeFile(join(root, 'index.js'), code);
  if (binary) await writeFile(join(root, 'lib/napi-v8/tfjs_binding.node'), '');
  return join(folder, 'from.js');
}

/** What the real package does when it is loaded, on tfjs's JavaScript backend. */
const workingPackage = (onGpu: boolean): string => `
  const tf = require(${JSON.stringify(createRequire(import.meta.url).resolve('@tensorflow/tfjs'))});
  const cpu = tf.findBackendFactory('cpu');
  tf.registerBackend('tensorflow', () => Object.assign(cpu(), {isUsingGpuDevice: ${onGpu}}), 3);
  tf.setBackend('tensorflow');
`;

const noLibrary = (name: string): string =>
  `throw new Error('${name}: cannot open shared object file: No such file or directory')`;

test('without the package, the reason says that it is not installed and how to get it', async t => {
  const from = join(await temporaryFolder(t), 'from.js');
  const {available, detail} = await tensorflowDriverFrom(from).probe();
  t.false(available);
  t.is(detail, '@tensorflow/tfjs-node-gpu is not installed (npm install @tensorflow/tfjs-node-gpu)');
  await t.throwsAsync(tensorflowDriverFrom(from).open(DEFAULT_ENGINE_OPTIONS), {
    instanceOf: RunError,
    message: `engine tensorflow: ${detail}`,
  });
});

test('a package whose install script failed has no binary, and is not loaded', async t => {
  const from = await projectWith(t, `throw new Error('loaded')`, {binary: false});
  t.deepEqual(findInstallation(createRequire(from)), {
    kind: 'absent',
    why: '@tensorflow/tfjs-node-gpu 4.22.0 is installed without its binary (npm rebuild @tensorflow/tfjs-node-gpu downloads it)',
  });
});

test('a missing library is told by its name: libtensorflow, CUDA', async t => {
  const cases = [
    ['libtensorflow.so.2', /^the library libtensorflow.so.2 is missing/],
    ['libcudart.so.11.0', /^libcudart.so.11.0 is missing: CUDA 11.2 and cuDNN 8.1 are needed$/],
  ] as const;
  for (const [library, expected] of cases) {
    const from = await projectWith(t, noLibrary(library));
    const {available, detail} = await tensorflowDriverFrom(from).probe();
    t.false(available);
    t.regex(detail, expected);
  }
});

test('every failure of loading is one line', t => {
  const failures = [
    `The Node.js native addon module (tfjs_binding.node) can not be found at path: /x/tfjs_binding.node. \nPlease run`,
    `/lib/libm.so.6: version \`GLIBC_2.38' not found (required by /x/tfjs_binding.node)`,
    `Cannot find module '@mapbox/node-pre-gyp'\nRequire stack:\n- /x/index.js`,
    'something else\nwith more lines',
  ].map(message => loadFailure(new Error(message)));
  t.deepEqual(failures, [
    'its binary is missing (npm rebuild @tensorflow/tfjs-node-gpu downloads it)',
    "its binary does not fit this machine: /lib/libm.so.6: version `GLIBC_2.38' not found (required by /x/tfjs_binding.node)",
    'its dependency @mapbox/node-pre-gyp is missing (npm install @tensorflow/tfjs-node-gpu)',
    'something else',
  ]);
});

test('a package that ends its process is reported, not followed', async t => {
  const from = await projectWith(t, 'process.abort()');
  const {available, detail} = await tensorflowDriverFrom(from).probe();
  t.false(available);
  t.is(detail, 'loading @tensorflow/tfjs-node-gpu ended the process (signal SIGABRT)');
});

test('probing a working package tells whether it has found the GPU, and leaves this process alone', async t => {
  const before = tf.getBackend();
  for (const onGpu of [true, false]) {
    const from = await projectWith(t, workingPackage(onGpu));
    const {available, detail} = await tensorflowDriverFrom(from).probe();
    t.true(available);
    t.regex(detail, onGpu ? /on the GPU$/ : /on the CPU: no GPU, or CUDA 11.2 with cuDNN 8.1 is missing$/);
  }
  t.is(tf.getBackend(), before);
});

test.serial('opening a working package makes its backend the current one', async t => {
  t.teardown(() => tf.removeBackend('tensorflow'));
  const from = await projectWith(t, workingPackage(true));
  const {version, detail} = await tensorflowDriverFrom(from).open(DEFAULT_ENGINE_OPTIONS);
  t.is(tf.getBackend(), 'tensorflow');
  t.is(version, '4.22.0');
  t.is(detail, 'libtensorflow on the GPU');
});

test('util.isNullOrUndefined, removed in Node 23, is put back and left alone where it exists', t => {
  const node23: {isNullOrUndefined?: (value: unknown) => boolean} = {};
  restoreRemovedUtilities(node23);
  t.deepEqual(
    [null, undefined, 0, ''].map(value => node23.isNullOrUndefined?.(value)),
    [true, true, false, false],
  );
  const own = (): boolean => false;
  const node20 = {isNullOrUndefined: own};
  restoreRemovedUtilities(node20);
  t.is(node20.isNullOrUndefined, own);
});
