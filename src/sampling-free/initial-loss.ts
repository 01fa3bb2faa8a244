/**
 * Eq. 3 and 4: the classification loss before the first step, when every class of every anchor has probability pi. Of
 * the N C terms N_f are those of a true class. Eq. 3 is printed with a stray bracket; both are -[...].
 */

export type InitialState = {
  /** Initial probability of every class of every anchor. */
  readonly pi: number;
  /** N / N_f. */
  readonly ratio: number;
  /** C. */
  readonly classes: number;
};

/** Eq. 3: L^FL at initialisation, per foreground anchor. */
export function initialFocalLoss(
  state: InitialState & {readonly alpha: number; readonly gamma: number},
): number {
  const {pi, ratio, classes, alpha, gamma} = state;
  const foreground = alpha * (1 - pi) ** gamma * -Math.log(pi);
  const background = (1 - alpha) * pi ** gamma * -Math.log1p(-pi);
  return foreground + (ratio * classes - 1) * background;
}

/** Eq. 4: w L^CE at initialisation, per foreground anchor; w is 1 unless given. */
export function initialCrossEntropyLoss(state: InitialState & {readonly w?: number}): number {
  const {pi, ratio, classes, w = 1} = state;
  return w * (-Math.log(pi) - (ratio * classes - 1) * Math.log1p(-pi));
}
