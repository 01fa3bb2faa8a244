/**
 * Facts of the machine, never of an experiment: where data and results lie, which engine computes. Found by cosmiconfig
 * in `.sfrc`, `sf.config.yaml` or package.json from the working folder up to the home folder, then in ~/.config/sf.
 */
import {createRequire} from 'node:module';
import {homedir} from 'node:os';
import {dirname, join, resolve} from 'node:path';
import type {CosmiconfigResult, Options, PublicExplorer} from 'cosmiconfig';
import {z} from 'zod';
import {UsageError} from '../errors.js';
import {
  DEFAULT_ENGINE_OPTIONS,
  type Device,
  ENGINE_CHOICES,
  type EngineOptions,
  isDevice,
  PRECISIONS,
} from './engine-choice.js';
import {explain} from './explain.js';
import {plain, treeOf} from './tree.js';
import {parseYaml} from './yaml.js';

const machineSchema = z.strictObject({
  /** Relative data paths start here. */
  dataRoot: z.string().min(1),
  /** Generated and decoded data that can be made again. */
  cache: z.string().min(1),
  engine: z.enum(ENGINE_CHOICES),
  /** How the engine computes: see EngineOptions. */
  device: z.custom<Device>(
    value => typeof value === 'string' && isDevice(value),
    'expected auto, cpu, cuda or cuda:n',
  ),
  precision: z.enum(PRECISIONS),
  threads: z.int().min(1).nullable(),
  deterministic: z.boolean(),
  /** Runs and tables are written below this folder. */
  resultsDir: z.string().min(1),
});

export type MachineConfig = Readonly<z.infer<typeof machineSchema>>;
type MachineKey = keyof MachineConfig;

export type LoadedMachine = {
  /** Paths are absolute. */
  readonly machine: MachineConfig;
  /** Key to the file, variable or flag that set it, or `default`. */
  readonly provenance: ReadonlyMap<MachineKey, string>;
};

/** A value not yet checked, with its origin and the folder that a relative path starts at. */
type Fact = {readonly value: unknown; readonly origin: string; readonly folder: string};
type Facts = Readonly<Partial<Record<MachineKey, Fact>>>;

const VARIABLES = {
  SF_CACHE: 'cache',
  SF_DEVICE: 'device',
  SF_ENGINE: 'engine',
  SF_RESULTS: 'resultsDir',
} as const;
const PATHS: readonly MachineKey[] = ['dataRoot', 'cache', 'resultsDir'];

/** cosmiconfig would merge in the files that `$import` names; settings are one file. */
function withoutImport(path: string, value: unknown): unknown {
  const part = typeof value === 'object' && value !== null && 'sf' in value ? value.sf : value;
  if (typeof part === 'object' && part !== null && '$import' in part) {
    throw new UsageError(`${path}: $import has no place in machine settings`);
  }
  return value;
}

function readYaml(path: string, text: string): unknown {
  return withoutImport(path, plain(parseYaml(text, path, true)));
}

