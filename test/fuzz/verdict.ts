/** What may come of a wrong file: an evaluation, or one line for the person who gave it. Anything else is a finding. */
import {RunError, UsageError} from '../../src/errors.js';

export type Verdict =
  | {readonly kind: 'evaluated'}
  | {readonly kind: 'refused'; readonly message: string}
  | {readonly kind: 'finding'; readonly what: string};

/** Longer is no line that a person reads. */
const MAX_MESSAGE = 1000;

/** Line breaks of any kind, and what a terminal would obey. */
const CONTROL = /[\p{Cc}\u2028\u2029]/u;

/** @param limitMilliseconds what takes more time of a processor is a finding even if it ends well */
export async function judge(evaluate: () => Promise<void>, limitMilliseconds: number): Promise<Verdict> {
  const before = process.cpuUsage();
  const verdict = await verdictOf(evaluate);
  const {user, system} = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  if (verdict.kind === 'finding' || seconds <= limitMilliseconds / 1000) return verdict;
  return {kind: 'finding', what: `slow: ${verdict.kind} after ${seconds.toFixed(1)} s`};
}

async function verdictOf(evaluate: () => Promise<void>): Promise<Verdict> {
  try {
    await evaluate();
    return {kind: 'evaluated'};
  } catch (error) {
    if (!(error instanceof RunError || error instanceof UsageError)) {
      return {kind: 'finding', what: `crash: ${error instanceof Error ? error.stack : String(error)}`};
    }
    const {message} = error;
    if (message === '') return {kind: 'finding', what: 'empty message'};
    if (CONTROL.test(message)) return {kind: 'finding', what: `not one line: ${JSON.stringify(message)}`};
    if (message.length > MAX_MESSAGE) return {kind: 'finding', what: `long message: ${message}`};
    return {kind: 'refused', message};
  }
}
