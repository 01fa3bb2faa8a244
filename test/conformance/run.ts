/**
 * npm run test:conformance -- --engine torch|wasm|cpu [--json FILE|-] [--only PATTERN]
 *
 * Runs tfjs-core's own suite (dist/tests.js of its package) on one of our engines and prints passed / failed / excluded
 * by kernel and in total, with a reason for each exclusion. Exit code 1 when a spec fails that is not excluded.
 */
import {rm, writeFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {dirname, sep} from 'node:path';
import {parseArgs} from 'node:util';
import type {EngineName} from '../../src/config/engine-choice.js';
import {bundleSuite} from './bundle.js';
import {exclusionsOf} from './exclusions.js';
import {type ConformanceReport, formatReport, reportOf} from './report.js';
import type {runSuite} from './suite.js';

const ENGINES = ['torch', 'wasm', 'cpu'] as const satisfies readonly EngineName[];
const USAGE = `usage: npm run test:conformance -- --engine ${ENGINES.join('|')} [--json FILE|-] [--only PATTERN]`;

/** tfjs and the stock backend print warnings and aborts that the specs provoke; the report says what failed. */
function silenced(): {readonly restore: () => void} {
  const {log, warn, error} = console;
  const ignore = (): void => {};
  Object.assign(console, {log: ignore, warn: ignore, error: ignore});
  return {restore: () => void Object.assign(console, {log, warn, error})};
}

async function conformance(engine: EngineName, only: RegExp | undefined): Promise<ConformanceReport> {
  const require = createRequire(import.meta.url);
  const {folder, file} = await bundleSuite();
  const {restore} = silenced();
  try {
    const suite: {readonly runSuite: typeof runSuite} = require(file);
    const results = await suite.runSuite({
      engine,
      wasmFolder: dirname(require.resolve('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm')) + sep,
      isIncluded: name => only === undefined || only.test(name),
    });
    const exclusions = only === undefined ? exclusionsOf(engine) : [];
    return reportOf(engine, results, exclusions);
  } finally {
    restore();
    await rm(folder, {recursive: true, force: true});
  }
}

async function main(): Promise<number> {
  const {values} = parseArgs({
    options: {engine: {type: 'string'}, json: {type: 'string'}, only: {type: 'string'}},
  });
  const engine = ENGINES.find(name => name === values.engine);
  if (engine === undefined) {
    console.error(USAGE);
    return 2;
  }
  const report = await conformance(engine, values.only === undefined ? undefined : new RegExp(values.only));
  const json = `${JSON.stringify(report, null, 2)}\n`;
  if (values.json === '-') process.stdout.write(json);
  else console.log(formatReport(report));
  if (values.json !== undefined && values.json !== '-') await writeFile(values.json, json);
  return report.failures.length === 0 ? 0 : 1;
}

process.exitCode = await main();
