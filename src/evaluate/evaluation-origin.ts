/** What made the figures of an evaluation: a number without it cannot be made again. */
import type {RunConfig} from '../config/run.js';
import {scoreThreshold} from '../sampling-free/adaptive-threshold.js';
import type {Imbalance} from '../sampling-free/imbalance.js';
import {codeVersion} from '../train/code-version.js';

export type EvaluationOrigin = {
  readonly checkpoint: {
    /** The file, or the run's folder where the model never left memory. */
    readonly path: string;
    /** Updates that the weights have had. */
    readonly iteration: number;
  };
  /** By stage: the score that a prediction had to exceed before NMS. */
  readonly scoreThresholds: Readonly<Record<string, number>>;
  readonly engine: string;
  /** `git describe` of the code, or its version. */
  readonly commit: string;
};

export type EvaluatedModel = EvaluationOrigin['checkpoint'] & {
  readonly config: Pick<RunConfig, 'model'>;
  /** Of the training set; adaptive thresholds come from it. */
  readonly imbalance: Readonly<Record<string, Imbalance>>;
  readonly classes: number;
};

/** @param engine its label */
export async function evaluationOrigin(
  {path, iteration, config, imbalance, classes}: EvaluatedModel,
  engine: string,
): Promise<EvaluationOrigin> {
  const thresholds = Object.entries(config.model.stages).map(([name, stage]) => [
    name,
    scoreThreshold(stage.scoreThreshold, imbalance[name], classes),
  ]);
  return {
    checkpoint: {path, iteration},
    scoreThresholds: Object.fromEntries(thresholds),
    engine,
    commit: await codeVersion(),
  };
}
