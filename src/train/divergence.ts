/**
 * When a run has diverged. The paper reports such runs as n/a (Tables 1 and 3): divergence is a result, not a crash.
 *
 * The limit is on the total loss. Guided loss scaling hides a growing classification loss from it (Eq. 5 and 8: the
 * total is then twice the box loss), so every loss, w and the gradient norm must also be finite.
 */
import type {StepRecord} from './step.js';

export type Divergence = {
  /** Counted from 1: the step that was not, or should not have been, made. */
  readonly iteration: number;
  /** `total`, `gradNorm`, or stage and loss: `dense.classification`. */
  readonly quantity: string;
  readonly value: number;
  /** The mini-batch, to run it again. */
  readonly imageIds: readonly number[];
};

/** The first quantity that is not finite, else a total above `divergedAbove`, else undefined. */
export function findDivergence(
  record: Omit<StepRecord, 'applied'>,
  step: {
    readonly iteration: number;
    readonly imageIds: readonly number[];
    readonly divergedAbove: number;
  },
): Divergence | undefined {
  const {divergedAbove, ...where} = step;
  const quantities: (readonly [quantity: string, value: number])[] = [
    ...Object.entries(record.stages).flatMap(([stage, {classification, box, w, total}]) =>
      Object.entries({classification, box, w, total}).map(
        ([name, value]) => [`${stage}.${name}`, value] as const,
      ),
    ),
    ['total', record.total],
    ['gradNorm', record.gradNorm],
  ];
  const notFinite = quantities.find(([, value]) => !Number.isFinite(value));
  if (notFinite !== undefined) return {...where, quantity: notFinite[0], value: notFinite[1]};
  return record.total > divergedAbove ? {...where, quantity: 'total', value: record.total} : undefined;
}

/** `diverged at iteration 12: dense.classification is NaN (images 3, 7)`. */
export function describeDivergence({iteration, quantity, value, imageIds}: Divergence): string {
  return `diverged at iteration ${iteration}: ${quantity} is ${value} (images ${imageIds.join(', ')})`;
}
