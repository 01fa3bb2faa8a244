/** What a batch of cases leaves in its folder, for the process that watches it: also when it hangs or dies. */
import {appendFileSync, existsSync, openSync, readFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';

export type BatchOptions = {
  readonly seed: number;
  /** Cases from..to - 1. */
  readonly from: number;
  readonly to: number;
  /** Of this batch alone. */
  readonly folder: string;
  readonly limitMilliseconds: number;
  readonly limitMebibytes: number;
};

export type Finding = {readonly index: number; readonly what: string};

/** The case that is under way, or the end of the batch, and what came of those before. */
export type Progress = {readonly index: number; readonly evaluated: number; readonly refused: number};

/** How often each kind of message was given. */
export type Messages = ReadonlyMap<string, number>;

const WIDTH = 12;

/** Returns what writes the progress: at once, so that it holds whatever happens next. */
export function progressWriter(folder: string): (progress: Progress) => void {
  const file = openSync(join(folder, 'progress'), 'w');
  return ({index, evaluated, refused}) => {
    const numbers = [index, evaluated, refused].map(count => String(count).padStart(WIDTH));
    writeSync(file, numbers.join(''), 0, 'latin1');
  };
}

/** Undefined before the first case. */
export function readProgress(folder: string): Progress | undefined {
  const text = read(join(folder, 'progress'));
  if (text.length < 3 * WIDTH) return undefined;
  const [index, evaluated, refused] = [0, 1, 2].map(i => Number(text.slice(i * WIDTH, (i + 1) * WIDTH)));
  return {index: index!, evaluated: evaluated!, refused: refused!};
}

export function addFinding(folder: string, finding: Finding): void {
  appendFileSync(join(folder, 'findings'), `${JSON.stringify(finding)}\n`);
}

export function readFindings(folder: string): readonly Finding[] {
  return read(join(folder, 'findings'))
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Finding);
}

export function writeMessages(folder: string, messages: Messages): void {
  appendFileSync(join(folder, 'messages'), JSON.stringify([...messages]));
}

export function readMessages(folder: string): Messages {
  return new Map(JSON.parse(read(join(folder, 'messages')) || '[]') as [string, number][]);
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
