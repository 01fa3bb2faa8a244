import test from 'ava';
import {learningRateAt} from '../../src/train/schedule.js';

const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-15;

test('the 1x schedule of maskrcnn-benchmark: from a third of 0.01 over 500 iterations, a tenth at 60k and 80k', t => {
  const schedule = {
    baseLr: 0.01,
    steps: [60_000, 80_000],
    gamma: 0.1,
    warmup: {iterations: 500, factor: 1 / 3, power: 1},
  };
  const lr = (iteration: number): number => learningRateAt(schedule, iteration);
  t.true(near(lr(0), 0.01 / 3));
  // Half-way: (1/3 + 1) / 2 = 2/3.
  t.true(near(lr(250), (0.01 * 2) / 3));
  // 1/3 * 1/500 + 499/500 = 1498.0/1500.
  t.true(near(lr(499), (0.01 * 1498) / 1500));
  t.is(lr(500), 0.01);
  t.is(lr(59_999), 0.01);
  t.true(near(lr(60_000), 0.001));
  t.true(near(lr(79_999), 0.001));
  t.true(near(lr(80_000), 0.0001));
  t.true(near(lr(89_999), 0.0001));
});

test('without warm-up the first iteration has the full rate', t => {
  const schedule = {baseLr: 0.02, steps: [], gamma: 0.1, warmup: {iterations: 0, factor: 0, power: 1}};
  t.is(learningRateAt(schedule, 0), 0.02);
});

test('steps within the warm-up count, in any order', t => {
  const schedule = {baseLr: 1, steps: [8, 2], gamma: 0.5, warmup: {iterations: 4, factor: 0, power: 1}};
  t.is(learningRateAt(schedule, 1), 0.25);
  // 3/4 of the way, one step taken.
  t.is(learningRateAt(schedule, 3), 0.375);
  t.is(learningRateAt(schedule, 8), 0.25);
});

test("darknet's burn-in is the fourth power of the share that is done", t => {
  const schedule = {
    baseLr: 0.001,
    steps: [400_000, 450_000],
    gamma: 0.1,
    warmup: {iterations: 1000, factor: 0, power: 4},
  };
  t.is(learningRateAt(schedule, 0), 0);
  // (1/2)^4 = 1/16, (1/10)^4.
  t.true(near(learningRateAt(schedule, 500), 0.001 / 16));
  t.true(near(learningRateAt(schedule, 100), 1e-7));
  t.is(learningRateAt(schedule, 1000), 0.001);
  // From a half: 1/2 + 1/2 * 1/16 = 17/32.
  const half = {...schedule, warmup: {iterations: 1000, factor: 0.5, power: 4}};
  t.true(near(learningRateAt(half, 500), (0.001 * 17) / 32));
});
