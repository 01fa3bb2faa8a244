/** A run's config from files and flags: `extends`, overrides, strict validation, and where each value came from. */
import {createHash} from 'node:crypto';
import {dirname, join, resolve} from 'node:path';
import {z} from 'zod';
import {UsageError} from '../errors.js';
import {explain} from './explain.js';
import {type RunConfig, runSchema} from './run.js';
import {overlay, SAMPLE_SIZES, type SampleSizes, sampleSizesSchema, scaleSamples} from './sample-sizes.js';
import {type ConfigFile, findConfig, findPreset} from './shipped.js';
import {suggestion} from './suggest.js';
import {type MapTree, merge, originAt, partAt, plain, putAt, replace, type Tree, treeOf} from './tree.js';
import {parseYaml, readConfigText} from './yaml.js';

/** A value that a flag of its own or a row of a table gave, such as `{flag: '--seed', key: 'seed', value: 3}`. */
export type ExplicitValue = {readonly flag: string; readonly key: string; readonly value: unknown};

export type LoadOptions = {
  /** Scales the run: a file of configs/presets over the config; `paper` leaves the config as it is. */
  readonly preset?: string | undefined;
  /** Values of a table's row: they replace those of the files, whole, and the preset scales them like those. */
  readonly row?: readonly ExplicitValue[];
  /** Values of a table's row at this preset: they replace those of the preset. */
  readonly rowAtPreset?: readonly ExplicitValue[];
  /** `--set` values, `a.b=c`, in order. */
  readonly overrides: readonly string[];
  /** Values of other flags; they replace what files and `overrides` say, whole. */
  readonly explicit?: readonly ExplicitValue[];
};

export type LoadedRunConfig = {
  readonly config: RunConfig;
  /** Dotted key of every leaf (lists are leaves) to the file and line or the flag that set it. */
  readonly provenance: ReadonlyMap<string, string>;
  /** What files and flags say of the sizes of sampled mini-batches; `config` holds what came of it. */
  readonly sampleSizes: SampleSizes;
};

/** A run's config as it is written: with keys that act on others, and are no part of the result. */
const writtenSchema = z.strictObject({[SAMPLE_SIZES]: sampleSizesSchema.optional(), ...runSchema.shape});

/** What provenance says of a value that the schema filled in. */
export const SCHEMA_DEFAULT = 'default';

function asMap(tree: Tree, shown: string): MapTree {
  if (tree.kind !== 'map') throw new UsageError(`${shown}: a config is a map of keys, not a ${tree.kind}`);
  return tree;
}

/** Paths in an `extends`: one file, or several, each over the ones before it. */
function parentsOf(extending: Tree): readonly {readonly path: string; readonly origin: string}[] {
  if (extending.kind === 'list') return extending.items.flatMap(parentsOf);
  if (extending.kind === 'scalar' && typeof extending.value === 'string') {
    return [{path: extending.value, origin: extending.origin}];
  }
  throw new UsageError(`${extending.origin}: extends takes the path of a file or a list of paths`);
}

/** The file's tree over those of the files it extends, and so on. `chain` holds the files that led here. */
async function readWithParents(
  {path, shown}: ConfigFile,
  chain: readonly string[] = [],
  namedBy = '',
): Promise<MapTree> {
  const absolute = resolve(path);
  if (chain.includes(absolute)) throw new UsageError(`${shown} extends itself${namedBy}`);
  const own = asMap(parseYaml(await readConfigText(path, shown, namedBy), shown, true), shown);
  const {extends: extending, ...entries} = Object.fromEntries(own.entries);
  const tree: MapTree = {...own, entries: new Map(Object.entries(entries))};
  let base: Tree | undefined;
  for (const parent of extending === undefined ? [] : parentsOf(extending)) {
    const file = {path: resolve(dirname(path), parent.path), shown: join(dirname(shown), parent.path)};
    const held = await readWithParents(file, [...chain, absolute], ` (extends, ${parent.origin})`);
    base = base === undefined ? held : overlay(base, held);
  }
  return base === undefined ? tree : asMap(overlay(base, tree), shown);
}

/**
 * One `--set` value as the path and the tree that it sets.
 * @throws UsageError when it is not of the form a.b=c.
 */
export function parseOverride(text: string): {readonly path: readonly string[]; readonly value: Tree} {
  const flag = `--set ${text.replaceAll(/\s+/g, ' ')}`;
  const equals = text.indexOf('=');
  const path = text
    .slice(0, Math.max(0, equals))
    .split('.')
    .map(part => part.trim());
  if (equals < 1 || path.some(part => part === '')) {
    throw new UsageError(`${flag}: expected KEY=VALUE, such as schedule.baseLr=0.02`);
  }
  const value = text.slice(equals + 1);
  if (value.trim() === '')
    throw new UsageError(`${flag}: there is no value after the = (null switches a part off)`);
  if (path.includes('__proto__')) throw new UsageError(`${flag}: __proto__ is no key of a config`);
  return {path, value: parseYaml(value, flag, false)};
}

/** A config that holds one value, at a path. */
function layerOf(path: readonly string[], value: Tree): Tree {
  return putAt(treeOf({}, value.origin), path, value, merge);
}

