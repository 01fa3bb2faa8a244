import {execFileSync} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {buildRecord, type Handle} from '../../../src/engine/torch/addon.js';
import {
  computed,
  filled,
  LOSS_CASES,
  lossErrors,
  NORM_CASES,
  native,
  normErrors,
  type Values,
} from './fused-kernels.js';

const built = buildRecord() !== undefined;
const torchTest = built ? test.serial : test.serial.skip;

/** Of float32 arithmetic with functions of two units in the last place, relative to the largest value. */
const ERROR = 1e-6;

test.afterEach(t => {
  if (built) t.is(native().tensorCount(), 0, 'tensors are left');
});

torchTest('the sigmoid losses and their gradients are what defines them, whatever classes and weights', t => {
  for (const one of LOSS_CASES)
    for (const [what, error] of Object.entries(lossErrors(one)))
      t.true(error < ERROR, `${what} of ${JSON.stringify(one)}: ${error}`);
});

torchTest('group normalisation and its gradient are what defines them', t => {
  for (const one of NORM_CASES)
    for (const [what, error] of Object.entries(normErrors(one)))
      t.true(error < ERROR, `${what} of ${JSON.stringify(one)}: ${error}`);
});

for (const capability of ['default', 'avx2'])
  torchTest(`losses and norms are the same with the instructions of ATEN_CPU_CAPABILITY=${capability}`, t => {
    const program = fileURLToPath(new URL('./fused-kernels.js', import.meta.url));
    const printed = execFileSync(process.execPath, [program], {
      encoding: 'utf8',
      env: {...process.env, ATEN_CPU_CAPABILITY: capability},
    });
    t.true(Number(printed) < ERROR, printed);
  });

torchTest('sums and gradients do not depend on the number of threads', t => {
  const z = filled([1, 9000, 20], i => ((i * 7919) % 1000) / 50 - 12);
  const labels: Values = {values: Int32Array.from({length: 9000}, (_, i) => (i * 31) % 21), shape: [1, 9000]};
  const weights = filled([1, 9000], i => (i % 3) / 2);
  const x = filled([2, 60, 40, 24], i => Math.sin(i));
  const gamma = filled([24], i => i / 8);
  const threads = native().describe().threads;
  const results = [1, 2, 3, 7].map(count => {
    native().configure(-1, count, 'fp32', false);
    const f = native();
    const pooled = computed([x], a => f.sfMaxPool(a, 3, 2, 1));
    const normed = computed([x, gamma, gamma], (a, b, c) => f.sfGroupNorm(a, b, c, 4, 1e-5, 0.1));
    const statistics = normed.slice(1).map(values => ({values, shape: [2, 4]}));
    return [
      computed([z, labels, weights], (a, b, c) => f.sfSigmoidCrossEntropy(a, b, c)),
      computed([z, labels, weights], (a, b, c) => f.sfSigmoidFocal(a, b, c, 0.25, 2)),
      computed([z], a => f.sfSquaredNorm(a)),
      computed([x, x, gamma, gamma, ...statistics], (a, b, c, d, e, g) =>
        f.sfGroupNormGrad(a, b, c, d, e!, g!, 4, 0.1),
      ),
      computed(
        [{values: pooled[0]!, shape: [2, 30, 20, 24]}, x, {values: pooled[0]!, shape: [2, 30, 20, 24]}],
        (a, b, c) => f.sfMaxPoolGrad(a, b, c, 3, 2, 1),
      ),
      normed,
    ];
  });
  native().configure(-1, threads, 'fp32', false);
  for (const result of results) t.deepEqual(result, results[0]);
});

torchTest(
  'a NaN logit shows in the loss and its gradient, unless its example has weight 0 or is ignored',
  t => {
    const z = filled([1, 3, 2], () => Number.NaN);
    const labels: Values = {values: Int32Array.of(0, -1, 1), shape: [1, 3]};
    const dy = filled([], () => 1);
    for (const [weights, counts] of [
      [[0, 1, 0], false],
      [[0, 1, 1], true],
    ] as const) {
      const operands = [z, labels, filled([1, 3], i => weights[i]!), dy];
      const [sum] = computed(operands, (a, b, c) => native().sfSigmoidCrossEntropy(a, b, c));
      t.is(sum![0], counts ? Number.NaN : 0);
      const [gradient] = computed(operands, (a, b, c, d) => native().sfSigmoidFocalGrad(d, a, b, c, 0.25, 2));
      const last = counts ? Number.NaN : 0;
      t.deepEqual([...gradient!], [0, 0, 0, 0, last, last]);
    }
  },
);

torchTest('the step of all parameters is the step of each, with the gradients clipped before', t => {
  // Sizes of nothing, a tail, and several parts of work.
  const shapes = [[3], [0], [7, 5], [100_001]];
  const of = (phase: number) => shapes.map(shape => filled(shape, i => Math.sin(i + phase)));
  const [parameters, gradients, velocities] = [of(1), of(2), of(3)];
  const lrs = [0.1, 0.2, 0.3, 0.4];
  const decays = [0, 0.5, 0.25, 0.125];
  const halved = computed([...parameters, ...gradients, ...velocities, filled([], () => 0.5)], (...handles) =>
    native().sfSgdUpdateAll(handles.slice(0, 12), handles[12]!, lrs, decays, 0.9),
  );
  for (const [i, lr] of lrs.entries()) {
    const half = filled(shapes[i]!, j => gradients[i]!.values[j]! / 2);
    const alone = computed([parameters[i]!, half, velocities[i]!], (p, g, v) =>
      native().sfSgdUpdate(p, g, v, lr, 0.9, decays[i]!),
    );
    t.deepEqual([halved[i], halved[4 + i]], alone);
  }
});

torchTest('steps that do not fit together are refused', t => {
  const [three, four] = [filled([3], () => 1), filled([4], () => 1)];
  t.throws(() => computed([three, four, three], (p, g, v) => native().sfSgdUpdate(p, g, v, 1, 0, 0)), {
    message: 'a parameter, its gradient and its velocity must have one shape',
  });
  t.throws(
    () =>
      computed([three, three], (...handles: Handle[]) =>
        native().sfSgdUpdateAll(handles.slice(0, 2), undefined, [1], [0], 0.9),
      ),
    {message: 'there must be one of each'},
  );
});

torchTest('the global norm of 3, 4 and 12 is 13', t => {
  const operands = [filled([2], i => 3 + i), filled([1, 1], () => 12)];
  const [norm] = computed(operands, (a, b) => native().sfGlobalNorm([a, b]));
  t.deepEqual([...norm!], [13]);
});