function readJson(path: string, text: string): unknown {
  try {
    return withoutImport(path, JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(`${path} is not JSON: ${error.message}`);
  }
}

/**
 * cosmiconfig's search without its front door: `cosmiconfig()` first runs `.config/config.js` of the working folder, if
 * there is one, and no option turns that off. Settings here are data; no folder that sf is started in may run code.
 */
function settingsExplorer(): PublicExplorer {
  type Internal = Options & {
    readonly moduleName: string;
    readonly metaConfigFilePath: null;
    readonly applyPackagePropertyPathToConfiguration: boolean;
  };
  const internals: {readonly Explorer: new (options: Internal) => PublicExplorer} = createRequire(
    import.meta.url,
  )('cosmiconfig/dist/Explorer.js');
  return new internals.Explorer({
    moduleName: 'sf',
    searchPlaces: [
      ...['package.json', '.sfrc', '.sfrc.json', '.sfrc.yaml', '.sfrc.yml'],
      ...['sf.config.json', 'sf.config.yaml', 'sf.config.yml'],
    ],
    loaders: {'.json': readJson, '.yaml': readYaml, '.yml': readYaml, noExt: readYaml},
    stopDir: homedir(),
    searchStrategy: 'global',
    ignoreEmptySearchPlaces: true,
    transform: result => result,
    cache: false,
    mergeImportArrays: false,
    mergeSearchPlaces: false,
    metaConfigFilePath: null,
    applyPackagePropertyPathToConfiguration: false,
  });
}

async function findSettings(from: string): Promise<CosmiconfigResult> {
  try {
    return await settingsExplorer().search(from);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const reason = error instanceof Error ? error.message.replaceAll(/\s+/g, ' ') : String(error);
    throw new UsageError(`the machine settings cannot be read: ${reason}; they are YAML or JSON`);
  }
}

function factsOfFile(found: CosmiconfigResult): Facts {
  if (found === null || found.isEmpty === true) return {};
  const {config, filepath}: {config: unknown; filepath: string} = found;
  const parsed = machineSchema.partial().safeParse(config);
  if (!parsed.success) throw explain(parsed.error.issues, machineSchema, config, treeOf(config, filepath));
  const folder = dirname(filepath);
  return Object.fromEntries(
    Object.entries(parsed.data).map(([key, value]) => [key, {value, origin: filepath, folder}]),
  );
}

function factsOfEnvironment(environment: NodeJS.ProcessEnv, folder: string): Facts {
  const facts: Partial<Record<MachineKey, Fact>> = {};
  for (const [name, key] of Object.entries(VARIABLES)) {
    const value = environment[name];
    if (value !== undefined && value !== '') facts[key] = {value, origin: name, folder};
  }
  return facts;
}

function factsOfFlags(flags: Partial<Record<MachineKey, unknown>>, folder: string): Facts {
  const given = Object.entries(flags).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([key, value]) => [key, {value, origin: 'the command line', folder}]));
}

function defaults(environment: NodeJS.ProcessEnv, folder: string): Readonly<Record<MachineKey, Fact>> {
  const fact = (value: unknown): Fact => ({value, origin: 'default', folder});
  return {
    dataRoot: fact('.'),
    cache: fact(join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sf')),
    engine: fact('auto'),
    device: fact(DEFAULT_ENGINE_OPTIONS.device),
    precision: fact(DEFAULT_ENGINE_OPTIONS.precision),
    threads: fact(DEFAULT_ENGINE_OPTIONS.threads),
    deterministic: fact(DEFAULT_ENGINE_OPTIONS.deterministic),
    resultsDir: fact('results'),
  };
}

/**
 * The machine's settings; flags win over the environment, the environment over the file, the file over defaults.
 * @param flags those given on the command line; undefined ones count as not given.
 * @param from folder where the search for a file starts, and that relative paths of flags and variables start at.
 * @throws UsageError for a file that is no data, an unknown key or a value out of place, naming its file or variable.
 */
export async function loadMachine(
  flags: {readonly [K in MachineKey]?: MachineConfig[K] | undefined} = {},
  from: string = process.cwd(),
  environment: NodeJS.ProcessEnv = process.env,
): Promise<LoadedMachine> {
  const file = factsOfFile(await findSettings(from));
  const facts = {
    ...defaults(environment, from),
    ...file,
    ...factsOfEnvironment(environment, from),
    ...factsOfFlags(flags, from),
  };
  const tree = {
    kind: 'map',
    entries: new Map(Object.entries(facts).map(([key, {value, origin}]) => [key, treeOf(value, origin)])),
    origin: 'the machine settings',
  } as const;
  const parsed = machineSchema.safeParse(plain(tree));
  if (!parsed.success) throw explain(parsed.error.issues, machineSchema, plain(tree), tree);
  const absolute = PATHS.map(key => [key, resolve(facts[key].folder, String(facts[key].value))]);
  return {
    machine: {...parsed.data, ...Object.fromEntries(absolute)},
    provenance: new Map(Object.entries(facts).map(([key, {origin}]) => [key as MachineKey, origin])),
  };
}

/** The part of the settings that says how the engine computes. */
export function engineOptionsOf({device, precision, threads, deterministic}: MachineConfig): EngineOptions {
  return {device, precision, threads, deterministic};
}
