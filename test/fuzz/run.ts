/**
 * npm run fuzz -- [--cases 100000] [--from 0] [--seed 1] [--jobs 1] [--case N] [--keep DIR] [--messages]
 *
 * Mutates valid files of every kind and has them evaluated. A case ends well when it is evaluated or refused in one
 * line; anything else (another error, more than 5 s, more than 512 MiB, a dead process) is a finding: its files are kept
 * and the command that repeats it is printed. Exit code 1 when there are findings.
 */
import {existsSync} from 'node:fs';
import {writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import type {Finding} from './batch-folder.js';
import {makeCase, writeCase} from './cases.js';
import {kindOf} from './message-kind.js';
import {type BatchOutcome, superviseBatch} from './supervise.js';

const LIMITS = {limitMilliseconds: 5000, limitMebibytes: 512};
/** Cases a process: what one leaves behind does not weigh on many others. */
const BATCH = 2000;
/** Findings whose files are kept, of those that read the same. */
const KEPT_OF_A_KIND = 3;
const BATCH_PROGRAM = join(import.meta.dirname, 'batch.js');
const USAGE =
  'usage: npm run fuzz -- [--cases N] [--from N] [--seed N] [--jobs N] [--case N] [--keep DIR] [--messages]';

type Totals = {
  evaluated: number;
  refused: number;
  readonly findings: Finding[];
  /** How many findings are alike. */
  readonly kinds: Map<string, number>;
  readonly messages: Map<string, number>;
};

function add(totals: Totals, {evaluated, refused, messages}: BatchOutcome): void {
  totals.evaluated += evaluated;
  totals.refused += refused;
  for (const [kind, count] of messages) totals.messages.set(kind, (totals.messages.get(kind) ?? 0) + count);
}

/** A case that was slow, large or deadly among others may be innocent: it is judged again, alone. */
async function confirmed(seed: number, finding: Finding): Promise<readonly Finding[]> {
  if (!/^(slow|hang|memory|died)/.test(finding.what)) return [finding];
  const {index} = finding;
  const alone = await superviseBatch(BATCH_PROGRAM, {seed, from: index, to: index + 1, ...LIMITS});
  return alone.findings.slice(0, 1);
}

async function keepFiles(folder: string, seed: number, {index, what}: Finding): Promise<void> {
  const fuzzCase = makeCase(seed, index);
  const kept = join(folder, `seed-${seed}-case-${index}`);
  await writeCase(kept, fuzzCase);
  await writeFile(join(kept, 'finding.txt'), `${what}\n`);
  const {kind, mutated, mutations} = fuzzCase;
  console.log(
    `finding in case ${index}: ${kind}, ${mutated}: ${mutations.join(', ')}\n  ${what.split('\n').slice(0, 4).join('\n  ')}\n` +
      `  kept in ${kept}; repeat it with: npm run fuzz -- --seed ${seed} --case ${index}`,
  );
}

function count(value: string | undefined, fallback: number, smallest: number): number {
  const number = value === undefined ? fallback : Number(value);
  if (Number.isSafeInteger(number) && number >= smallest) return number;
  console.error(USAGE);
  process.exit(2);
}

async function main(): Promise<number> {
  const {values} = parseArgs({
    options: {
      cases: {type: 'string'},
      from: {type: 'string'},
      seed: {type: 'string'},
      jobs: {type: 'string'},
      case: {type: 'string'},
      keep: {type: 'string', default: '.cache/fuzz'},
      messages: {type: 'boolean', default: false},
    },
  });
  const seed = count(values.seed, 1, 0);
  const first = count(values.case ?? values.from, 0, 0);
  const end = first + (values.case === undefined ? count(values.cases, 100_000, 1) : 1);
  const totals: Totals = {evaluated: 0, refused: 0, findings: [], kinds: new Map(), messages: new Map()};
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 1000);
  let next = first;
  let done = 0;
  const work = async () => {
    while (next < end) {
      let from = next;
      const to = Math.min(end, from + BATCH);
      next = to;
      while (from < to) {
        const outcome = await superviseBatch(BATCH_PROGRAM, {seed, from, to, ...LIMITS});
        add(totals, outcome);
        for (const suspect of outcome.findings) {
          for (const finding of await confirmed(seed, suspect)) {
            totals.findings.push(finding);
            const kind = kindOf(finding.what, tmpdir());
            const times = (totals.kinds.get(kind) ?? 0) + 1;
            totals.kinds.set(kind, times);
            if (times <= KEPT_OF_A_KIND) await keepFiles(values.keep, seed, finding);
          }
        }
        done += outcome.index - from;
        from = outcome.index;
      }
      const {evaluated, refused, findings} = totals;
      console.log(
        `${done} files: ${evaluated} evaluated, ${refused} refused, ${findings.length} findings, ${seconds()} s`,
      );
    }
  };
  await Promise.all(Array.from({length: count(values.jobs, 1, 1)}, work));
  for (const [kind, times] of totals.kinds) console.log(`${times} times: ${kind}`);
  console.log(`seed ${seed}; ${totals.messages.size} kinds of messages`);
  if (values.messages) {
    const byCount = [...totals.messages].sort((a, b) => b[1] - a[1]);
    console.log(byCount.map(([kind, times]) => `${String(times).padStart(7)}  ${kind}`).join('\n'));
  }
  if (totals.findings.length > 0 && existsSync(values.keep)) console.log(`findings are in ${values.keep}`);
  return totals.findings.length === 0 ? 0 : 1;
}

process.exitCode = await main();
