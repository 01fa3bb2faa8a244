import test from 'ava';
import {UsageError} from '../../src/errors.js';
import {scoreThreshold} from '../../src/sampling-free/adaptive-threshold.js';
import {initialCrossEntropyLoss, initialFocalLoss} from '../../src/sampling-free/initial-loss.js';
import {biasOfPrior, initialBias, optimalPrior} from '../../src/sampling-free/optimal-bias.js';

/** The paper's figures for RetinaNet on COCO, Sec. 3.1: N / N_f = 1000, C = 80. */
const COCO = {ratio: 1e3, classes: 80};
const PAPER = {examples: 1000, foreground: 1};

test("Eq. 3 gives the paper's initial focal loss of 1.19", t => {
  const loss = initialFocalLoss({...COCO, pi: 1e-2, alpha: 0.25, gamma: 2});
  t.is(loss.toFixed(4), '1.1887');
});

test("Eq. 4 gives the paper's initial cross-entropy of 1.23 at w = 0.1 and pi = 1e-5", t => {
  t.is(initialCrossEntropyLoss({...COCO, pi: 1e-5, w: 0.1}).toFixed(4), '1.2313');
});

test('Eq. 4 falls from 808.6 to 12.29 as pi comes down to its optimum', t => {
  const losses = [1e-2, 1e-3, 1e-4, 1e-5, 1.25e-5].map(pi => initialCrossEntropyLoss({...COCO, pi}));
  t.deepEqual(
    losses.map(loss => Number(loss.toPrecision(4))),
    [808.6, 86.95, 17.21, 12.31, 12.29],
  );
});

test('focal loss with alpha = 1/2 and gamma = 0 is half of the cross-entropy', t => {
  const state = {...COCO, pi: 1e-3};
  const difference =
    initialFocalLoss({...state, alpha: 0.5, gamma: 0}) - initialCrossEntropyLoss({...state, w: 0.5});
  t.true(Math.abs(difference) < 1e-12);
});

test("Eq. 10 with the paper's numbers gives pi = 1.25e-5 and b = -11.29", t => {
  const {pi, bias} = initialBias({kind: 'optimal'}, PAPER, 80);
  t.is(pi, 1.25e-5);
  t.is(bias.toFixed(2), '-11.29');
  t.true(Math.abs(bias + Math.log(1e3 * 80 - 1)) < 1e-9); // the right-hand form of Eq. 10
});

test('no other pi makes the initial cross-entropy smaller: Eq. 9 is 0 there', t => {
  const best = initialCrossEntropyLoss({...COCO, pi: optimalPrior(PAPER, 80)});
  for (const factor of [0.5, 0.9, 0.99, 1.01, 1.1, 2]) {
    t.true(initialCrossEntropyLoss({...COCO, pi: 1.25e-5 * factor}) > best);
  }
});

test('the bias is the logit of pi, also where 1 - pi is 1 in single precision', t => {
  t.is(biasOfPrior(0.5), 0);
  t.is(biasOfPrior(0.01).toFixed(3), '-4.595'); // -log 99
  for (const pi of [1e-12, 1e-8, 1e-5, 0.01, 0.3, 0.9]) {
    t.true(Math.abs(1 / (1 + Math.exp(-biasOfPrior(pi))) / pi - 1) < 1e-12);
  }
});

// Priors that the authors measured with their first release, their biases, and the N / N_f they came from.
for (const {network, prior, bias, classes, ratio} of [
  {network: 'RetinaNet on COCO', prior: 1.113523e-5, bias: -11.405, classes: 80, ratio: 1122.6},
  {network: 'the RPN on COCO', prior: 1.708791e-4, bias: -8.674, classes: 1, ratio: 5852},
  {network: 'RetinaNet on VOC', prior: 6.746001e-5, bias: -9.604, classes: 20, ratio: 741.2},
  {network: 'the RPN on VOC', prior: 5.436716e-5, bias: -9.82, classes: 1, ratio: 18393},
]) {
  test(`the authors' prior of ${network} follows from its N / N_f`, t => {
    const pi = optimalPrior({examples: ratio, foreground: 1}, classes);
    t.true(Math.abs(pi / prior - 1) < 2e-4);
    t.true(Math.abs(biasOfPrior(prior) - bias) < 6e-4);
  });
}

test('a chosen prior and no bias need no counts', t => {
  const {pi, bias} = initialBias({kind: 'prior', pi: 0.01}, undefined, 80);
  t.is(pi, 0.01);
  t.is(bias, biasOfPrior(0.01));
  t.deepEqual(initialBias({kind: 'zero'}, undefined, 80), {pi: 0.5, bias: 0});
});

test('the optimal bias of a data set without foreground, or of nothing else, is refused with what to do', t => {
  for (const imbalance of [
    {examples: 5000, foreground: 0},
    {examples: 0, foreground: 0},
    {examples: 7, foreground: 7},
  ]) {
    const error = t.throws(() => initialBias({kind: 'optimal'}, imbalance, 1), {instanceOf: UsageError});
    t.regex(error.message, /biasInit to prior/);
  }
  t.throws(() => initialBias({kind: 'optimal'}, undefined, 80), {message: /have not been counted/});
});

test('the adaptive threshold is N_f / N', t => {
  t.is(scoreThreshold({kind: 'adaptive', classes: 'foreground'}, PAPER, 80), 1e-3);
});

test("the release's threshold counts the background: its 1e-5 x 81 = 8.1e-4", t => {
  const released = scoreThreshold(
    {kind: 'adaptive', classes: 'foreground+background'},
    {examples: 1e5, foreground: 80}, // pi = 80 / 1e5 / 80 = 1e-5
    80,
  );
  t.true(Math.abs(released - 8.1e-4) < 1e-12);
});

test('a fixed threshold needs no counts, an adaptive one fails without foreground', t => {
  t.is(scoreThreshold({kind: 'fixed', theta: 0.05}, undefined, 80), 0.05);
  const adaptive = {kind: 'adaptive', classes: 'foreground'} as const;
  const error = t.throws(() => scoreThreshold(adaptive, {examples: 10, foreground: 0}, 80), {
    instanceOf: UsageError,
  });
  t.regex(error.message, /scoreThreshold to fixed/);
  t.throws(() => scoreThreshold(adaptive, undefined, 80), {message: /was trained without counting them/});
});
