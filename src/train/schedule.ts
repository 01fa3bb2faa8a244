/** The learning rate of an iteration: maskrcnn-benchmark's WarmupMultiStepLR, with a power for darknet's burn-in. */
import type {ScheduleConfig} from '../config/run.js';

/**
 * Before `warmup.iterations` the rate grows from `warmup.factor` times its value, linearly or as a power of what is done; it
 * is multiplied by `gamma` from each iteration in `steps` on.
 * @param iteration counted from 0: the number of updates made before
 */
export function learningRateAt(
  schedule: Pick<ScheduleConfig, 'baseLr' | 'steps' | 'gamma' | 'warmup'>,
  iteration: number,
): number {
  const {baseLr, steps, gamma, warmup} = schedule;
  const progress = iteration < warmup.iterations ? iteration / warmup.iterations : 1;
  const grown = progress ** warmup.power;
  const warm = warmup.factor * (1 - grown) + grown;
  const stepsTaken = steps.filter(step => step <= iteration).length;
  return baseLr * warm * gamma ** stepsTaken;
}
