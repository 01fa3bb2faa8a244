/**
 * GHM as its authors' code states it, in plain double precision: a call for every level, edges of bins, the number of
 * examples `tot` in and out again. Independent of how src/engine/ops/harmonized.ts sums it up.
 */

/** The running sums, which calls move. */
export type State = number[];

export type Stated = {readonly loss: number; readonly gradient: readonly number[]};

/** Weights of the valid examples of a call by the sizes of their gradients; 0 for the others. */
function ghmWeights(
  sizes: readonly number[],
  valid: readonly boolean[],
  state: State,
  momentum: number,
  lastEdge: number,
) {
  const bins = state.length;
  const edges = Array.from({length: bins + 1}, (_, i) => i / bins);
  edges[bins] = lastEdge;
  const total = Math.max(1, valid.filter(Boolean).length);
  const weights = sizes.map(() => 0);
  let filled = 0;
  for (let bin = 0; bin < bins; bin++) {
    const inside = [...sizes.keys()].filter(
      i => valid[i] && sizes[i]! >= edges[bin]! && sizes[i]! < edges[bin + 1]!,
    );
    if (inside.length === 0) continue;
    filled++;
    state[bin] = momentum * state[bin]! + (1 - momentum) * inside.length;
    for (const i of inside) weights[i] = total / state[bin]!;
  }
  return {weights: filled === 0 ? weights : weights.map(weight => weight / filled), total};
}

/** GHM-C of one level: logits and targets (0 or 1) of every (example, class). */
export function ghmC(
  logits: readonly number[],
  targets: readonly number[],
  valid: readonly boolean[],
  state: State,
  momentum: number,
): Stated {
  const probabilities = logits.map(z => 1 / (1 + Math.exp(-z)));
  const sizes = probabilities.map((p, i) => Math.abs(p - targets[i]!));
  const {weights, total} = ghmWeights(sizes, valid, state, momentum, 1 + 1e-6);
  const losses = logits.map((z, i) => Math.max(z, 0) - z * targets[i]! + Math.log1p(Math.exp(-Math.abs(z))));
  return {
    loss: losses.reduce((sum, loss, i) => sum + weights[i]! * loss, 0) / total,
    gradient: probabilities.map((p, i) => (weights[i]! * (p - targets[i]!)) / total),
  };
}

/** GHM-R of one level, without its loss weight. */
export function ghmR(
  predicted: readonly number[],
  target: readonly number[],
  mu: number,
  state: State,
  momentum: number,
): Stated {
  const differences = predicted.map((value, i) => value - target[i]!);
  const lengths = differences.map(d => Math.sqrt(d * d + mu * mu));
  const sizes = differences.map((d, i) => Math.abs(d) / lengths[i]!);
  const valid = sizes.map(() => true);
  const {weights, total} = ghmWeights(sizes, valid, state, momentum, 1000);
  return {
    loss: lengths.reduce((sum, length, i) => sum + weights[i]! * (length - mu), 0) / total,
    gradient: differences.map((d, i) => (weights[i]! * d) / lengths[i]! / total),
  };
}
