/**
 * What the fused kernels give and what they should give, in float64 by their definitions. Run as a program, it prints the
 * largest error of all: the tests do so with ATEN_CPU_CAPABILITY set, which selects other instructions.
 */
import {pathToFileURL} from 'node:url';
import {type CoreFunctions, functionsOf, type Handle} from '../../../src/engine/torch/addon.js';
import type {LayerFunctions} from '../../../src/engine/torch/kernels/fused-layers.js';
import type {LossFunctions} from '../../../src/engine/torch/kernels/fused-losses.js';
import type {SgdFunctions} from '../../../src/engine/torch/kernels/fused-sgd.js';
import {Random} from '../../../src/random/random.js';

export const native = (): CoreFunctions & LayerFunctions & LossFunctions & SgdFunctions => functionsOf();

export type Values = {readonly values: Float32Array | Int32Array; readonly shape: readonly number[]};

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

export const filled = (shape: readonly number[], value: (i: number) => number): Values => ({
  values: Float32Array.from({length: sizeOf(shape)}, (_, i) => value(i)),
  shape,
});

/** Calls a native function with tensors of these values, and gives the values of the tensors that it makes. */
export function computed(
  operands: readonly Values[],
  call: (...handles: [Handle, Handle, Handle, Handle, ...Handle[]]) => number,
): Float32Array[] {
  const core = native();
  const handles = operands.map(({values, shape}) => core.fromValues(values, shape));
  try {
    call(...(handles as [Handle, Handle, Handle, Handle, ...Handle[]]));
    return readResults();
  } finally {
    for (const handle of handles) core.release(handle);
  }
}

/** The values of the tensors that the last call made; releases them. */
function readResults(): Float32Array[] {
  const core = native();
  const words = core.results().slice();
  const results: Float32Array[] = [];
  for (let at = 1; results.length < words[0]!; at += 3 + words[at + 2]!) {
    const into = new Float32Array(sizeOf([...words.subarray(at + 3, at + 3 + words[at + 2]!)]));
    core.read(words[at]!, into);
    core.release(words[at]!);
    results.push(into);
  }
  return results;
}

/** The largest difference, as a part of the largest magnitude that is expected. */
export function relativeError(actual: Float32Array, expected: ArrayLike<number>): number {
  let largest = 0;
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    largest = difference <= largest ? largest : difference;
    scale = Math.max(scale, Math.abs(expected[i]!));
  }
  return Number.isNaN(largest) || actual.length !== expected.length
    ? Number.POSITIVE_INFINITY
    : largest / scale;
}

export type LossCase = {
  readonly examples: number;
  readonly classes: number;
  /** All weights 1, whole tiles of weight 0, or a weight of its own for each example. */
  readonly weights: 'one' | 'runs' | 'own';
  /** Undefined for cross-entropy. */
  readonly gamma: number | undefined;
};

/** One class, rows that fill no vector, rows that fill a tile of 512, rows of two tiles, examples of several threads. */
export const LOSS_CASES: readonly LossCase[] = [1, 3, 16, 80, 512, 700].flatMap(classes =>
  (['one', 'runs', 'own'] as const).flatMap(weights =>
    [undefined, 2, 0.5].map(gamma => ({examples: Math.ceil(70_000 / classes) + 3, classes, weights, gamma})),
  ),
);

const ALPHA = 0.25;

/** Loss and slope of v in float64, see native/sigmoid_losses.h. */
function lossOf(v: number, isClass: boolean, gamma: number | undefined): {value: number; slope: number} {
  const softplus = Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
  const p = 1 / (1 + Math.exp(-v));
  if (gamma === undefined) return {value: softplus, slope: p};
  const factor = (isClass ? ALPHA : 1 - ALPHA) * p ** gamma;
  return {value: factor * softplus, slope: factor * (gamma * (1 - p) * softplus + p)};
}

/** Errors of the sum, and of its gradient for dy = 1/2. Labels are -1 (ignored), background, classes and one class too many. */
export function lossErrors({examples, classes, weights, gamma}: LossCase): {sum: number; gradient: number} {
  const random = new Random(7, `${examples} ${classes}`);
  const z = filled([1, examples, classes], () => random.uniform(-12, 8));
  const labels = Int32Array.from({length: examples}, () =>
    random.uniform(0, 1) < 0.9 ? 0 : random.int(classes + 3) - 1,
  );
  const weight = filled([1, examples], i => {
    if (weights === 'own') return i % 5 === 0 ? 0 : random.uniform(0.5, 2);
    return weights === 'one' || Math.floor(i / 600) % 2 === 0 ? 1 : 0;
  });
  let sum = 0;
  const gradient = new Float64Array(z.values.length);
  for (let i = 0; i < gradient.length; i++) {
    const example = Math.floor(i / classes);
    const label = labels[example]!;
    const factor = label < 0 ? 0 : weight.values[example]!;
    const sign = label - 1 === i % classes ? -1 : 1;
    const {value, slope} = lossOf(sign * z.values[i]!, sign < 0, gamma);
    sum += factor * value;
    gradient[i] = 0.5 * factor * sign * slope;
  }
  const operands = [z, {values: labels, shape: [1, examples]}, weight, filled([], () => 0.5)];
  const f = native();
  const [actualSum] = computed(operands, (logits, label, w) =>
    gamma === undefined
      ? f.sfSigmoidCrossEntropy(logits, label, w)
      : f.sfSigmoidFocal(logits, label, w, ALPHA, gamma),
  );
  const [actualGradient] = computed(operands, (logits, label, w, dy) =>
    gamma === undefined
      ? f.sfSigmoidCrossEntropyGrad(dy, logits, label, w)
      : f.sfSigmoidFocalGrad(dy, logits, label, w, ALPHA, gamma),
  );
  return {sum: relativeError(actualSum!, [sum]), gradient: relativeError(actualGradient!, gradient)};
}

