/** The outcome of a conformance run: counts in total and by kernel, what was excluded and why, what failed. */
import type {Exclusion} from './exclusions.js';
import type {SpecResult} from './suite.js';

export type Counts = {readonly passed: number; readonly failed: number; readonly excluded: number};

export type ConformanceReport = {
  readonly engine: string;
  readonly total: Counts;
  /** A spec counts for every kernel that it asked for, registered or not. */
  readonly kernels: Readonly<Record<string, Counts>>;
  /** Failing specs that are excluded, by reason. */
  readonly exclusions: readonly {readonly reason: string; readonly specs: readonly string[]}[];
  readonly failures: readonly {
    readonly name: string;
    readonly kernels: readonly string[];
    readonly message: string;
  }[];
  /** Excluded specs that passed, and patterns that match no spec: the list is out of date. */
  readonly outdated: readonly string[];
};

type Verdict = keyof Counts;

function count(verdicts: Iterable<Verdict>): Counts {
  const counts = {passed: 0, failed: 0, excluded: 0};
  for (const verdict of verdicts) counts[verdict] += 1;
  return counts;
}

/**
 * Judges the specs that ran. Excluded specs run too, so that their kernels are known and an exclusion that is no longer
 * needed shows; `pending` ones are those that the suite itself skips, and are left out.
 */
export function reportOf(
  engine: string,
  results: readonly SpecResult[],
  exclusions: readonly Exclusion[],
): ConformanceReport {
  const matched = new Map<Exclusion, SpecResult[]>(exclusions.map(exclusion => [exclusion, []]));
  const judged: {readonly result: SpecResult; readonly verdict: Verdict}[] = [];
  for (const result of results) {
    if (result.status !== 'passed' && result.status !== 'failed') continue;
    const exclusion = exclusions.find(({patterns}) => patterns.some(pattern => pattern.test(result.name)));
    if (exclusion !== undefined) matched.get(exclusion)?.push(result);
    judged.push({result, verdict: exclusion === undefined ? result.status : 'excluded'});
  }

  const names = [...new Set(judged.flatMap(({result}) => result.kernels))].sort();
  const kernels = names.map(name => {
    const ofKernel = judged.filter(({result}) => result.kernels.includes(name));
    return [name, count(ofKernel.map(({verdict}) => verdict))] as const;
  });
  const failures = judged.filter(({verdict}) => verdict === 'failed').map(({result}) => result);
  const unmatched = exclusions
    .flatMap(({patterns}) => patterns)
    .filter(pattern => !results.some(({name}) => pattern.test(name)));
  const passing = [...matched.values()].flat().filter(({status}) => status === 'passed');
  const outdated = [
    ...unmatched.map(pattern => `${String(pattern)} matches no spec`),
    ...passing.map(({name}) => `${name} passes`),
  ];
  return {
    engine,
    total: count(judged.map(({verdict}) => verdict)),
    kernels: Object.fromEntries(kernels),
    exclusions: [...matched].map(([{reason}, specs]) => ({reason, specs: specs.map(({name}) => name)})),
    failures: failures.map(({name, kernels, failures}) => ({name, kernels, message: failures.join('\n')})),
    outdated,
  };
}

/** The report as a person reads it: kernels, exclusions with their reasons, failures, and the total as the last line. */
export function formatReport(report: ConformanceReport): string {
  const row = (name: string, {passed, failed, excluded}: Counts): string =>
    `${name.padEnd(34)}${String(passed).padStart(8)}${String(failed).padStart(8)}${String(excluded).padStart(10)}`;
  const {total} = report;
  return [
    `${'kernel'.padEnd(34)}${'passed'.padStart(8)}${'failed'.padStart(8)}${'excluded'.padStart(10)}`,
    ...Object.entries(report.kernels).map(([name, counts]) => row(name, counts)),
    '',
    ...report.exclusions.map(({reason, specs}) => `excluded ${specs.length}: ${reason}`),
    ...report.outdated.map(line => `exclusion out of date: ${line}`),
    ...report.failures.map(({name, message}) => `FAILED ${name}\n  ${message.split('\n').join('\n  ')}`),
    `engine ${report.engine}: ${total.passed} passed, ${total.failed} failed, ${total.excluded} excluded`,
  ].join('\n');
}
