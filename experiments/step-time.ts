/** How long a training step takes, from the log of the training itself. */
import {median} from '../src/bench/statistics.js';
import type {Metrics} from '../src/train/run-log.js';

/** Steps at the start that are slower: the engine builds its kernels and fills its memory. */
const FIRST_STEPS = 10;

export type StepTime = {
  /** Milliseconds of losses, gradients and update, without the wait for the mini-batch. */
  readonly elapsed: number;
  /**
   * Milliseconds of processor time of the whole process, loading of images included. Unlike the time that has elapsed it hardly
   * depends on what else the machine does.
   */
  readonly processor: number | undefined;
};

/** Medians over the steps; undefined for a log without any beyond the first ten. */
export function stepTime(metrics: readonly Metrics[]): StepTime | undefined {
  const steps = metrics.slice(FIRST_STEPS);
  if (steps.length === 0) return undefined;
  const processor = steps.flatMap(({processorSeconds}) => processorSeconds ?? []);
  return {
    elapsed: 1000 * median(steps.map(({seconds, dataSeconds}) => seconds - dataSeconds)),
    processor: processor.length === 0 ? undefined : 1000 * median(processor),
  };
}
