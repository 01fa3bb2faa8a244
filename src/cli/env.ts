/** `sf env`: what computes here and why, versions, hardware, and the machine's settings with where they came from. */
import {Command} from 'commander';
import {type LoadedMachine, loadMachine} from '../config/machine.js';
import {describeEnvironment, type Environment} from '../engine/environment.js';
import {jsonOption} from './flags.js';
import {writeJson, writeOut} from './output.js';

type Row = readonly string[];

/** Rows as columns that line up, indented. */
function columns(rows: readonly Row[], indent: string): string {
  const widths = rows.reduce<number[]>((most, row) => {
    row.forEach((cell, i) => {
      most[i] = Math.max(most[i] ?? 0, cell.length);
    });
    return most;
  }, []);
  return rows
    .map(row => `${indent}${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd())
    .join('\n');
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** The report as people read it and paste it into an issue. */
export function environmentText(environment: Environment, {machine, provenance}: LoadedMachine): string {
  const {versions, platform, engines, auto, cpu, memory, gpus, noGpu} = environment;
  const facts: readonly Row[] = [
    ['sf', versions.sf],
    ['Node', `${versions.node}, ${platform}`],
    ['tfjs', `${versions.tfjs}, wasm backend ${versions.tfjsBackendWasm}`],
    ['sharp', `${versions.sharp}, libvips ${versions.libvips}`],
    ['CPU', `${cpu.model}, ${cpu.cores} ${cpu.cores === 1 ? 'core' : 'cores'}`],
    ['memory', `${gibibytes(memory.totalBytes)}, ${gibibytes(memory.freeBytes)} free`],
    ...(gpus.length === 0 ? [['GPU', noGpu ?? 'none']] : gpus.map(gpu => ['GPU', gpu])),
  ];
  const found = engines.map(({name, available, detail}) => [name, available ? 'yes' : 'no', detail]);
  const settings = Object.entries(machine).map(([key, value]) => [
    key,
    String(value),
    `(${provenance.get(key as keyof typeof machine)})`,
  ]);
  return [
    columns(facts, ''),
    '',
    'Engines',
    columns(found, '  '),
    `  --engine auto takes ${auto.name ?? 'none'}: ${auto.reason.replace(/^auto: /, '')}`,
    '',
    'Settings',
    columns(settings, '  '),
    '',
  ].join('\n');
}

async function showEnvironment(json: string | undefined): Promise<void> {
  const [environment, loaded] = await Promise.all([describeEnvironment(), loadMachine()]);
  if (json !== undefined) {
    const settings = Object.entries(loaded.machine).map(([key, value]) => {
      return [key, {value, origin: loaded.provenance.get(key as keyof LoadedMachine['machine'])}];
    });
    await writeJson(json, {...environment, settings: Object.fromEntries(settings)});
  }
  if (json !== '-') await writeOut(environmentText(environment, loaded));
}

export function envCommand(): Command {
  return new Command('env')
    .description('Show versions, engines and which one is taken, hardware, and the settings of this machine.')
    .addOption(jsonOption())
    .action(({json}: {readonly json?: string}) => showEnvironment(json));
}
