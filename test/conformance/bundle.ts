/** Bundles suite.js with tfjs-core's specs, so that the whole process has one copy of tfjs. */
import {mkdtemp, readFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';
import {build, type Plugin} from 'esbuild';

/** Our modules find their files (kernels.wasm) beside themselves, not beside the bundle. */
const ownUrls: Plugin = {
  name: 'own-urls',
  setup({onLoad}) {
    onLoad({filter: /[\\/]dist[\\/]src[\\/].*\.js$/}, async ({path}) => {
      const code = await readFile(path, 'utf8');
      const url = JSON.stringify(pathToFileURL(path).href);
      return {contents: code.replaceAll('import.meta.url', url), loader: 'js'};
    });
  },
};

/** Writes the bundle into a new temporary folder and returns its path; the folder is the caller's to remove. */
export async function bundleSuite(): Promise<{readonly folder: string; readonly file: string}> {
  const folder = await mkdtemp(join(tmpdir(), 'sf-conformance-'));
  const file = join(folder, 'suite.cjs');
  await build({
    entryPoints: [fileURLToPath(new URL('suite.js', import.meta.url))],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    mainFields: ['module', 'main'],
    // tfjs-core's package.json calls its specs free of side effects: bundled so, they would be empty.
    ignoreAnnotations: true,
    plugins: [ownUrls],
    logLevel: 'error',
  });
  return {folder, file};
}
