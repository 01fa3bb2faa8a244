/** The learning rate of an iteration, as maskrcnn-benchmark's WarmupMultiStepLR with linear warm-up. */
import type {ScheduleConfig} from '../config/run.js';

/**
 * Before `warmup.iterations` the rate grows linearly from `warmup.factor` times its value; it is multiplied by
 * `gamma` from each iteration in `steps` on.
 * @param iteration counted from 0: the number of updates made before
 */
export function learningRateAt(
  schedule: Pick<ScheduleConfig, 'baseLr' | 'steps' | 'gamma' | 'warmup'>,
  iteration: number,
): number {
  const {baseLr, steps, gamma, warmup} = schedule;
  const progress = iteration < warmup.iterations ? iteration / warmup.iterations : 1;
  const warm = warmup.factor * (1 - progress) + progress;
  const stepsTaken = steps.filter(step => step <= iteration).length;
  return baseLr * warm * gamma ** stepsTaken;
}
