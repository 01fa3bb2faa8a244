/** Flags of the subcommands of `sf data` that read a data set: which one, and the config that says how it is seen. */
import {type Command, Option} from 'commander';
import {loadRunConfig} from '../config/load.js';
import {loadMachine} from '../config/machine.js';
import type {RunConfig} from '../config/run.js';
import type {Dataset} from '../data/dataset.js';
import {type DatasetContext, openDataset, parseDataFlag} from '../data/open.js';
import {UsageError, visibleText} from '../errors.js';
import {dataOption, jsonOption, parseChoice, parseWhole, presetOption, setOption} from './flags.js';
import {progressBar} from './output.js';

const SPLITS = ['train', 'val'] as const;
type Split = (typeof SPLITS)[number];

export type DataFlags = {
  readonly data?: string;
  readonly config?: string;
  readonly preset?: string;
  readonly set?: readonly string[];
  readonly split?: Split;
  readonly json?: string;
};

export function addDataOptions(command: Command): Command {
  return command
    .addOption(dataOption())
    .addOption(
      new Option('--config <config>', 'take data and detector of this config, a file or shipped name'),
    )
    .addOption(presetOption())
    .addOption(setOption())
    .addOption(
      new Option('--split <name>', 'train or val (default: train)').argParser(
        (text): Split => parseChoice('--split', SPLITS, text),
      ),
    )
    .addOption(jsonOption());
}

export function wholeOption(flag: string, description: string, least: number): Option {
  return new Option(`${flag} <n>`, description).argParser(text => parseWhole(flag, least, text));
}

/** The config that the flags name, or the default one. */
export async function readDataConfig(
  {config, preset, set}: DataFlags,
  defaultConfig: string,
): Promise<RunConfig> {
  const options = {overrides: set ?? [], ...(preset === undefined ? {} : {preset})};
  return (await loadRunConfig(config ?? defaultConfig, options)).config;
}

/** The data set of `--data`, else that of the config. */
export async function openFlaggedData(flags: DataFlags, config: RunConfig): Promise<Dataset> {
  if (flags.data === undefined && flags.config === undefined)
    throw new UsageError(
      'which data set? give --data (coco:DIR, voc:DIR, shapes or a YAML file) or --config',
    );
  const {machine} = await loadMachine();
  const data = flags.data === undefined ? config.data : parseDataFlag(flags.data);
  const bars = new Map<number, ReturnType<typeof progressBar>>();
  const context: DatasetContext = {
    cacheDir: machine.cache,
    dataRoot: machine.dataRoot,
    onProgress: (done, total) => {
      const bar = bars.get(total) ?? progressBar({label: 'shapes', total, unit: 'images'});
      bars.set(total, bar);
      bar.update(done);
    },
  };
  try {
    return await openDataset(data[flags.split ?? 'train'], context);
  } finally {
    for (const bar of bars.values()) bar.stop();
  }
}

/** Says on stderr what reading the data set has noticed. */
export function warnOfNotices({notices}: Dataset): void {
  for (const {kind, count, example} of notices)
    process.stderr.write(`warning: ${visibleText(`${kind}: ${count}, such as ${example}`)}\n`);
}
