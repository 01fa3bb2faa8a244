/** The order of a comparison, and what becomes of sides that fail, with sides that compute nothing. */
import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import test, {type ExecutionContext} from 'ava';
import type {Case} from '../../src/bench/cases.js';
import {isOutOfMemory} from '../../src/bench/figures.js';
import {type Measurements, measure} from '../../src/bench/measure.js';
import type {Program} from '../../src/bench/side.js';
import type {Work} from '../../src/bench/work.js';
import {RunError} from '../../src/errors.js';
import {temporaryFolder} from '../temporary-folder.js';

const FAKE = fileURLToPath(new URL('fake-side.js', import.meta.url));
const product = (rows: number): Work => ({kind: 'mat-mul', rows, inner: 1, columns: 1});
const training: Work = {kind: 'train', model: 'retinanet', height: 32, width: 32, classes: 1, objects: []};

const caseOf = (groups: readonly (readonly Work[])[]): Case => ({
  name: 'mat-mul',
  summary: '',
  warmup: 1,
  repeat: 3,
  groups: () => groups,
});

type Failing = readonly [at: 'begin' | 'step', how: 'crash' | 'memory' | 'killed' | 'noise'];

async function compare(
  t: ExecutionContext,
  groups: readonly (readonly Work[])[],
  {torchvision = [], name = 'torchvision'}: {torchvision?: Failing | readonly []; name?: string} = {},
): Promise<Measurements & {readonly log: readonly string[]}> {
  const log = join(await temporaryFolder(t), 'log');
  const fake = (side: string, failing: readonly string[] = []): Program => ({
    name: side,
    command: process.execPath,
    args: [FAKE, side, log, ...failing],
  });
  const measurements = await measure([caseOf(groups)], {
    height: 32,
    width: 32,
    batches: undefined,
    sf: fake('sf'),
    other: () => fake(name, torchvision),
    warmup: undefined,
    repeat: undefined,
    profile: true,
    onProgress: () => undefined,
  });
  return {...measurements, log: (await readFile(log, 'utf8')).trimEnd().split('\n')};
}

test('both sides take turns, the first one alternating, and a training step is profiled before the end', async t => {
  const {log, results} = await compare(t, [[training]]);
  t.deepEqual(log, [
    ...['sf begin', 'torchvision begin'],
    ...['torchvision step', 'sf step'],
    ...['sf step', 'torchvision step'],
    ...['torchvision step', 'sf step'],
    ...['sf step', 'torchvision step'],
    ...['sf profile', 'sf end', 'torchvision end'],
  ]);
  // The first of four steps is the warm-up.
  const measured = {kind: 'measured', milliseconds: [2, 3, 4], peakBytes: 2 ** 20} as const;
  t.deepEqual(results[0]?.sf, measured);
  t.deepEqual(results[0]?.torchvision, measured);
  t.is(results[0]?.operations, 1e9);
});

test('works of one group share a process, whose memory is then nobody’s', async t => {
  const {log, results} = await compare(t, [[product(1), product(2)]]);
  t.is(log.filter(line => line === 'sf begin').length, 2);
  t.false(log.includes('sf end'));
  for (const {sf} of results) t.is(sf.kind === 'measured' ? sf.peakBytes : 'failed', undefined);
});

test('a side that crashes is reported by its last line, and starts anew for the next work', async t => {
  const {log, results, torchvision} = await compare(t, [[product(1), product(2)]], {
    torchvision: ['step', 'crash'],
  });
  for (const result of results) {
    t.deepEqual(result.torchvision, {kind: 'failed', message: 'ValueError: it does not work'});
    t.is(result.sf.kind, 'measured');
  }
  t.is(log.filter(line => line === 'torchvision begin').length, 2);
  t.is(torchvision?.detail, 'torchvision');
});

test('memory that runs out is told apart from other failures, also when the system ends the process', async t => {
  const full = await compare(t, [[training]], {torchvision: ['begin', 'memory']});
  const killed = await compare(t, [[training]], {torchvision: ['step', 'killed']});
  for (const {results} of [full, killed]) {
    const outcome = results[0]!.torchvision!;
    t.is(outcome.kind, 'failed');
    t.true(outcome.kind === 'failed' && isOutOfMemory(outcome.message));
    t.is(results[0]!.sf.kind, 'measured');
  }
});

test('what libraries print is not taken for an answer', async t => {
  const {results} = await compare(t, [[training]], {torchvision: ['begin', 'noise']});
  t.is(results[0]?.torchvision?.kind, 'measured');
});

test('two models that are not the same are not compared', async t => {
  await t.throwsAsync(() => compare(t, [[training]], {name: 'another model'}), {
    instanceOf: RunError,
    message: 'the two sides train different models: of 1 and 2 parameters',
  });
});

test('a program that cannot be started is one line', async t => {
  const sf = {name: 'sf', command: '/nowhere/node', args: []};
  const options = {
    height: 32,
    width: 32,
    batches: [1],
    warmup: 0,
    repeat: 1,
    profile: false,
    other: undefined,
  };
  await t.throwsAsync(() => measure([], {...options, sf, onProgress: () => undefined}), {
    instanceOf: RunError,
    message: 'sf cannot be started: spawn /nowhere/node ENOENT',
  });
});
