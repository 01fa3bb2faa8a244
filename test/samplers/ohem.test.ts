import test from 'ava';
import {sample} from '../../src/samplers/sampler.js';
import {samplingContext} from './context.js';

/** Positions that OHEM takes, n and fraction given. */
function taken(
  labels: readonly number[],
  losses: readonly number[],
  {n, fraction}: {readonly n: number; readonly fraction: number},
): number[] {
  const context = samplingContext({losses: () => Float32Array.from(losses)});
  const weights = sample({kind: 'ohem', n, fraction}, Int32Array.from(labels), context);
  return [...weights.keys()].filter(i => weights[i] === 1);
}

test('the largest losses are taken, of foreground and of background apart', t => {
  // Half of 4 are foreground: losses 5 and 3 of (1, 5, 3); then 2 background: 4 and 2 of (2, 0, 4). The ignored 9 is not.
  t.deepEqual(taken([1, 0, 2, 0, -1, 3, 0], [1, 2, 5, 0, 9, 3, 4], {n: 4, fraction: 0.5}), [1, 2, 5, 6]);
});

test('background fills up what foreground leaves, never the other way round', t => {
  // One foreground of the two that may be, so three background: 6, 5 and 4.
  t.deepEqual(taken([0, 0, 0, 0, 1], [4, 6, 3, 5, 1], {n: 4, fraction: 0.5}), [0, 1, 3, 4]);
  // One background leaves room for three, and still only two foreground are taken: 8 and 7.
  t.deepEqual(taken([1, 1, 1, 0], [6, 7, 8, 1], {n: 4, fraction: 0.5}), [1, 2, 3]);
});

test('of equal losses the lower position is taken first, and -0 equals 0', t => {
  t.deepEqual(taken([0, 0, 0, 0, 0], [1, 2, 1, 2, 1], {n: 3, fraction: 0.5}), [0, 1, 3]);
  t.deepEqual(taken([0, 0, 0, 0], [1, 1, 1, 1], {n: 2, fraction: 0.5}), [0, 1]);
  t.deepEqual(taken([0, 0, 0], [-0, 0, -0], {n: 1, fraction: 0.5}), [0]);
});

test('NaN counts as infinity', t => {
  const losses = [1, Number.NaN, Number.POSITIVE_INFINITY, 2, Number.NaN];
  t.deepEqual(taken([0, 0, 0, 0, 0], losses, {n: 1, fraction: 0.5}), [1]);
  t.deepEqual(taken([0, 0, 0, 0, 0], losses, {n: 2, fraction: 0.5}), [1, 2]);
  t.deepEqual(taken([0, 0, 0, 0, 0], losses, {n: 3, fraction: 0.5}), [1, 2, 4]);
  t.deepEqual(taken([0, 0, 0, 0, 0], losses, {n: 4, fraction: 0.5}), [1, 2, 3, 4]);
});

test('a NaN of an ignored example changes nothing', t => {
  t.deepEqual(taken([-1, 0, 0], [Number.NaN, 1, 2], {n: 1, fraction: 0.5}), [2]);
});

test('a fraction of less than one example takes no foreground', t => {
  t.deepEqual(taken([1, 0, 0], [9, 1, 2], {n: 3, fraction: 0.3}), [1, 2]);
});

test('losses are asked for once where there is a choice, and not at all where there is none', t => {
  let asked = 0;
  const losses = (count: number) => () => {
    asked++;
    return new Float32Array(count);
  };
  const config = {kind: 'ohem', n: 4, fraction: 0.5} as const;
  sample(config, Int32Array.of(1, 1, 1, 0, 0, 0, 0), samplingContext({losses: losses(7)}));
  t.is(asked, 1);
  for (const labels of [[], [-1, -1, -1, -1, -1, -1], [1, 1, 0, 0], [0, 0, 0, 0, -1], [1, 0]]) {
    t.deepEqual(
      [...sample(config, Int32Array.from(labels), samplingContext())],
      labels.map(label => (label < 0 ? 0 : 1)),
    );
  }
});

test('as many losses as examples are needed', t => {
  t.throws(() => taken([0, 0, 0], [1, 2], {n: 1, fraction: 0.5}), {message: 'ohem: 2 losses for 3 examples'});
});

test('512 of the 201,600 anchors of a photograph are found in bounded time', t => {
  const labels = Int32Array.from({length: 201_600}, (_, i) => (i % 1123 === 0 ? 1 : 0));
  const losses = Float32Array.from(labels.keys(), i => Math.abs(Math.sin(i)));
  const context = samplingContext({losses: () => losses});
  const config = {kind: 'ohem', n: 512, fraction: 0.25} as const;
  sample(config, labels, context);
  const start = performance.now();
  const weights = sample(config, labels, context);
  const time = performance.now() - start;
  t.log(`${time.toFixed(1)} ms`);
  t.is(
    weights.reduce((sum, weight) => sum + weight, 0),
    512,
  );
  t.true(time < 1000);
});
