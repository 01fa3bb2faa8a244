/**
 * What the kernels of harmonized cross-entropy give and what they should give, in float64 by the definition (Li et al., see
 * native/harmonized.h). Run as a program, it prints the largest error of all: the test does so with ATEN_CPU_CAPABILITY set,
 * which selects other instructions.
 */
import {pathToFileURL} from 'node:url';
import {functionsOf} from '../../../src/engine/torch/addon.js';
import type {HarmonizedFunctions} from '../../../src/engine/torch/kernels/harmonized-losses.js';
import {Random} from '../../../src/random/random.js';
import {computed, filled, relativeError, type Values} from './fused-kernels.js';

export type HarmonizedCase = {
  readonly bins: number;
  readonly classes: number;
  /** Of the logits: of a network that knows its background, of one that does not, and losses beyond 64. */
  readonly logits: readonly [low: number, high: number];
  /** All weights 1, whole tiles of weight 0, or of every example 0 or a fraction, which counts as 1. */
  readonly weights: 'one' | 'runs' | 'fractions';
};

/**
 * Bins around the 32 that a permutation holds, one, and the most; classes that fill no line, a tile but for a rest, and more
 * than a tile of 512.
 */
export const HARMONIZED_CASES: readonly HarmonizedCase[] = [1, 2, 30, 31, 32, 33, 256].flatMap((bins, i) =>
  (['one', 'runs', 'fractions'] as const).flatMap((weights, j) =>
    (
      [
        [-9, -4],
        [-12, 8],
        [-150, 150],
      ] as const
    ).map((logits, k) => ({bins, weights, logits, classes: [1, 3, 80, 700][(i + j + k) % 4]!})),
  ),
);

const MOMENTUM = 0.75;
const IMAGES = 2;
const DY = 0.5;

/** Two thirds of the logits on the first level, an empty one, and few on the others; several parts where examples are many. */
const levelsOf = (classes: number): readonly number[] => [Math.ceil(40_000 / classes), 0, 37, 1];

const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));

/** Whether float32 and float64 put |sigmoid(z) - t| into the same of the bins. */
function clearOfEdges(z: number, bins: number): boolean {
  const place = sigmoid(z) * bins;
  const edge = Math.round(place);
  return edge === 0 || edge === bins || Math.abs(place - edge) > 1e-6 * bins;
}

function operandsOf({bins, classes, logits: [low, high], weights}: HarmonizedCase) {
  const random = new Random(9, `${bins} ${classes} ${low} ${weights}`);
  const examples = levelsOf(classes).reduce((sum, count) => sum + count, 0);
  const drawn = Array.from({length: 10_007}, () => Math.fround(random.uniform(low, high))).filter(z =>
    clearOfEdges(z, bins),
  );
  const z = filled([IMAGES, examples, classes], i => drawn[i % drawn.length]!);
  const labels: Values = {
    values: Int32Array.from({length: IMAGES * examples}, () =>
      random.uniform(0, 1) < 0.9 ? 0 : random.int(classes + 2) - 1,
    ),
    shape: [IMAGES, examples],
  };
  const weight = filled([IMAGES, examples], i => {
    if (weights === 'fractions') return i % 5 === 0 ? 0 : random.uniform(0.01, 0.99);
    return weights === 'one' || Math.floor(i / 600) % 2 === 0 ? 1 : 0;
  });
  return {z, labels, weight, sums: filled([bins], i => (i % 3) * 17)};
}

/** Loss, running sums after it, weights by level and bin, and the gradient. */
function stated({z, labels, weight, sums}: ReturnType<typeof operandsOf>, {bins, classes}: HarmonizedCase) {
  const levels = levelsOf(classes);
  const examples = levels.reduce((sum, count) => sum + count, 0);
  const level = levels.flatMap((count, index) => new Array<number>(count).fill(index));
  const counts = new Float64Array(levels.length * bins);
  const losses = new Float64Array(levels.length * bins);
  // Of every logit: its place in the table, or none.
  const places = new Int32Array(z.values.length).fill(-1);
  const slopes = new Float64Array(z.values.length);
  for (let i = 0; i < places.length; i++) {
    const example = Math.floor(i / classes);
    const label = labels.values[example]!;
    if (label < 0 || weight.values[example] === 0) continue;
    const sign = label - 1 === i % classes ? -1 : 1;
    const v = sign * z.values[i]!;
    slopes[i] = sign * sigmoid(v);
    const bin = Math.min(bins - 1, Math.floor(Math.abs(slopes[i]!) * bins));
    places[i] = level[example % examples]! * bins + bin;
    counts[places[i]!]!++;
    losses[places[i]!]! += Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
  }
  const after = Float64Array.from(sums.values);
  const table = counts.map((count, place) => {
    if (count === 0) return 0;
    const start = place - (place % bins);
    const filledBins = counts.slice(start, start + bins).filter(found => found > 0).length;
    after[place % bins] = MOMENTUM * after[place % bins]! + (1 - MOMENTUM) * count;
    return 1 / (after[place % bins]! * filledBins);
  });
  const loss = losses.reduce((sum, found, place) => sum + table[place]! * found, 0);
  const gradient = slopes.map((slope, i) => (places[i]! < 0 ? 0 : DY * table[places[i]!]! * slope));
  return {loss, sums: after, table, gradient};
}

/** The largest errors over two steps, the second from the sums that the first has left. */
export function harmonizedErrors(one: HarmonizedCase): Readonly<Record<string, number>> {
  const native = functionsOf<HarmonizedFunctions>();
  const errors = {loss: 0, sums: 0, table: 0, gradient: 0};
  const levels = levelsOf(one.classes);
  let operands = operandsOf(one);
  for (let step = 0; step < 2; step++) {
    const {z, labels, weight, sums} = operands;
    const expected = stated(operands, one);
    const [loss, after, table] = computed([z, labels, weight, sums], (a, b, c, d) =>
      native.sfHarmonizedCrossEntropy(a, b, c, d, levels, MOMENTUM),
    ) as [Float32Array, Float32Array, Float32Array];
    const weights: Values = {values: table, shape: [levels.length, one.bins]};
    const [gradient] = computed([filled([], () => DY), z, labels, weight, weights], (a, b, c, d, ...[e]) =>
      native.sfHarmonizedCrossEntropyGrad(a, b, c, d, e!, levels),
    );
    errors.loss = Math.max(errors.loss, relativeError(loss, [expected.loss]));
    errors.sums = Math.max(errors.sums, relativeError(after, expected.sums));
    errors.table = Math.max(errors.table, relativeError(table, expected.table));
    errors.gradient = Math.max(errors.gradient, relativeError(gradient!, expected.gradient));
    operands = {...operands, sums: {values: after, shape: [one.bins]}};
  }
  return errors;
}

export function largestHarmonizedError(): number {
  return Math.max(...HARMONIZED_CASES.flatMap(one => Object.values(harmonizedErrors(one))));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(largestHarmonizedError());
