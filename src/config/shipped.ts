/** The configs that come with sf, and how a name or path given on the command line finds its file. */
import {readdir, readFile, stat} from 'node:fs/promises';
import {join, sep} from 'node:path';
import {fileURLToPath} from 'node:url';
import {UsageError} from '../errors.js';
import {didYouMean, suggestion} from './suggest.js';

/** The package's root, from dist/src/config. */
const root = fileURLToPath(new URL('../../../', import.meta.url));
const shippedFolder = join(root, 'configs');

function shipped(name: string): ConfigFile {
  return {path: join(shippedFolder, `${name}.yaml`), shown: `configs/${name}.yaml`};
}

export type ShippedConfig = {
  /** What `sf train` takes: `mini/retinanet`. */
  readonly name: string;
  readonly path: string;
  /** First line of the file's header. */
  readonly title: string;
};

/** A config file, and how messages and provenance name it (the same on every machine for shipped ones). */
export type ConfigFile = {readonly path: string; readonly shown: string};

const PRESETS = 'presets/';
const PAPER_PRESET = 'paper';

function isPreset(name: string): boolean {
  return name.startsWith(PRESETS);
}

async function shippedNames(): Promise<readonly string[]> {
  const files = await readdir(shippedFolder, {recursive: true});
  return files
    .filter(file => file.endsWith('.yaml'))
    .map(file => file.slice(0, -'.yaml'.length).split(sep).join('/'))
    .sort();
}

/** Names that `--preset` takes: the paper's own schedule, and the files of configs/presets. */
export async function presetNames(): Promise<readonly string[]> {
  const names = (await shippedNames()).filter(isPreset).map(name => name.slice(PRESETS.length));
  return [PAPER_PRESET, ...names.filter(name => !name.includes('/'))];
}

/** The complete configs, which `sf train` takes by name. */
export async function listShippedConfigs(): Promise<readonly ShippedConfig[]> {
  const names = (await shippedNames()).filter(name => !isPreset(name));
  return Promise.all(
    names.map(async name => {
      const {path} = shipped(name);
      const [first = ''] = (await readFile(path, 'utf8')).split('\n', 1);
      return {name, path, title: first.replace(/^#\s*/, '')};
    }),
  );
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}

/**
 * The file that `source` means: a path, or the name of a shipped config with or without `configs/` and `.yaml`.
 * @throws UsageError with the nearest shipped name when it is neither.
 */
export async function findConfig(source: string): Promise<ConfigFile> {
  if (await isFile(source)) return {path: source, shown: source};
  const name = source.replace(/^configs\//, '').replace(/\.yaml$/, '');
  const names = (await shippedNames()).filter(name => !isPreset(name));
  if (names.includes(name)) return shipped(name);
  const hint = didYouMean(name, names) || '; `sf config` lists the shipped ones';
  throw new UsageError(`there is no config ${source}, neither as a file nor among the shipped ones${hint}`);
}

/** The detector that the presets themselves scale; others have a file of theirs in a folder of the preset's name. */
const PRESET_DETECTOR = 'retinanet';

/**
 * File of a preset for a kind of detector; undefined for `paper`, which changes nothing.
 * @throws UsageError with the nearest name when there is no such preset, or none for that detector.
 */
export async function findPreset(name: string, detector: string): Promise<ConfigFile | undefined> {
  if (name === PAPER_PRESET) return undefined;
  const names = await presetNames();
  if (!names.includes(name)) throw new UsageError(`there is no preset ${name}${suggestion(name, names)}`);
  if (detector === PRESET_DETECTOR) return shipped(PRESETS + name);
  const own = `${PRESETS}${name}/${detector}`;
  if (!(await shippedNames()).includes(own)) {
    throw new UsageError(
      `preset ${name} has no scale for ${detector}; choose ${PAPER_PRESET} or set its values`,
    );
  }
  return shipped(own);
}
