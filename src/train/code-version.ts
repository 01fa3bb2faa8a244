/** Which code made a number: `git describe` of a checkout, else the package's version. */
import {execFile} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';

const PACKAGE_NAME = 'sampling-free';

/** For example `91dfbd4-dirty`, or `v0.1.0` where the package is installed and not a checkout. */
export async function codeVersion(): Promise<string> {
  const {root, version} = findPackage(dirname(fileURLToPath(import.meta.url)));
  // A package inside node_modules must not report the commit of the project around it.
  if (existsSync(join(root, '.git'))) {
    const described = await promisify(execFile)('git', ['describe', '--always', '--dirty', '--tags'], {
      cwd: root,
      timeout: 10_000,
    }).catch(() => undefined);
    if (described !== undefined) return described.stdout.trim();
  }
  return `v${version}`;
}

function findPackage(from: string): {root: string; version: string} {
  for (let root = from; ; root = dirname(root)) {
    const manifest = join(root, 'package.json');
    if (existsSync(manifest)) {
      const {name, version} = JSON.parse(readFileSync(manifest, 'utf8')) as {name: string; version: string};
      if (name === PACKAGE_NAME) return {root, version};
    }
    if (root === dirname(root)) throw new Error(`no package.json of ${PACKAGE_NAME} above ${from}`);
  }
}
