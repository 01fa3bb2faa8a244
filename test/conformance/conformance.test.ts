import {execFile} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import test from 'ava';
import {buildRecord} from '../../src/engine/torch/addon.js';
import {type ConformanceReport, formatReport, reportOf} from './report.js';

/** The whole suite in a process of its own: it resets tfjs again and again. */
async function conformance(engine: string): Promise<ConformanceReport> {
  const program = fileURLToPath(new URL('run.js', import.meta.url));
  const run = promisify(execFile)(process.execPath, [program, '--engine', engine, '--json', '-'], {
    maxBuffer: 2 ** 26,
  });
  // Exit code 1 means failing specs; the report names them.
  const {stdout} = await run.catch((error: {readonly code: unknown; readonly stdout: string}) => {
    if (error.code !== 1 || error.stdout === '') throw error;
    return error;
  });
  return JSON.parse(stdout);
}

const names = (failures: ConformanceReport['failures']): readonly string[] => failures.map(({name}) => name);

test('the cpu engine passes all of tfjs-core’s suite', async t => {
  const {total, failures} = await conformance('cpu');
  t.deepEqual(names(failures), []);
  t.deepEqual(total, {passed: 4227, failed: 0, excluded: 0});
});

test('the wasm engine passes all of tfjs-core’s suite but what is excluded by name', async t => {
  const {total, failures, kernels, outdated} = await conformance('wasm');
  t.deepEqual(names(failures), []);
  t.deepEqual(outdated, []);
  t.is(total.passed + total.excluded, 4225);
  t.is(total.excluded, 264);
  // A kernel that every detector calls: all its specs pass but those of channels-first images.
  t.true(kernels.Conv2D!.passed > 40);
});

const torchTest = buildRecord() === undefined ? test.skip : test;

torchTest('the torch engine passes all of tfjs-core’s suite but what is excluded by name', async t => {
  const {total, failures, kernels, outdated} = await conformance('torch');
  t.deepEqual(names(failures), []);
  t.deepEqual(outdated, []);
  t.is(total.passed + total.excluded, 4225);
  t.is(total.excluded, 235);
  t.deepEqual(kernels.Conv2D, {passed: 59, failed: 0, excluded: 0});
});

const specs = [
  {name: 'abs basic', status: 'passed', kernels: ['Abs'], failures: []},
  {name: 'abs complex', status: 'failed', kernels: ['Abs', 'Complex'], failures: ['no Complex']},
  {name: 'exp basic', status: 'failed', kernels: ['Exp'], failures: ['1 is not 2']},
  {name: 'util', status: 'passed', kernels: [], failures: []},
  {name: 'browser', status: 'pending', kernels: [], failures: []},
] as const;

test('a spec counts in total once, and for every kernel that it asked for', t => {
  const report = reportOf('wasm', specs, [{patterns: [/complex/], reason: 'no complex numbers'}]);
  t.deepEqual(report.total, {passed: 2, failed: 1, excluded: 1});
  t.deepEqual(report.kernels, {
    Abs: {passed: 1, failed: 0, excluded: 1},
    Complex: {passed: 0, failed: 0, excluded: 1},
    Exp: {passed: 0, failed: 1, excluded: 0},
  });
  t.deepEqual(report.outdated, []);
  const lines = formatReport(report).split('\n');
  t.true(lines.includes('excluded 1: no complex numbers'));
  t.true(lines.includes('FAILED exp basic'));
  t.is(lines.at(-1), 'engine wasm: 2 passed, 1 failed, 1 excluded');
});

test('an exclusion that matches nothing, or a spec that passes, is out of date', t => {
  const patterns = [/^abs basic$/, /^gone$/];
  t.deepEqual(reportOf('wasm', specs, [{patterns, reason: 'old'}]).outdated, [
    '/^gone$/ matches no spec',
    'abs basic passes',
  ]);
});
