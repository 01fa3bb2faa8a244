/**
 * Checks an operation the same way everywhere: every other engine against cpu, gradients against finite differences,
 * nothing left.
 */
import * as tf from '@tensorflow/tfjs';
import type {ExecutionContext} from 'ava';
import type {EngineName} from '../../../src/config/engine-choice.js';
import {Random} from '../../../src/random/random.js';
import {FAST_ENGINES, openForTest} from '../../engines.js';

/** A tensor as plain values, to be made anew on each engine. */
export type Values = {
  readonly values: Float32Array | Int32Array;
  readonly shape: number[];
  readonly dtype: 'float32' | 'int32';
};
export type Operation = (...inputs: tf.Tensor[]) => tf.Tensor;

export const random = new Random(20, 'tests of the operations');

/** Uniform floats in [-scale, scale). */
export function floats(shape: number[], scale = 1): Values {
  const length = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({length}, () => random.uniform(-scale, scale));
  return {values, shape, dtype: 'float32'};
}

/** Uniform integers in low .. high. */
export function integers(shape: number[], low: number, high: number): Values {
  const length = shape.reduce((product, size) => product * size, 1);
  return {
    values: Int32Array.from({length}, () => low + random.int(high - low + 1)),
    shape,
    dtype: 'int32',
  };
}

/** An integer of low .. high. */
export const integer = (low: number, high: number): number => low + random.int(high - low + 1);

/** Runs `use` on that engine and asserts that it leaves no tensor behind. */
export async function onEngine<T>(t: ExecutionContext, engine: EngineName, use: () => T): Promise<T> {
  await openForTest(engine);
  const before = tf.memory().numTensors;
  const result = use();
  t.is(tf.memory().numTensors, before, `tensors left on ${engine}`);
  return result;
}

const tensorOf = ({values, shape, dtype}: Values): tf.Tensor => tf.tensor(values, shape, dtype);

/** A fixed weight for every output, so that each has its own gradient. */
function weighted(y: tf.Tensor): tf.Scalar {
  const weights = Float32Array.from({length: y.size}, (_, i) => Math.sin(1.7 * i + 0.3));
  return tf.sum(tf.mul(y, tf.tensor(weights, y.shape)));
}

/** The output, and the gradients of a weighted sum of it with respect to the first `differentiated` inputs. */
function outputAndGradients(operation: Operation, inputs: readonly Values[], differentiated: number) {
  const results = tf.tidy(() => {
    const tensors = inputs.map(tensorOf);
    const constants = tensors.slice(differentiated);
    const y = operation(...tensors);
    if (differentiated === 0) return [y];
    const gradient = tf.grads((...variables) => weighted(operation(...variables, ...constants)));
    return [y, ...gradient(tensors.slice(0, differentiated))];
  });
  return results.map(tensor => {
    const {shape} = tensor;
    const values = Float32Array.from(tensor.dataSync());
    tensor.dispose();
    return {shape, values};
  });
}

/** The largest difference, relative to the largest magnitude of `expected`; NaN counts as infinite. */
export function relativeDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let scale = 1e-3;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    scale = Math.max(scale, Math.abs(expected[i]!));
    const difference = Math.abs(actual[i]! - expected[i]!);
    largest =
      difference <= largest ? largest : Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return largest / scale;
}

/** Asserts that FAST_ENGINES compute what cpu computes: output and gradients, within a relative `tolerance`. */
export async function assertEnginesAgree(
  t: ExecutionContext,
  operation: Operation,
  inputs: readonly Values[],
  differentiated: number,
  tolerance: number,
): Promise<void> {
  const compute = () => outputAndGradients(operation, inputs, differentiated);
  const expected = await onEngine(t, 'cpu', compute);
  for (const engine of FAST_ENGINES) {
    const actual = await onEngine(t, engine, compute);
    for (const [i, {shape, values}] of expected.entries()) {
      t.deepEqual(actual[i]!.shape, shape);
      const difference = relativeDifference(actual[i]!.values, values);
      const what = `${i === 0 ? 'output' : `gradient ${i - 1}`} on ${engine}`;
      t.true(
        difference <= tolerance,
        `${what} of ${inputs.map(x => x.shape.join('x'))}: off by ${difference}`,
      );
    }
  }
}

const STEP = 1 / 64;

/**
 * Asserts on the cpu engine that gradients are central differences of the weighted output, which are summed in double
 * precision; `operation` must be smooth within STEP of the inputs.
 */
export async function assertGradient(
  t: ExecutionContext,
  operation: Operation,
  inputs: readonly Values[],
  differentiated: number,
  tolerance = 5e-3,
): Promise<void> {
  const [, ...gradients] = await onEngine(t, 'cpu', () =>
    outputAndGradients(operation, inputs, differentiated),
  );
  const value = (changed: readonly Values[]): number => {
    const y = tf.tidy(() => operation(...changed.map(tensorOf)));
    const values = Float32Array.from(y.dataSync());
    y.dispose();
    return values.reduce((sum, v, i) => sum + v * Math.sin(1.7 * i + 0.3), 0);
  };
  for (const [i, {values}] of gradients.entries()) {
    const differences = Float64Array.from(values, (_, j) => {
      const moved = (step: number): number => {
        const copy = Float32Array.from(inputs[i]!.values);
        copy[j]! += step;
        return value(inputs.map((x, k) => (k === i ? {...x, values: copy} : x)));
      };
      return (moved(STEP) - moved(-STEP)) / (2 * STEP);
    });
    const difference = relativeDifference(values, differences);
    t.true(difference <= tolerance, `gradient ${i}: off by ${difference}`);
  }
}
