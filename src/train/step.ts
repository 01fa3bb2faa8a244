/** One training step: losses, gradients, and the update if all of them are numbers. */
import * as tf from '@tensorflow/tfjs';
import type {Batch} from '../data/batch.js';
import type {Detector, StageLosses} from '../detectors/detector.js';
import {globalNorm} from '../engine/ops/global-norm.js';
import type {Sgd} from './sgd.js';

/** `StageLosses` on the host. */
export type StageRecord = {
  readonly classification: number;
  readonly box: number;
  readonly total: number;
  readonly w: number;
  /** Where the stage has masks. */
  readonly mask?: number;
  readonly examples: number;
  readonly foreground: number;
};

export type StepRecord = {
  readonly stages: Readonly<Record<string, StageRecord>>;
  /** Sum of the stages' totals: what was minimised. */
  readonly total: number;
  /** Global norm of the gradients, before clipping. */
  readonly gradNorm: number;
  /** False when a loss or the norm was not finite: the parameters are then those before the step. */
  readonly applied: boolean;
};

const SCALARS = ['classification', 'box', 'total', 'w'] as const satisfies readonly (keyof StageLosses)[];

/** `SCALARS`, and the loss of the masks, which is 0 where there is none. */
const VALUES_OF_A_STAGE = SCALARS.length + 1;

/**
 * Differentiates the sum of the stage totals and updates the trainable parameters. The host waits for the device
 * once: losses and gradient norm come back in one read. The batch is left to the caller.
 */
export async function trainStep(
  detector: Detector,
  batch: Batch,
  optimizer: Sgd,
  lr: number,
): Promise<StepRecord> {
  const {stages, losses, gradients} = differentiate(detector, batch);
  const norm = globalNorm([...gradients.values()]);
  try {
    const values = await readOnce(losses, norm);
    const finite = values.every(Number.isFinite);
    if (finite) optimizer.step(gradients, norm, lr);
    return toRecord(stages, values, finite);
  } finally {
    tf.dispose([losses, norm, ...gradients.values()]);
  }
}

type Differentiated = {
  readonly stages: readonly (readonly [name: string, losses: StageLosses])[];
  /** The values of each stage, in order. */
  readonly losses: tf.Tensor1D; // [stages * VALUES_OF_A_STAGE]
  /** By parameter name. */
  readonly gradients: ReadonlyMap<string, tf.Tensor>;
};

function differentiate(detector: Detector, batch: Batch): Differentiated {
  const trainable = detector.parameters.trainable;
  const captured: {stages: Differentiated['stages']; losses: tf.Tensor1D}[] = [];
  const {value, grads} = tf.variableGrads(
    () => {
      const stages = Object.entries(detector.losses(batch));
      // variableGrads disposes what it has not been given back, unless it is kept.
      const losses = tf.keep(tf.stack(stages.flatMap(([, stage]) => scalarsOf(stage))));
      captured.push({stages, losses: losses as tf.Tensor1D});
      return stages.map(([, stage]) => stage.total).reduce((sum, total) => tf.add<tf.Scalar>(sum, total));
    },
    trainable.map(parameter => parameter.variable),
  );
  value.dispose();
  const [forward] = captured;
  if (forward === undefined) throw new Error('tf.variableGrads did not call the loss');
  const gradients = new Map<string, tf.Tensor>();
  for (const {name, variable} of trainable) {
    const gradient = grads[variable.name];
    if (gradient !== undefined) gradients.set(name, gradient);
  }
  return {...forward, gradients};
}

const scalarsOf = (stage: StageLosses): tf.Scalar[] => [
  ...SCALARS.map(key => stage[key]),
  stage.mask ?? tf.scalar(0),
];

async function readOnce(losses: tf.Tensor1D, norm: tf.Scalar): Promise<readonly number[]> {
  const together = tf.tidy(() => tf.concat([losses, norm.as1D()]));
  try {
    return [...(await together.data())];
  } finally {
    together.dispose();
  }
}

function toRecord(stages: Differentiated['stages'], values: readonly number[], applied: boolean): StepRecord {
  const records = stages.map(([name, {mask: masks, examples, foreground}], index) => {
    const [classification, box, total, w, mask] = values.slice(index * VALUES_OF_A_STAGE) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const record = {
      classification,
      box,
      total,
      w,
      ...(masks === undefined ? {} : {mask}),
      examples,
      foreground,
    };
    return [name, record] as const;
  });
  return {
    stages: Object.fromEntries(records),
    total: records.reduce((sum, [, record]) => sum + record.total, 0),
    gradNorm: values.at(-1) as number,
    applied,
  };
}
