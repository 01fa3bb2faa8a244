/** The Python that has torchvision, and its side of the comparison. */
import {execFile} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import type {Program} from './side.js';
import type {Introduction} from './worker.js';

/** Beside the TypeScript: the folder src is part of the package for its sake. */
const SCRIPT = fileURLToPath(new URL('../../../src/bench/against_torchvision.py', import.meta.url));

/** Where a Python is looked for: the one of PATH first, then the system's, which a version manager hides. */
const CANDIDATES = ['python3', '/usr/bin/python3', 'python'];

const PROBE = 'import importlib.util as u; print(all(map(u.find_spec, ["torch", "torchvision"])))';
const PROBE_MS = 20_000;

export type FoundPython =
  | {readonly kind: 'found'; readonly python: string}
  /** Why not, in one line. */
  | {readonly kind: 'absent'; readonly why: string};

/** The first Python with torchvision, or `asked` if that has it. SF_PYTHON comes before those of PATH. */
export async function findPython(
  asked: string | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<FoundPython> {
  const preferred = environment.SF_PYTHON ? [environment.SF_PYTHON] : [];
  const candidates = asked === undefined ? [...preferred, ...CANDIDATES] : [asked];
  const reasons: string[] = [];
  for (const python of candidates) {
    const reason = await whyNot(python);
    if (reason === undefined) return {kind: 'found', python};
    reasons.push(`${python} ${reason}`);
  }
  return {kind: 'absent', why: reasons.join(', ')};
}

async function whyNot(python: string): Promise<string | undefined> {
  try {
    const {stdout} = await promisify(execFile)(python, ['-c', PROBE], {timeout: PROBE_MS});
    return stdout.trim() === 'True' ? undefined : 'has no torchvision';
  } catch {
    return 'cannot be run';
  }
}

/** torchvision with the device, threads and precision of sf's side. */
export function torchvisionProgram(
  python: string,
  {device, threads, precision, deterministic}: Introduction,
): Program {
  return {
    name: 'torchvision',
    command: python,
    args: [
      ...[SCRIPT, '--device', device, '--threads', String(threads), '--precision', precision],
      ...(deterministic ? ['--deterministic'] : []),
    ],
  };
}