/** Whether a `--set` value sets a key of the config, a part of it, or more that it is a part of. */
export function setsKey(text: string, key: string): boolean {
  const {path, value} = parseOverride(text);
  return partAt(layerOf(path, value), key.split('.')) !== undefined;
}

/** `model.kind` of a config that has yet to be checked: what is no kind has no preset either. */
function detectorOf(tree: Tree): string {
  const model = tree.kind === 'map' ? tree.entries.get('model') : undefined;
  const kind = model?.kind === 'map' ? model.entries.get('kind') : undefined;
  return kind?.kind === 'scalar' ? String(kind.value) : 'this model';
}

/** A preset's tree. It scales a run and never touches what is compared, the stages: for their n it has sampleSizes. */
async function readPreset(name: string, detector: string): Promise<Tree> {
  const file = await findPreset(name, detector);
  if (file === undefined) return treeOf({}, '--preset');
  const tree = await readWithParents(file);
  const model = tree.entries.get('model');
  if (model?.kind === 'map' && model.entries.has('stages')) {
    throw new UsageError(
      `${originAt(model, ['stages'])}: a preset may not set model.stages; sizes of samples go to ${SAMPLE_SIZES}`,
    );
  }
  return tree;
}

/** Origins of the leaves of the validated `value`, which may hold defaults that `tree` lacks. */
function* origins(value: unknown, tree: Tree | undefined, path: string): Generator<[string, string]> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [key, part] of Object.entries(value)) {
      const inner = tree?.kind === 'map' ? tree.entries.get(key) : undefined;
      yield* origins(part, inner, path === '' ? key : `${path}.${key}`);
    }
    return;
  }
  const parts =
    tree?.kind === 'list' ? tree.items.map(item => item.origin).filter(at => at !== tree.origin) : [];
  yield [path, [...new Set([tree?.origin ?? SCHEMA_DEFAULT, ...parts])].join(', ')];
}

/**
 * The config that `source` names, with its parents, overrides and flags applied, checked against the schema.
 * @param source path of a YAML or JSON file, or name of a shipped config such as `mini/retinanet`.
 * @throws UsageError for a file that is missing or not YAML, an unknown key or a value out of place.
 */
export async function loadRunConfig(source: string, options: LoadOptions): Promise<LoadedRunConfig> {
  return resolveRunConfig(await readWithParents(await findConfig(source)), options);
}

/**
 * A config that is at hand as plain values (a checkpoint's), with overrides and flags applied and checked as above.
 * @param origin what provenance and errors call the values that nothing overrides.
 */
export function reviseRunConfig(
  config: unknown,
  origin: string,
  options: LoadOptions,
): Promise<LoadedRunConfig> {
  return resolveRunConfig(treeOf(config, origin), options);
}

async function resolveRunConfig(base: Tree, options: LoadOptions): Promise<LoadedRunConfig> {
  let tree = replaceValues(base, options.row);
  if (options.preset !== undefined) tree = overlay(tree, await readPreset(options.preset, detectorOf(tree)));
  tree = replaceValues(tree, options.rowAtPreset);
  for (const override of options.overrides) {
    const {path: key, value} = parseOverride(override);
    tree = putAt(scaleSamples(tree, layerOf(key, value)), key, value, merge);
  }
  tree = replaceValues(tree, options.explicit);
  const value = plain(tree);
  const parsed = writtenSchema.safeParse(value);
  if (!parsed.success) throw explain(parsed.error.issues, writtenSchema, value, tree);
  const {sampleSizes = {}, ...config} = parsed.data;
  requireStages(Object.keys(sampleSizes), config.model, tree);
  return {config, provenance: new Map(origins(config, tree, '')), sampleSizes};
}

function replaceValues(tree: Tree, values: readonly ExplicitValue[] = []): Tree {
  return values.reduce(
    (held, {flag, key, value}) => putAt(held, key.split('.'), treeOf(value, flag), replace),
    tree,
  );
}

/** @throws UsageError for the size of a stage that the model does not have. */
function requireStages(named: readonly string[], {kind, stages}: RunConfig['model'], tree: Tree): void {
  const unknown = named.find(stage => !Object.hasOwn(stages, stage));
  if (unknown === undefined) return;
  throw new UsageError(
    `unknown key ${SAMPLE_SIZES}.${unknown} in ${originAt(tree, [SAMPLE_SIZES, unknown])}: ${kind} has no such stage` +
      suggestion(unknown, Object.keys(stages)),
  );
}

/** The same JSON for equal configs, whatever the order of their keys. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, part]) => part !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, part]) => `${JSON.stringify(key)}:${canonical(part)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

/** SHA-256 of a config's values, in hex: equal for equal configs, however they were written. */
export function configHash(config: RunConfig): string {
  return createHash('sha256').update(canonical(config)).digest('hex');
}

/**
 * A config that a run has recorded, perhaps by an earlier version of sf: keys that came later have their defaults, which do what was
 * done before. Undefined for one that is no config any more.
 */
export function recordedConfig(recorded: unknown): RunConfig | undefined {
  return runSchema.safeParse(recorded).data;
}
