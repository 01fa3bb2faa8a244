/**
 * The process of one side: a line of JSON in, a line of JSON out. Both sides speak this: sf here, torchvision in
 * against_torchvision.py. The first line comes unasked and says who is there.
 */
import {createInterface} from 'node:readline';
import type {Readable} from 'node:stream';
import type {Engine} from '../engine/engine.js';
import {RunError, UsageError} from '../errors.js';
import {waitForDevice, watchKernels} from './kernel-calls.js';
import {operationsOf} from './operations.js';
import {type PreparedWork, prepareWork} from './prepared-work.js';
import {type Profile, profileKernels} from './profile.js';
import type {Work} from './work.js';

export type Request =
  | {readonly do: 'begin'; readonly work: Work}
  /** The work once, timed. */
  | {readonly do: 'step'}
  /** The work once, by kernel; only sf's side knows how. */
  | {readonly do: 'profile'}
  /** The last request. */
  | {readonly do: 'end'};

/** What a side says of itself before anything is asked. */
export type Introduction = {
  /** Name and version of what computes, in one line. */
  readonly detail: string;
  readonly device: string;
  readonly threads: number;
  readonly precision: string;
  readonly deterministic: boolean;
};

export type Answers = {
  readonly begin: {readonly parameters?: number};
  /** Operations are those of this work, known once it has been done; only sf counts them. */
  readonly step: {readonly milliseconds: number; readonly operations?: number};
  readonly profile: Profile;
  readonly end: {readonly peakBytes: number};
};

/** In place of an answer. The side can be asked to end, and to begin something else. */
export type Failure = {readonly failure: string};

type Answer = Answers[Request['do']] | Introduction | Failure;

/** Answers the lines of `input` until one says `end`, or none comes any more. */
export async function serve(
  engine: Engine,
  introduction: Introduction,
  input: Readable,
  send: (line: string) => void,
): Promise<void> {
  const answer = (value: Answer): void => send(`${JSON.stringify(value)}\n`);
  const side = new Side(engine);
  answer(introduction);
  for await (const line of createInterface({input})) {
    const request = JSON.parse(line) as Request;
    try {
      answer(await side.do(request));
    } catch (error) {
      if (!(error instanceof RunError || error instanceof UsageError)) throw error;
      answer({failure: error.message});
    }
    if (request.do === 'end') return;
  }
}

class Side {
  private work: PreparedWork | undefined;
  private operations: number | undefined;

  constructor(private readonly engine: Engine) {}

  async do(request: Request): Promise<Answers[Request['do']]> {
    switch (request.do) {
      case 'begin': {
        this.work?.dispose();
        this.work = undefined;
        this.operations = undefined;
        this.work = await prepareWork(request.work);
        waitForDevice();
        const {parameters} = this.work;
        return parameters === undefined ? {} : {parameters};
      }
      case 'step':
        return this.step();
      case 'profile':
        return profileKernels(() => this.begun.run(), {settle: this.engine.onGpu});
      case 'end':
        return {peakBytes: this.peakBytes()};
    }
  }

  private get begun(): PreparedWork {
    if (this.work === undefined) throw new Error('a step was asked for before its work');
    return this.work;
  }

  /** The first one counts the operations on the way. */
  private async step(): Promise<Answers['step']> {
    let operations = 0;
    const stop =
      this.operations === undefined
        ? watchKernels(
            call => {
              operations += operationsOf(call);
            },
            {settle: false},
          )
        : undefined;
    const started = performance.now();
    try {
      await this.begun.run();
      waitForDevice();
    } finally {
      stop?.();
    }
    const milliseconds = performance.now() - started;
    this.operations ??= operations;
    return {milliseconds, operations: this.operations};
  }

  /** Of the device where it has its own memory, else the peak resident size of this process. */
  private peakBytes(): number {
    return this.engine.onGpu ? this.engine.memory().peakBytes : process.resourceUsage().maxRSS * 1024;
  }
}
