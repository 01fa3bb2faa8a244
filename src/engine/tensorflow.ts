/**
 * The `tensorflow` engine: `@tensorflow/tfjs-node-gpu`, an optional dependency that computes on libtensorflow, on the GPU
 * where CUDA 11.2 and cuDNN 8.1 are found.
 *
 * Its binary is downloaded by its install script, so the package can be there without it. It loads from CommonJS, which
 * is why failures come as exceptions of `require`; each is told in one line.
 */
import {execFile} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import util, {promisify} from 'node:util';
import * as tf from '@tensorflow/tfjs';
import {RunError} from '../errors.js';
import type {EngineDriver, EngineReport, OpenedBackend} from './engine.js';
import {processMemory} from './memory.js';

const PACKAGE = '@tensorflow/tfjs-node-gpu';
const NAME = 'tensorflow';
/** Loading libtensorflow takes seconds; a hanging driver must not keep `sf env` for ever. */
const PROBE_MS = 60_000;
const INSTALL = `npm install ${PACKAGE}`;

/** `require` of the place that the package is looked up from. */
type Require = NodeJS.Require;

/** Where the package and its binary lie, or in one line why they do not. */
type Installation =
  | {readonly kind: 'installed'; readonly version: string}
  | {readonly kind: 'absent'; readonly why: string};

/** Looks for the package and for the binary that its install script downloads; loads neither. */
export function findInstallation(require: Require): Installation {
  let manifestPath: string;
  try {
    manifestPath = require.resolve(`${PACKAGE}/package.json`);
  } catch {
    return {kind: 'absent', why: `${PACKAGE} is not installed (${INSTALL})`};
  }
  const manifest: {readonly version: string; readonly binary?: {readonly napi_versions?: readonly number[]}} =
    JSON.parse(readFileSync(manifestPath, 'utf8'));
  const versions = manifest.binary?.napi_versions ?? [];
  const binaries = versions.map(napi =>
    join(dirname(manifestPath), 'lib', `napi-v${napi}`, 'tfjs_binding.node'),
  );
  return binaries.some(path => existsSync(path))
    ? {kind: 'installed', version: manifest.version}
    : {
        kind: 'absent',
        why: `${PACKAGE} ${manifest.version} is installed without its binary (npm rebuild ${PACKAGE} downloads it)`,
      };
}

/** What a failed load of the package means, in one line. */
export function loadFailure(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const firstLine = message.split('\n', 1)[0] ?? '';
  const library =
    /(lib[\w.+-]+|[\w.+-]+\.(?:dll|dylib))[^\n]*(?:cannot open shared object file|image not found)/i.exec(
      message,
    )?.[1];
  if (library !== undefined)
    return /^lib(cu|nv|tensorrt)/i.test(library)
      ? `${library} is missing: CUDA 11.2 and cuDNN 8.1 are needed`
      : `the library ${library} is missing (npm rebuild ${PACKAGE} downloads libtensorflow)`;
  if (/tfjs_binding\.node/.test(message) && /can not be found|Cannot find module/.test(message))
    return `its binary is missing (npm rebuild ${PACKAGE} downloads it)`;
  if (/GLIBC(XX)?_[\d.]+' not found|invalid ELF header|NODE_MODULE_VERSION/.test(message))
    return `its binary does not fit this machine: ${firstLine}`;
  const missing = /Cannot find module '([^']+)'/.exec(message)?.[1];
  if (missing !== undefined) return `its dependency ${missing} is missing (${INSTALL})`;
  return firstLine;
}

/** Node 23 removed what the package calls; its fix was never released (tensorflow/tfjs#8425). */
export function restoreRemovedUtilities(utilities: object): void {
  if ('isNullOrUndefined' in utilities) return;
  Object.assign(utilities, {isNullOrUndefined: (value: unknown) => value === null || value === undefined});
}

type Loaded = {readonly version: string; readonly detail: string; readonly onGpu: boolean};

/** Loads the package as seen from the file `from`, which makes its backend known to tfjs. @throws RunError in one line. */
export function loadPackage(from: string): Loaded {
  const require = createRequire(from);
  const found = findInstallation(require);
  if (found.kind === 'absent') throw new RunError(`engine ${NAME}: ${found.why}`);
  restoreRemovedUtilities(util);
  // libtensorflow reports every CUDA library that it looks for; 2 leaves its errors.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  try {
    require(PACKAGE);
  } catch (error) {
    throw new RunError(`engine ${NAME}: ${loadFailure(error)}`);
  }
  const backend: object | null = tf.findBackend(NAME);
  if (backend === null)
    throw new RunError(`engine ${NAME}: ${PACKAGE} brought a second copy of tfjs; run npm ci`);
  const onGpu = 'isUsingGpuDevice' in backend && backend.isUsingGpuDevice === true;
  return {
    version: found.version,
    detail: onGpu
      ? 'libtensorflow on the GPU'
      : 'libtensorflow on the CPU: no GPU, or CUDA 11.2 with cuDNN 8.1 is missing',
    onGpu,
  };
}

/** Loads the package in a process of its own: loading has side effects, and a broken library can end the process. */
async function probe(from: string): Promise<EngineReport> {
  const found = findInstallation(createRequire(from));
  if (found.kind === 'absent') return {name: NAME, available: false, detail: found.why};
  const program = `import(${JSON.stringify(import.meta.url)}).then(
    ({loadPackage}) => console.log(JSON.stringify({detail: loadPackage(${JSON.stringify(from)}).detail})),
  ).catch(error => console.log(JSON.stringify({failure: error.message})))`;
  try {
    const {stdout} = await promisify(execFile)(process.execPath, ['-e', program], {timeout: PROBE_MS});
    const answer: {readonly detail?: string; readonly failure?: string} = JSON.parse(lastLine(stdout));
    return answer.detail === undefined
      ? {
          name: NAME,
          available: false,
          detail: (answer.failure ?? 'no answer').replace(`engine ${NAME}: `, ''),
        }
      : {name: NAME, available: true, detail: `tfjs-node-gpu ${found.version}, ${answer.detail}`};
  } catch (error) {
    const ended = error instanceof Error && 'signal' in error ? ` (signal ${String(error.signal)})` : '';
    return {name: NAME, available: false, detail: `loading ${PACKAGE} ended the process${ended}`};
  }
}

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? '';

async function open(from: string): Promise<OpenedBackend> {
  const loaded = loadPackage(from);
  if (!(await tf.setBackend(NAME))) throw new RunError(`engine ${NAME}: tfjs could not start its backend`);
  return {...loaded, memory: processMemory};
}

/** The driver of the package as seen from the file `from`. */
export const tensorflowDriverFrom = (from: string): EngineDriver => ({
  name: NAME,
  probe: () => probe(from),
  open: () => open(from),
});

export const tensorflowDriver = tensorflowDriverFrom(import.meta.url);
