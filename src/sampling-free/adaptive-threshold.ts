/**
 * Adaptive thresholding: a detector trained on every example is biased to background by the imbalance, so the score
 * below which a prediction is dropped is N_f / N (Sec. 3.2, Table 2).
 */
import type {ScoreThreshold} from '../config/stage.js';
import {UsageError} from '../errors.js';
import type {Imbalance} from './imbalance.js';

/**
 * The score that a prediction must exceed before NMS.
 * @param imbalance N and N_f of the training set; only 'adaptive' needs them
 * @throws UsageError when the training set has no foreground, or was not counted.
 */
export function scoreThreshold(
  config: ScoreThreshold,
  imbalance: Imbalance | undefined,
  classes: number,
): number {
  switch (config.kind) {
    case 'fixed':
      return config.theta;
    case 'adaptive': {
      if (imbalance === undefined) {
        throw new UsageError(
          'an adaptive threshold needs N and N_f of the training set, and this model was trained without counting them; ' +
            'train with scoreThreshold adaptive, or set it to fixed',
        );
      }
      const {examples, foreground} = imbalance;
      if (foreground === 0) {
        throw new UsageError(
          `adaptive threshold: none of N = ${examples} examples is foreground in the training set; ` +
            'check its annotations and the config’s anchors or scales, or set scoreThreshold to fixed',
        );
      }
      return adaptiveThreshold(config.classes, foreground / examples, classes);
    }
  }
}

function adaptiveThreshold(
  counted: Extract<ScoreThreshold, {kind: 'adaptive'}>['classes'],
  foregroundRatio: number,
  classes: number,
): number {
  switch (counted) {
    case 'foreground':
      return foregroundRatio;
    case 'foreground+background':
      return (foregroundRatio / classes) * (classes + 1);
  }
}
