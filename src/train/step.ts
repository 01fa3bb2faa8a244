/** One training step: losses and gradients of a batch, or of its sub-batches, and the update if all of them are numbers. */
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
  /** False when a loss or the norm was not finite: what is trained is then as it was before the step. */
  readonly applied: boolean;
};

const SCALARS = ['classification', 'box', 'total', 'w'] as const satisfies readonly (keyof StageLosses)[];

/** `SCALARS`, and the loss of the masks, which is 0 where there is none. */
const VALUES_OF_A_STAGE = SCALARS.length + 1;

/** The step of a batch that comes in one piece: `TrainingStep`. The batch is left to the caller. */
export async function trainStep(
  detector: Detector,
  batch: Batch,
  optimizer: Sgd,
  lr: number,
): Promise<StepRecord> {
  const step = new TrainingStep(detector);
  try {
    step.add(batch);
    return await step.finish(optimizer, lr);
  } finally {
    step.dispose();
  }
}

/**
 * Differentiates the sum of the stage totals of every sub-batch, averages the gradients, and updates the trainable
 * parameters. The host waits for the device once: losses and gradient norm come back in one read. What a step keeps
 * between its sub-batches is a set of gradients and a vector of losses for each.
 */
export class TrainingStep {
  private readonly parts: Pick<Differentiated, 'stages' | 'losses'>[] = [];
  /** Sums so far, by parameter name. */
  private readonly gradients = new Map<string, tf.Tensor>();

  constructor(
    private readonly detector: Detector,
    private readonly subBatches = 1,
  ) {}

  /** Whether all sub-batches are there. */
  get isComplete(): boolean {
    return this.parts.length === this.subBatches;
  }

  /** Computes the next sub-batch, which is left to the caller. */
  add(batch: Batch): void {
    const {gradients, ...part} = differentiate(this.detector, batch, 1 / this.subBatches);
    this.parts.push(part);
    for (const [name, gradient] of gradients) {
      const before = this.gradients.get(name);
      this.gradients.set(name, before === undefined ? gradient : tf.add(before, gradient));
      if (before !== undefined) tf.dispose([before, gradient]);
    }
  }

  /** The update by the average of all sub-batches; the next one begins a new step. */
  async finish(optimizer: Sgd, lr: number): Promise<StepRecord> {
    const norm = globalNorm([...this.gradients.values()]);
    try {
      const values = await readOnce(
        this.parts.map(({losses}) => losses),
        norm,
      );
      const finite = values.every(Number.isFinite);
      if (finite) optimizer.step(this.gradients, norm, lr);
      return toRecord(
        this.parts.map(({stages}) => stages),
        values,
        finite,
      );
    } finally {
      norm.dispose();
      this.dispose();
    }
  }

  /** Forgets the sub-batches of a step that is not to be finished. */
  dispose(): void {
    tf.dispose([this.parts.map(({losses}) => losses), [...this.gradients.values()]]);
    this.parts.length = 0;
    this.gradients.clear();
  }
}

type Differentiated = {
  readonly stages: readonly (readonly [name: string, losses: StageLosses])[];
  /** The values of each stage, in order. */
  readonly losses: tf.Tensor1D; // [stages * VALUES_OF_A_STAGE]
  /** By parameter name. */
  readonly gradients: ReadonlyMap<string, tf.Tensor>;
};

/** @param share that the batch has in its step: multiplies the gradients, not the losses */
function differentiate(detector: Detector, batch: Batch, share: number): Differentiated {
  const trainable = detector.parameters.trainable;
  const captured: {stages: Differentiated['stages']; losses: tf.Tensor1D}[] = [];
  const {value, grads} = tf.variableGrads(
    () => {
      const stages = Object.entries(detector.losses(batch));
      // variableGrads disposes what it has not been given back, unless it is kept.
      const losses = tf.keep(tf.stack(stages.flatMap(([, stage]) => scalarsOf(stage))));
      captured.push({stages, losses: losses as tf.Tensor1D});
      const total = stages
        .map(([, stage]) => stage.total)
        .reduce((sum, next) => tf.add<tf.Scalar>(sum, next));
      return share === 1 ? total : tf.mul<tf.Scalar>(total, share);
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

async function readOnce(losses: readonly tf.Tensor1D[], norm: tf.Scalar): Promise<readonly number[]> {
  const together = tf.tidy(() => tf.concat([...losses, norm.as1D()]));
  try {
    return [...(await together.data())];
  } finally {
    together.dispose();
  }
}

/** Losses are averages over the sub-batches, counts their sums. */
function toRecord(
  parts: readonly Differentiated['stages'][],
  values: readonly number[],
  applied: boolean,
): StepRecord {
  const [first = []] = parts;
  const ofPart = first.length * VALUES_OF_A_STAGE;
  const records = first.map(([name, {mask: masks}], stage) => {
    const ofStage = stage * VALUES_OF_A_STAGE;
    const average = (value: number): number =>
      parts.reduce((sum, _, part) => sum + values[part * ofPart + ofStage + value]!, 0) / parts.length;
    const count = (of: 'examples' | 'foreground'): number =>
      parts.reduce((sum, stages) => sum + stages[stage]![1][of], 0);
    const record = {
      classification: average(0),
      box: average(1),
      total: average(2),
      w: average(3),
      ...(masks === undefined ? {} : {mask: average(4)}),
      examples: count('examples'),
      foreground: count('foreground'),
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
