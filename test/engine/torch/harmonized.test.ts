/** The kernels of harmonized cross-entropy on libtorch against its definition, with every set of instructions. */
import {execFileSync} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {buildRecord, functionsOf} from '../../../src/engine/torch/addon.js';
import type {HarmonizedFunctions} from '../../../src/engine/torch/kernels/harmonized-losses.js';
import {computed, filled, native, type Values} from './fused-kernels.js';
import {HARMONIZED_CASES, harmonizedErrors} from './harmonized-kernels.js';

const built = buildRecord() !== undefined;
const torchTest = built ? test.serial : test.serial.skip;

/** Of float32, relative to the largest value. */
const ERROR = 1e-6;

test.afterEach(t => {
  if (built) t.is(native().tensorCount(), 0, 'tensors are left');
});

const functions = () => functionsOf<HarmonizedFunctions>();

torchTest(
  'loss, sums, weights and gradient are what defines them over bins, weights, levels and steps',
  t => {
    for (const one of HARMONIZED_CASES)
      for (const [what, error] of Object.entries(harmonizedErrors(one)))
        t.true(error < ERROR, `${what} of ${JSON.stringify(one)}: ${error}`);
  },
);

for (const capability of ['default', 'avx2'])
  torchTest(`they are with the instructions of ATEN_CPU_CAPABILITY=${capability}`, t => {
    const program = fileURLToPath(new URL('./harmonized-kernels.js', import.meta.url));
    const printed = execFileSync(process.execPath, [program], {
      encoding: 'utf8',
      env: {...process.env, ATEN_CPU_CAPABILITY: capability},
    });
    t.true(Number(printed) < ERROR, printed);
  });

torchTest('they do not depend on the number of threads', t => {
  const z = filled([1, 9000, 20], i => ((i * 7919) % 1000) / 50 - 12);
  const labels: Values = {values: Int32Array.from({length: 9000}, (_, i) => (i * 31) % 21), shape: [1, 9000]};
  const weights = filled([1, 9000], i => (i % 3) / 2);
  const sums = filled([30], () => 0);
  const threads = native().describe().threads;
  const results = [1, 2, 3, 7].map(count => {
    native().configure(-1, count, 'fp32', false);
    return computed([z, labels, weights, sums], (a, b, c, d) =>
      functions().sfHarmonizedCrossEntropy(a, b, c, d, [7000, 2000], 0.75),
    );
  });
  native().configure(-1, threads, 'fp32', false);
  for (const result of results) t.deepEqual(result, results[0]);
});

/** What is done to 20 logits of one level, of which `at` is not like the others (0). */
function ofOneStrange(at: number, value: number, weightOf: (example: number) => number, dy = 1) {
  const operands = [
    filled([1, 20, 1], i => (i === at ? value : 0)),
    {values: new Int32Array(20), shape: [1, 20]},
    filled([1, 20], weightOf),
  ];
  const [loss, sums, table] = computed([...operands, filled([4], () => 0)], (a, b, c, d) =>
    functions().sfHarmonizedCrossEntropy(a, b, c, d, [20], 0),
  ) as [Float32Array, Float32Array, Float32Array];
  const [gradient] = computed(
    [filled([], () => dy), ...operands, {values: table, shape: [1, 4]}],
    (a, b, c, d, ...[e]) => functions().sfHarmonizedCrossEntropyGrad(a, b, c, d, e!, [20]),
  );
  return {loss: loss[0], sums: [...sums], gradient: [...gradient!]};
}

torchTest(
  'a logit that is not a number counts in the last bin, and shows in the loss and its own gradient',
  t => {
    const {loss, sums, gradient} = ofOneStrange(17, Number.NaN, () => 1);
    t.is(loss, Number.NaN);
    t.deepEqual(sums, [0, 0, 19, 1]);
    // One of 19 in one of two bins: 1 / (19 * 2) of the slope 1/2.
    t.true(gradient.every((g, i) => (i === 17 ? Number.isNaN(g) : Math.abs(g - 1 / 76) < 1e-8)));
  },
);

torchTest('an infinite loss is the loss, of a slope of 1 and none', t => {
  const wrong = ofOneStrange(3, Number.POSITIVE_INFINITY, () => 1);
  t.is(wrong.loss, Number.POSITIVE_INFINITY);
  t.deepEqual(wrong.sums, [0, 0, 19, 1]);
  t.is(wrong.gradient[3], 0.5);
  const right = ofOneStrange(3, Number.NEGATIVE_INFINITY, () => 1);
  t.true(Math.abs(right.loss! - Math.LN2 / 2) < 1e-7);
  t.deepEqual(right.sums, [1, 0, 19, 0]);
  t.true(right.gradient[3]! < 1e-37);
});

torchTest('what has weight 0 has no part and gradient 0, be its logit or dy not a number', t => {
  for (const weights of [(i: number) => (i === 17 ? 0 : 0.5), () => 0])
    for (const dy of [1, Number.NaN]) {
      const {loss, sums, gradient} = ofOneStrange(17, Number.NaN, weights, dy);
      const counted = weights(0) > 0;
      t.true(Math.abs(loss! - (counted ? Math.LN2 : 0)) < 1e-7);
      t.deepEqual(sums, [0, 0, counted ? 19 : 0, 0]);
      t.is(gradient[17], 0);
    }
});

/** Fifteen logits of -20 and a larger one among them, in two bins with these sums before; momentum 1/2. */
function besideSmall(large: number, sums: readonly [number, number]): number {
  const operands = [
    filled([1, 16, 1], i => (i === 5 ? large : -20)),
    {values: new Int32Array(16), shape: [1, 16]},
    filled([1, 16], () => 1),
    filled([2], i => sums[i]!),
  ];
  const [loss] = computed(operands, (a, b, c, d) =>
    functions().sfHarmonizedCrossEntropy(a, b, c, d, [16], 0.5),
  );
  return loss![0]!;
}

torchTest('a loss of just below and of just above 64 is summed alike', t => {
  // A bin without sums before weighs each of its R examples 2 / R, and there are two bins: their mean losses are added up.
  for (const large of [63.99999, 64, 64.00001]) {
    const expected = Math.log1p(Math.exp(-20)) + Math.fround(large);
    const loss = besideSmall(large, [0, 0]);
    t.true(Math.abs(loss / expected - 1) < 1e-7, `${loss} for ${large}`);
  }
});

torchTest('small losses lose nothing beside a large one', t => {
  // The last bin weighs 1 / 2^61, which leaves the mean of the first: e^-20, in histograms and in sums of large losses.
  for (const large of [1, 70]) {
    const loss = besideSmall(large, [0, 2 ** 61]);
    t.true(Math.abs(loss / Math.log1p(Math.exp(-20)) - 1) < 1e-6, `${loss} beside ${large}`);
  }
});

torchTest('levels of other examples, no bins and too many are refused', t => {
  const operands = (bins: number) => [
    filled([1, 3, 2], () => 0),
    {values: new Int32Array(3), shape: [1, 3]},
    filled([1, 3], () => 1),
    filled([bins], () => 0),
  ];
  const call = (bins: number, levels: readonly number[]) => () =>
    computed(operands(bins), (a, b, c, d) => functions().sfHarmonizedCrossEntropy(a, b, c, d, levels, 0));
  t.throws(call(2, [2]), {message: 'levels of all examples are expected'});
  t.throws(call(2, []), {message: 'between 1 and 16 levels are expected'});
  t.throws(call(0, [3]), {message: 'between 1 and 256 bins are expected'});
  t.throws(call(257, [3]), {message: 'between 1 and 256 bins are expected'});
});
