/** `sf config`: a config as a run would see it, with where each value came from; or the list of shipped configs. */
import {Command} from 'commander';
import {dumpConfig} from '../config/dump.js';
import {configHash, type ExplicitValue, loadRunConfig} from '../config/load.js';
import {listShippedConfigs} from '../config/shipped.js';
import {jsonOption, presetOption, seedOption, setOption} from './flags.js';
import {writeJson, writeOut} from './output.js';

type ConfigFlags = {
  readonly preset?: string;
  readonly seed?: number;
  readonly set?: readonly string[];
  readonly json?: string;
};

async function listConfigs(json: string | undefined): Promise<void> {
  const configs = await listShippedConfigs();
  if (json !== undefined)
    await writeJson(
      json,
      configs.map(({name, title}) => ({name, title})),
    );
  if (json === '-') return;
  const width = Math.max(...configs.map(({name}) => name.length));
  await writeOut(configs.map(({name, title}) => `${name.padEnd(width)}  ${title}\n`).join(''));
}

async function showConfig(source: string, flags: ConfigFlags): Promise<void> {
  const explicit: readonly ExplicitValue[] =
    flags.seed === undefined ? [] : [{flag: '--seed', key: 'seed', value: flags.seed}];
  const {config, provenance} = await loadRunConfig(source, {
    overrides: flags.set ?? [],
    explicit,
    ...(flags.preset === undefined ? {} : {preset: flags.preset}),
  });
  if (flags.json !== undefined) {
    await writeJson(flags.json, {
      config,
      provenance: Object.fromEntries(provenance),
      sha256: configHash(config),
    });
  }
  if (flags.json !== '-') await writeOut(dumpConfig(config, provenance));
}

export function configCommand(): Command {
  return new Command('config')
    .summary('show a config as a run would see it, or list the shipped ones')
    .description('Show a config with parents, preset and overrides applied and where each value came from.')
    .argument('[config]', 'YAML file or name of a shipped config; none: list those')
    .addOption(presetOption())
    .addOption(seedOption())
    .addOption(setOption())
    .addOption(jsonOption())
    .action((source: string | undefined, flags: ConfigFlags) =>
      source === undefined ? listConfigs(flags.json) : showConfig(source, flags),
    );
}
