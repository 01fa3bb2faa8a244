import type {ExecutionContext} from 'ava';

/** One assertion, however many numbers. */
export const near = (
  t: ExecutionContext,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance = 1e-5,
) => {
  t.is(actual.length, expected.length);
  const off = Array.from(actual).findIndex((value, i) => !(Math.abs(value - expected[i]!) <= tolerance));
  t.is(off, -1, `${actual[off]} is not ${expected[off]}`);
};