export type NormCase = {
  readonly batch: number;
  readonly pixels: number;
  readonly channels: number;
  readonly groups: number;
  /** Below zero: of no activation, leaky ReLU, ReLU. */
  readonly slope: 1 | 0.1 | 0;
};

/** One pixel, channels that fill no vector, a block and a part over its edge. */
export const NORM_CASES: readonly NormCase[] = [
  {batch: 1, pixels: 1, channels: 8, groups: 2, slope: 1},
  {batch: 2, pixels: 67, channels: 12, groups: 3, slope: 0},
  {batch: 2, pixels: 1030, channels: 48, groups: 16, slope: 0},
  {batch: 1, pixels: 1030, channels: 24, groups: 24, slope: 0.1},
  {batch: 1, pixels: 300, channels: 256, groups: 32, slope: 1},
];

const EPSILON = 1e-3;

/** The largest error of y, mean and inverse; and of dx, dgamma and dbeta. */
export function normErrors({batch, pixels, channels, groups, slope}: NormCase): {
  forward: number;
  gradient: number;
} {
  const random = new Random(8, `${pixels} ${channels}`);
  const shape = [batch, pixels, 1, channels];
  const x = filled(shape, i => random.uniform(-2, 2) + (i % 3));
  const dy = filled(shape, () => random.uniform(-1, 1));
  const gamma = filled([channels], () => random.uniform(0.5, 2));
  const beta = filled([channels], () => random.uniform(-1, 1));
  const size = batch * pixels * channels;
  const perGroup = channels / groups;
  const count = pixels * perGroup;
  const groupOf = (i: number): number =>
    Math.floor(i / (pixels * channels)) * groups + Math.floor((i % channels) / perGroup);
  const zeros = (): Float64Array => new Float64Array(batch * groups);
  const [mean, variance, meanG, meanProduct] = [zeros(), zeros(), zeros(), zeros()];
  for (let i = 0; i < size; i++) mean[groupOf(i)]! += x.values[i]! / count;
  for (let i = 0; i < size; i++) variance[groupOf(i)]! += (x.values[i]! - mean[groupOf(i)]!) ** 2 / count;
  const inverse = variance.map(value => 1 / Math.sqrt(value + EPSILON));
  const xhat = Float64Array.from(
    {length: size},
    (_, i) => (x.values[i]! - mean[groupOf(i)]!) * inverse[groupOf(i)]!,
  );
  const raw = xhat.map((value, i) => value * gamma.values[i % channels]! + beta.values[i % channels]!);
  const y = raw.map(value => (value < 0 ? slope * value : value));
  const dz = raw.map((value, i) => (value > 0 ? 1 : slope) * dy.values[i]!);
  const g = dz.map((value, i) => value * gamma.values[i % channels]!);
  const [dgamma, dbeta] = [new Float64Array(channels), new Float64Array(channels)];
  for (let i = 0; i < size; i++) {
    meanG[groupOf(i)]! += g[i]! / count;
    meanProduct[groupOf(i)]! += (g[i]! * xhat[i]!) / count;
    dgamma[i % channels]! += dz[i]! * xhat[i]!;
    dbeta[i % channels]! += dz[i]!;
  }
  const dx = xhat.map(
    (value, i) => inverse[groupOf(i)]! * (g[i]! - meanG[groupOf(i)]! - value * meanProduct[groupOf(i)]!),
  );
  const forward = computed([x, gamma, beta], (p, q, r) =>
    native().sfGroupNorm(p, q, r, groups, EPSILON, slope),
  );
  const statistics = forward.slice(1).map(values => ({values, shape: [batch, groups]}));
  const gradient = computed([dy, x, gamma, beta, ...statistics], (p, q, r, s, m, v) =>
    native().sfGroupNormGrad(p, q, r, s, m!, v!, groups, slope),
  );
  const worst = (actual: Float32Array[], expected: Float64Array[]): number =>
    Math.max(...expected.map((values, i) => relativeError(actual[i]!, values)));
  return {forward: worst(forward, [y, mean, inverse]), gradient: worst(gradient, [dx, dgamma, dbeta])};
}

/** The largest of all errors of LOSS_CASES and NORM_CASES. */
export function largestError(): number {
  const losses = LOSS_CASES.flatMap(one => Object.values(lossErrors(one)));
  const norms = NORM_CASES.flatMap(one => Object.values(normErrors(one)));
  return Math.max(...losses, ...norms);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(largestError());
