/** One side of the comparison as its parent sees it: a process that answers a line of JSON with a line of JSON. */
import {type ChildProcess, spawn} from 'node:child_process';
import {createInterface} from 'node:readline';
import {RunError} from '../errors.js';
import type {Answers, Failure, Introduction, Request} from './worker.js';

export type Program = {
  /** As the messages call it: sf or torchvision. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
};

type Waiting = {readonly resolve: (line: string) => void; readonly reject: (error: RunError) => void};

/** What the command puts before the error that ended it. */
const ERROR_PREFIX = /^sf: /;

/** A running side. Its questions are asked one at a time. */
export class Side {
  private waiting: Waiting | undefined;
  /** Why nothing will be answered any more. */
  private ended: RunError | undefined;
  private lastError = '';

  private constructor(
    private readonly name: string,
    private readonly child: ChildProcess,
  ) {
    createInterface({input: child.stdout!}).on('line', line => {
      // What a library prints is not an answer.
      if (line.startsWith('{')) this.take()?.resolve(line);
    });
    createInterface({input: child.stderr!}).on('line', line => {
      if (line.trim() !== '') this.lastError = line.trim().replace(ERROR_PREFIX, '');
    });
    // A process that has gone is reported by its end, not by the write that it no longer reads.
    child.stdin!.on('error', () => undefined);
    child.on('error', error => this.end(`${name} cannot be started: ${error.message}`));
    child.on('close', (code, signal) => this.end(this.reasonOf(code, signal)));
  }

  /** Starts the program and waits for its introduction. @throws RunError with what it said last when it ends instead. */
  static async start({name, command, args}: Program): Promise<{side: Side; introduction: Introduction}> {
    const side = new Side(name, spawn(command, [...args], {stdio: ['pipe', 'pipe', 'pipe']}));
    return {side, introduction: await side.answer<Introduction>()};
  }

  /** @throws RunError when the side says that it failed, or ends before it has answered. */
  async ask<Kind extends Request['do']>(request: Request & {readonly do: Kind}): Promise<Answers[Kind]> {
    const answer = this.answer<Answers[Kind]>();
    this.child.stdin!.write(`${JSON.stringify(request)}\n`);
    return answer;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  private async answer<T extends object>(): Promise<T> {
    const line = await new Promise<string>((resolve, reject) => {
      if (this.ended === undefined) this.waiting = {resolve, reject};
      else reject(this.ended);
    });
    const answer = JSON.parse(line) as T | Failure;
    if ('failure' in answer) throw new RunError(answer.failure);
    return answer;
  }

  private take(): Waiting | undefined {
    const {waiting} = this;
    this.waiting = undefined;
    return waiting;
  }

  private end(reason: string): void {
    this.ended ??= new RunError(reason);
    this.take()?.reject(this.ended);
  }

  private reasonOf(code: number | null, signal: NodeJS.Signals | null): string {
    if (signal === 'SIGKILL') return `out of memory: the system ended the process of ${this.name}`;
    const how = signal === null ? `exit code ${code}` : String(signal);
    return this.lastError === '' ? `${this.name} ended (${how})` : this.lastError;
  }
}
