/** A slice of the fuzz run (npm run fuzz), and the parts of its harness that decide what counts as well done. */
import {join} from 'node:path';
import test from 'ava';
import {RunError, UsageError} from '../../src/errors.js';
import {temporaryFolder} from '../temporary-folder.js';
import {CaseFolder, FUZZ_KINDS, makeCase, originalCases} from './cases.js';
import {evaluateCase} from './evaluations.js';
import {kindOf} from './message-kind.js';
import {DIES, EATS_HEAP, EATS_MEMORY, FINDS, HANGS, WAITS} from './misbehaviour.js';
import {superviseBatch} from './supervise.js';
import {judge, type Verdict} from './verdict.js';

const CASES = 140;
const LIMIT_MILLISECONDS = 5000;

test('mutated files are evaluated or refused in one line', async t => {
  t.timeout(300_000);
  const root = await temporaryFolder(t);
  const folders = new Map(FUZZ_KINDS.map(kind => [kind, new CaseFolder(join(root, kind))]));
  const verdicts: Verdict['kind'][] = [];
  for (let index = 0; index < CASES; index++) {
    const fuzzCase = makeCase(1, index);
    await folders.get(fuzzCase.kind)!.write(fuzzCase);
    const verdict = await judge(
      () => evaluateCase(fuzzCase.kind, join(root, fuzzCase.kind)),
      LIMIT_MILLISECONDS,
    );
    if (verdict.kind === 'finding') t.fail(`npm run fuzz -- --case ${index}: ${verdict.what}`);
    verdicts.push(verdict.kind);
  }
  // Both ends are reached: files that are only strange, and files that are wrong.
  for (const kind of ['evaluated', 'refused'] as const)
    t.true(verdicts.filter(verdict => verdict === kind).length > CASES / 5, kind);
});

test('the files that the mutations start from are evaluated', async t => {
  for (const original of originalCases()) {
    const root = await temporaryFolder(t);
    await new CaseFolder(root).write(original);
    t.deepEqual(await judge(() => evaluateCase(original.kind, root), LIMIT_MILLISECONDS), {
      kind: 'evaluated',
    });
  }
});

test('a case is the same whenever it is made, and another one for another number or seed', t => {
  t.deepEqual(makeCase(7, 123), makeCase(7, 123));
  t.notDeepEqual(makeCase(7, 123), makeCase(7, 124));
  t.notDeepEqual(makeCase(7, 123), makeCase(8, 123));
});

test('only errors for a person, of one line, in time, are no findings', async t => {
  const verdictOf = (error: unknown) => judge(() => Promise.reject(error), 1000);
  t.deepEqual(await judge(() => Promise.resolve(), 1000), {kind: 'evaluated'});
  t.deepEqual(await verdictOf(new RunError('no')), {kind: 'refused', message: 'no'});
  t.deepEqual(await verdictOf(new UsageError('no')), {kind: 'refused', message: 'no'});
  for (const error of [
    new TypeError('x is not a function'),
    new RangeError('Invalid array length'),
    'text',
  ]) {
    t.regex(whatOf(await verdictOf(error)), /^crash: /);
  }
  t.regex(whatOf(await verdictOf(new RunError(''))), /^empty message/);
  t.regex(whatOf(await verdictOf(new RunError('x'.repeat(1001)))), /^long message/);
  t.regex(whatOf(await verdictOf(Object.assign(new RunError('a'), {message: 'a\nb'}))), /^not one line/);
  const slow = async () => {
    for (const before = process.cpuUsage(); process.cpuUsage(before).user < 20_000; );
  };
  t.regex(whatOf(await judge(slow, 10)), /^slow: evaluated after [\d.]+ s$/);
});

function whatOf(verdict: Verdict): string {
  return verdict.kind === 'finding' ? verdict.what : verdict.kind;
}

test('messages are counted by what is left without names and numbers', t => {
  t.is(
    kindOf('/tmp/x/a.json: [12].score: expected a number, found "1e5"', '/tmp/x'),
    '/a.json: [#].score: expected a number, found "..."',
  );
});

const MISBEHAVING = join(import.meta.dirname, 'misbehaving.js');
const watchdog: readonly (readonly [name: string, seed: number, what: RegExp])[] = [
  ['hangs', HANGS, /^hang: (works for more than 0\.2|waits for more than 2\.4) s$/],
  ['waits', WAITS, /^hang: waits for more than 2\.4 s$/],
  ['dies', DIES, /^died: (SIG|exit code)/],
  ['eats memory', EATS_MEMORY, /^memory: \d+ MiB$|^died/],
  ['eats the heap', EATS_HEAP, /^(died|memory|hang)/],
];

for (const [name, seed, what] of watchdog) {
  test(`a case that ${name} is a finding, and the run goes on after it`, async t => {
    const limits = {limitMilliseconds: seed === HANGS || seed === WAITS ? 200 : 20_000, limitMebibytes: 150};
    const outcome = await superviseBatch(MISBEHAVING, {seed, from: 10, to: 13, ...limits});
    t.is(outcome.findings.length, 1);
    t.is(outcome.findings[0]!.index, 11);
    t.regex(outcome.findings[0]!.what, what);
    t.deepEqual([outcome.index, outcome.evaluated], [12, 1]);
  });
}

test('findings of a batch that ends by itself come with its counts', async t => {
  const limits = {limitMilliseconds: 5000, limitMebibytes: 512};
  const outcome = await superviseBatch(MISBEHAVING, {seed: FINDS, from: 10, to: 13, ...limits});
  t.deepEqual(outcome.findings, [{index: 11, what: 'crash: found'}]);
  t.deepEqual([outcome.index, outcome.evaluated], [13, 3]);
});
