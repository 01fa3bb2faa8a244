/** Holds kernels of the torch engine against tfjs's own on the cpu engine, for random shapes. */
import * as tf from '@tensorflow/tfjs';
import test, {type ExecutionContext} from 'ava';
import fc from 'fast-check';
import {buildRecord} from '../../../src/engine/torch/addon.js';
import {onEngine, relativeDifference} from '../ops/agreement.js';

/** `draw(fc.nat, 5)` is a whole number of 0 .. 5, another one at each call. */
export type Draw = fc.GeneratorValue;
export type Outputs = tf.Tensor | readonly tf.Tensor[];
export type Dtype = 'float32' | 'int32' | 'bool';

/** Where the addon is not built these tests are skipped, and ava says so. */
export const torchTest = buildRecord() === undefined ? test.serial.skip : test.serial;

export const DTYPES: readonly Dtype[] = ['float32', 'int32', 'bool'];

/** low .. high. */
export const whole = (low: number, high: number): fc.Arbitrary<number> => fc.integer({min: low, max: high});
/** `least` to `most` axes of 1 .. size. */
export const shapes = (least: number, most: number, size = 5): fc.Arbitrary<number[]> =>
  fc.array(whole(1, size), {minLength: least, maxLength: most});
/** Numbers of low .. high. */
export const wholes = (count: number, low: number, high: number): fc.Arbitrary<number[]> =>
  fc.array(whole(low, high), {minLength: count, maxLength: count});

/** One of these. */
export const pick = <T>(draw: Draw, values: readonly T[]): T => values[draw(whole, 0, values.length - 1)]!;
/** Some of 0 .. count - 1, in any order. */
export const someOf = (count: number): fc.Arbitrary<number[]> =>
  fc.shuffledSubarray([...Array(count).keys()]);
/** All of 0 .. count - 1, in any order. */
export const allOf = (count: number): fc.Arbitrary<number[]> =>
  fc.shuffledSubarray([...Array(count).keys()], {minLength: count});

/** A tensor of values that hardly repeat, or of both truths. */
export function filled(shape: number[], dtype: Dtype = 'float32'): tf.Tensor {
  const values = Array.from({length: tf.util.sizeFromShape(shape)}, (_, i) => ((i * 7919) % 10007) - 5000);
  return tf.tensor(dtype === 'bool' ? values.map(value => value % 3 === 0) : values, shape, dtype);
}

/** As `filled`, in -1 .. 1. */
export const signed = (shape: number[]): tf.Tensor => tf.mul(filled(shape), 1 / 5007);

type Result = {readonly shape: number[]; readonly dtype: string; readonly values: number[]};

function results(compute: () => Outputs): Result[] {
  const outputs = tf.tidy(() => [compute()].flat() as tf.Tensor[]);
  const read = outputs.map(tensor => ({
    shape: tensor.shape,
    dtype: tensor.dtype,
    values: Array.from(tensor.dataSync()),
  }));
  tf.dispose(outputs);
  return read;
}

/** Asserts that torch gives what cpu gives, exactly or within `tolerance` of the largest magnitude. */
export async function assertAsOnCpu(
  t: ExecutionContext,
  compute: () => Outputs,
  tolerance = 0,
): Promise<void> {
  const expected = await onEngine(t, 'cpu', () => results(compute));
  const actual = await onEngine(t, 'torch', () => results(compute));
  const tensors = (all: readonly Result[]) => all.map(({shape, dtype}) => ({shape, dtype}));
  t.deepEqual(tensors(actual), tensors(expected));
  for (const [i, {values}] of actual.entries()) {
    if (tolerance === 0) t.deepEqual(values, expected[i]!.values);
    else t.true(relativeDifference(values, expected[i]!.values) <= tolerance, `output ${i}`);
  }
}

/** A test that `assertAsOnCpu` holds for what `plan` draws, in `runs` of them. */
export function asOnCpu(
  title: string,
  plan: (draw: Draw) => () => Outputs,
  {runs = 40, tolerance = 0}: {readonly runs?: number; readonly tolerance?: number} = {},
): void {
  torchTest(title, async t => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async draw => {
        await assertAsOnCpu(t, plan(draw), tolerance);
      }),
      {numRuns: runs, seed: 22},
    );
  });
}
