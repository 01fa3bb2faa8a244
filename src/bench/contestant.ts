/** One side through a benchmark: it does works one after another, and what it cannot do is told, not thrown. */
import {RunError} from '../errors.js';
import type {Profile} from './profile.js';
import {type Program, Side} from './side.js';
import type {Work} from './work.js';
import type {Introduction} from './worker.js';

export type Measured = {
  readonly kind: 'measured';
  /** One entry a repetition, in order. */
  readonly milliseconds: readonly number[];
  /** Of the process, where it did nothing else. */
  readonly peakBytes: number | undefined;
};

/** A work that a side could not do is a result: the others go on. */
export type Failed = {readonly kind: 'failed'; readonly message: string};

export type Outcome = Measured | Failed;

export class Contestant {
  introduction: Introduction | undefined;
  /** Of the work that was begun last. */
  parameters: number | undefined;
  operations: number | undefined;
  profile: Profile | undefined;
  private milliseconds: number[] = [];
  private peakBytes: number | undefined;
  private failure: Failed | undefined;
  private side: Side | undefined;

  /** @param program asked for when the process is started: at the first work, and after one that failed */
  constructor(private readonly program: () => Program) {}

  /** @throws RunError when the process cannot be started */
  async start(): Promise<Introduction> {
    const {side, introduction} = await Side.start(this.program());
    this.side = side;
    this.introduction = introduction;
    return introduction;
  }

  async begin(work: Work): Promise<void> {
    this.parameters = undefined;
    this.operations = undefined;
    this.profile = undefined;
    this.milliseconds = [];
    this.peakBytes = undefined;
    this.failure = undefined;
    await this.attempt(async side => {
      this.parameters = (await side.ask({do: 'begin', work})).parameters;
    });
  }

  /** The work once; its time is kept if it counts. */
  async step(counts: boolean): Promise<void> {
    await this.attempt(async side => {
      const {milliseconds, operations} = await side.ask({do: 'step'});
      this.operations = operations;
      if (counts) this.milliseconds.push(milliseconds);
    });
  }

  async profileStep(): Promise<void> {
    await this.attempt(async side => {
      this.profile = await side.ask({do: 'profile'});
    });
  }

  /** Ends the process, which tells its peak memory. */
  async end(): Promise<void> {
    await this.attempt(async side => {
      this.peakBytes = (await side.ask({do: 'end'})).peakBytes;
      this.kill();
    });
  }

  kill(): void {
    this.side?.kill();
    this.side = undefined;
  }

  get outcome(): Outcome {
    const {failure, milliseconds, peakBytes} = this;
    return failure ?? {kind: 'measured', milliseconds, peakBytes};
  }

  /** Does nothing once this work has failed; a side that fails is ended, since its memory may be full. */
  private async attempt(act: (side: Side) => Promise<void>): Promise<void> {
    if (this.failure !== undefined) return;
    try {
      if (this.side === undefined) await this.start();
      await act(this.side!);
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      this.failure = {kind: 'failed', message: error.message};
      this.kill();
    }
  }
}
