/**
 * Optimal bias initialization, Eq. 9 and 10. When every class of every anchor starts at probability pi, L^CE is Eq. 4,
 * whose derivative -1 / pi + (N C / N_f - 1) / (1 - pi) is 0 at pi = N_f / (N C): the bias that makes the first loss
 * the least.
 */
import type {BiasInit} from '../config/stage.js';
import {UsageError} from '../errors.js';
import type {Imbalance} from './imbalance.js';

/** Where the classification layer starts: every probability is `pi`, every bias is `bias`. */
export type InitialBias = {readonly pi: number; readonly bias: number};

/**
 * pi = N_f / (N C).
 * @throws UsageError when the data set has no foreground, or nothing else: there is no such pi.
 */
export function optimalPrior({examples, foreground}: Imbalance, classes: number): number {
  const pi = foreground / (examples * classes);
  if (pi > 0 && pi < 1) return pi;
  throw new UsageError(
    `optimal bias: N_f = ${foreground} of N = ${examples} examples are foreground in the training set; ` +
      'check its annotations and the config’s anchors or scales, or set biasInit to prior',
  );
}

/** b = -log((1 - pi) / pi), the logit of pi, exact for tiny pi. */
export function biasOfPrior(pi: number): number {
  return Math.log(pi) - Math.log1p(-pi);
}

/**
 * The bias of the last classification layer.
 * @param imbalance N and N_f of the training set; only 'optimal' needs them
 */
export function initialBias(
  config: BiasInit,
  imbalance: Imbalance | undefined,
  classes: number,
): InitialBias {
  switch (config.kind) {
    case 'prior':
      return {pi: config.pi, bias: biasOfPrior(config.pi)};
    case 'optimal': {
      if (imbalance === undefined) throw new Error('optimal bias: N and N_f have not been counted');
      const pi = optimalPrior(imbalance, classes);
      return {pi, bias: biasOfPrior(pi)};
    }
    case 'zero':
      return {pi: 0.5, bias: 0};
  }
}
