import test, {type ExecutionContext} from 'ava';
import {analyse} from '../../../src/evaluate/analysis/analysis.js';
import type {ErrorBreakdown, ErrorCost} from '../../../src/evaluate/analysis/error-breakdown.js';
import {ERROR_KINDS, type ErrorKind} from '../../../src/evaluate/analysis/error-kinds.js';
import {formatErrors} from '../../../src/evaluate/analysis/text.js';
import type {CocoGroundTruth, CocoResults} from '../../../src/evaluate/coco-data.js';
import {evaluateCoco} from '../../../src/evaluate/coco-eval.js';
import type {CocoParameters} from '../../../src/evaluate/coco-parameters.js';
import {type Annotation, type Box, type Found, groundTruthOf, resultsOf} from '../scenes.js';

function breakdown(
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  changes: Partial<CocoParameters> = {},
): {readonly errors: ErrorBreakdown; readonly AP50: number} {
  const evaluation = evaluateCoco(groundTruth, results, changes);
  return {errors: analyse(groundTruth, results, evaluation).errors, AP50: evaluation.stats.AP50};
}

// Two objects of category 1 and one of category 2, far apart, 100 x 100 each.
const A: Box = [0, 0, 100, 100];
const B: Box = [200, 0, 100, 100];
const C: Box = [400, 0, 100, 100];
/** Shifted by half its width: 5000 / 15000, an IoU of 1/3. */
const beside = ([x, y, width, height]: Box): Box => [x + 50, y, width, height];

const object = (id: number, category: number, box: Box, more: Partial<Annotation> = {}): Annotation => ({
  id,
  image: 1,
  category,
  box,
  ...more,
});
const found = (score: number, category: number, box: Box): Found => ({image: 1, category, box, score});

function errorsOf(annotations: readonly Annotation[], detections: readonly Found[]): ErrorBreakdown {
  return breakdown(groundTruthOf([1], [1, 2], annotations), resultsOf(detections)).errors;
}

/** Kinds that occur, with their counts and gains; what is left out must be 0. */
function is(
  t: ExecutionContext,
  {errors, AP, falsePositives, falseNegatives, repaired}: ErrorBreakdown,
  expected: {
    readonly AP: number;
    readonly errors: {readonly [kind in ErrorKind]?: ErrorCost};
    readonly falsePositives?: ErrorCost;
    readonly falseNegatives?: ErrorCost;
  },
): void {
  const near = (name: string, measured: number, wanted: number) =>
    t.true(Math.abs(measured - wanted) < 1e-12, `${name}: ${measured}, by hand ${wanted}`);
  const none = {count: 0, gain: 0};
  near('AP', AP, expected.AP);
  near('repaired', repaired, 1);
  for (const kind of ERROR_KINDS) {
    const wanted = expected.errors[kind] ?? none;
    t.is(errors[kind].count, wanted.count, kind);
    near(kind, errors[kind].gain, wanted.gain);
  }
  for (const [name, measured, wanted] of [
    ['false positives', falsePositives, expected.falsePositives ?? none],
    ['false negatives', falseNegatives, expected.falseNegatives ?? none],
  ] as const) {
    t.is(measured.count, wanted.count, name);
    near(name, measured.gain, wanted.gain);
  }
}

test('An object detected as another category is a classification error', t => {
  // Category 1: miss 0.95, hit 0.9: precision 1/2 at every recall. Category 2: nothing. AP (1/2 + 0) / 2.
  // Repaired, 0.95 is a hit of category 2: AP 1. Without it as a mere false positive: (1 + 0) / 2. If C did not count,
  // category 2 would have no objects and no false positives, AP 1: (1/2 + 1) / 2.
  const errors = errorsOf([object(1, 1, A), object(2, 2, C)], [found(0.95, 1, C), found(0.9, 1, A)]);
  is(t, errors, {
    AP: 0.25,
    errors: {classification: {count: 1, gain: 0.75}},
    falsePositives: {count: 1, gain: 0.25},
    falseNegatives: {count: 1, gain: 0.5},
  });
  // The error is one of category 1; of its gain category 2 has the larger part.
  t.like(errors.perCategory[0], {AP: 0.5, errors: {classification: {count: 1}}});
  t.like(errors.perCategory[1], {AP: 0, errors: {classification: {count: 0}}, falseNegatives: {count: 1}});
  const gains = errors.perCategory.map(category => category.errors.classification.gain);
  t.true(Math.abs(gains[0]! - 0.5) < 1e-12 && Math.abs(gains[1]! - 1) < 1e-12);
});

test('A detection too far off its object is a localisation error', t => {
  // Hit 0.9 on A, miss 0.8 beside B: recall 1/2 with precision 1, 51 of 101 recall points. Repaired: both found.
  is(t, errorsOf([object(1, 1, A), object(2, 1, B)], [found(0.9, 1, A), found(0.8, 1, beside(B))]), {
    AP: 51 / 101,
    errors: {localisation: {count: 1, gain: 50 / 101}},
    falsePositives: {count: 1, gain: 0},
    falseNegatives: {count: 1, gain: 50 / 101},
  });
});

test('A detection off an object of another category is both errors', t => {
  // Category 1: miss 0.95 beside C, hit 0.5: precision 1/2. Category 2: 1.
  is(
    t,
    errorsOf(
      [object(1, 1, A), object(2, 2, C)],
      [found(0.95, 1, beside(C)), found(0.5, 1, A), found(0.9, 2, C)],
    ),
    {AP: 0.75, errors: {both: {count: 1, gain: 0.25}}, falsePositives: {count: 1, gain: 0.25}},
  );
});

test('A second detection of an object is a duplicate', t => {
  // Hit 0.9, miss 0.8, hit 0.7: precision 1 to recall 1/2 (51 points), 2/3 to recall 1 (50 points).
  is(
    t,
    errorsOf([object(1, 1, A), object(2, 1, B)], [found(0.9, 1, A), found(0.8, 1, A), found(0.7, 1, B)]),
    {
      AP: (51 + 100 / 3) / 101,
      errors: {duplicate: {count: 1, gain: 50 / 3 / 101}},
      falsePositives: {count: 1, gain: 50 / 3 / 101},
    },
  );
});

test('A detection of nothing is a background error', t => {
  // IoU with A: 10 x 98 / (10000 + 0) = 0.098, below 0.1.
  is(t, errorsOf([object(1, 1, A)], [found(0.9, 1, [0, 0, 10, 98]), found(0.8, 1, A)]), {
    AP: 0.5,
    errors: {background: {count: 1, gain: 0.5}},
    falsePositives: {count: 1, gain: 0.5},
  });
});

test('An object that nothing comes near is missed', t => {
  is(t, errorsOf([object(1, 1, A), object(2, 1, B)], [found(0.9, 1, A)]), {
    AP: 51 / 101,
    errors: {missed: {count: 1, gain: 50 / 101}},
    falseNegatives: {count: 1, gain: 50 / 101},
  });
});

test('IoUs of exactly 0.1 and 0.5 have reached the threshold', t => {
  // 10 x 100 inside A: 1000 / 10000. 50 x 100 inside A: 0.5, a hit.
  const tenth = errorsOf([object(1, 1, A)], [found(0.9, 1, [0, 0, 10, 100])]);
  t.like(tenth.errors, {localisation: {count: 1}, background: {count: 0}});
  const half = errorsOf([object(1, 1, A), object(2, 2, A)], [found(0.9, 1, [0, 0, 50, 100])]);
  t.like(half, {falsePositives: {count: 0}});
  const halfOfAnother = errorsOf([object(1, 2, A)], [found(0.9, 1, [0, 0, 50, 100])]);
  t.like(halfOfAnother.errors, {classification: {count: 1}, both: {count: 0}});
});

test('Where several kinds fit, localisation goes before classification and that before duplicates', t => {
  // Of category 1, 1/3 of A and all of an object of category 2.
  const near = errorsOf(
    [object(1, 1, A), object(2, 2, beside(A))],
    [found(0.9, 1, beside(A)), found(0.8, 1, A), found(0.7, 2, beside(A))],
  );
  t.like(near.errors, {localisation: {count: 1}, classification: {count: 0}});
  // Of category 1, all of A, which is taken, and all of an object of category 2 at the same place.
  const twice = errorsOf(
    [object(1, 1, A), object(2, 2, A)],
    [found(0.9, 1, A), found(0.8, 1, A), found(0.7, 2, A)],
  );
  t.like(twice.errors, {classification: {count: 1}, duplicate: {count: 0}});
});

test('Of several errors on one object the best becomes the hit, and the others go', t => {
  // Category 2: nothing found, 3 misses of category 1 on C; category 1: misses 0.9, 0.8, 0.7, hit 0.6, precision 1/4.
  const annotations = [object(1, 1, A), object(2, 2, C)];
  const wrong = [found(0.9, 1, C), found(0.8, 1, C), found(0.7, 1, C)];
  const three = errorsOf(annotations, [...wrong, found(0.6, 1, A)]);
  is(t, three, {
    AP: 0.125,
    errors: {classification: {count: 3, gain: 0.875}},
    falsePositives: {count: 3, gain: 0.375},
    falseNegatives: {count: 1, gain: 0.5},
  });
  // With a hit of C at 0.95 they are removed, and C is not found twice.
  const later = errorsOf(annotations, [...wrong, found(0.6, 1, A), found(0.5, 2, C)]);
  is(t, later, {
    AP: (1 / 4 + 1) / 2,
    errors: {classification: {count: 3, gain: 0.375}},
    falsePositives: {count: 3, gain: 0.375},
  });
});

test('A repaired classification error keeps its score among the detections of its new category', t => {
  // Category 2: D found at 0.9, miss at 0.5 in the background, then C at 0.4, which was called category 1. By recall:
  // 1/2 with precision 1 (51 points), 1 with precision 2/3 (50 points); before, 51 points alone. Category 1: 0 and 0.
  const D: Box = [600, 0, 100, 100];
  const {errors, AP} = errorsOf(
    [object(1, 1, A), object(2, 2, C), object(3, 2, D)],
    [found(0.9, 2, D), found(0.5, 2, [0, 400, 50, 50]), found(0.4, 1, C)],
  );
  t.true(Math.abs(AP - 51 / 202) < 1e-12);
  t.true(Math.abs(errors.classification.gain - 100 / 3 / 202) < 1e-12);
});

test('Among equal scores a repaired classification error comes after the detections of its new category', t => {
  // Category 2: a miss and, repaired, a hit, both 0.5 on the same image: precision 1/2.
  const {errors} = errorsOf([object(1, 2, C)], [found(0.5, 1, C), found(0.5, 2, [0, 400, 50, 50])]);
  t.true(Math.abs(errors.classification.gain - 0.5) < 1e-12);
});

test('A category whose objects are all missed gains nothing without them while it has false positives', t => {
  is(t, errorsOf([object(1, 1, A), object(2, 2, C)], [found(0.9, 1, A), found(0.8, 2, [0, 400, 50, 50])]), {
    AP: 0.5,
    errors: {background: {count: 1, gain: 0}, missed: {count: 1, gain: 0}},
    falsePositives: {count: 1, gain: 0},
    falseNegatives: {count: 1, gain: 0},
  });
});

test('Detections that AP ignores are no errors, and a crowd of another category excuses nothing', t => {
  const crowd = object(9, 1, [0, 300, 300, 300], {crowd: true});
  const inside: Box = [100, 400, 50, 50];
  is(t, errorsOf([object(1, 1, A), crowd], [found(0.9, 1, inside), found(0.8, 1, A)]), {AP: 1, errors: {}});
  const other = errorsOf([object(1, 2, C), crowd], [found(0.9, 2, inside), found(0.8, 2, C)]);
  t.like(other.errors, {background: {count: 1}, classification: {count: 0}});
  const difficult = object(9, 1, [0, 300, 300, 300], {ignore: true});
  is(t, errorsOf([object(1, 1, A), difficult], [found(0.9, 1, [0, 300, 300, 300]), found(0.8, 1, A)]), {
    AP: 1,
    errors: {},
  });
});

test('Detections of a category without objects cost nothing', t => {
  const annotations = [object(1, 1, A)];
  const with2 = errorsOf(annotations, [found(0.9, 1, A), found(0.8, 2, [0, 400, 50, 50])]);
  is(t, with2, {AP: 1, errors: {background: {count: 1, gain: 0}}, falsePositives: {count: 1, gain: 0}});
  t.is(with2.perCategory[1]!.AP, -1);
  t.is(with2.perCategory[1]!.errors.background.gain, 0);
});

test('Nothing detected, nothing to detect, and no images at all have a breakdown', t => {
  is(t, errorsOf([object(1, 1, A), object(2, 2, C)], []), {
    AP: 0,
    errors: {missed: {count: 2, gain: 1}},
    falseNegatives: {count: 2, gain: 1},
  });
  for (const errors of [
    errorsOf([], [found(0.9, 1, A)]),
    breakdown(groundTruthOf([], [], []), resultsOf([])).errors,
    breakdown(groundTruthOf([1], [], []), resultsOf([])).errors,
  ]) {
    t.is(errors.AP, -1);
    t.is(errors.repaired, -1);
    for (const kind of ERROR_KINDS) t.is(errors.errors[kind].gain, 0, kind);
    t.regex(formatErrors(errors), /no objects/);
  }
  t.is(errorsOf([], [found(0.9, 1, A)]).errors.background.count, 1);
});

test('Only the best maxDets detections of an image and category are looked at', t => {
  const groundTruth = groundTruthOf([1], [1], [object(1, 1, A)]);
  const results = resultsOf([found(0.9, 1, A), found(0.8, 1, A), found(0.7, 1, A)]);
  t.is(breakdown(groundTruth, results, {maxDetections: [1, 1, 2]}).errors.errors.duplicate.count, 1);
  t.is(breakdown(groundTruth, results).errors.errors.duplicate.count, 2);
});

test('With categories as one there are no classification errors', t => {
  const groundTruth = groundTruthOf([1], [1, 2], [object(1, 1, A), object(2, 2, C)]);
  const results = resultsOf([found(0.9, 2, A), found(0.8, 1, beside(C))]);
  const {errors} = breakdown(groundTruth, results, {useCategories: false});
  t.like(errors.errors, {classification: {count: 0}, localisation: {count: 1}});
});

test('The detection of annotation 0 is false for the reference, and so a duplicate here', t => {
  const {errors, AP, repaired} = errorsOf(
    [object(0, 1, A), object(2, 1, B)],
    [found(0.9, 1, A), found(0.8, 1, B)],
  );
  // Miss, hit: precision 1/2 to recall 1/2.
  t.true(Math.abs(AP - 51 / 202) < 1e-12);
  t.like(errors, {duplicate: {count: 1}, missed: {count: 1}});
  t.true(Math.abs(repaired - 1) < 1e-12);
});

test('The table for a terminal has a line for every kind', t => {
  const errors = errorsOf(
    [object(1, 1, A), object(2, 1, B)],
    [found(0.9, 1, A), found(0.8, 1, A), found(0.7, 1, B)],
  );
  t.is(
    formatErrors(errors),
    `AP50 0.835; what it would gain without one kind of error (TIDE, foreground IoU 0.5, background IoU 0.1):
error                count  dAP50
classification           0  0.000
localisation             0  0.000
both                     0  0.000
duplicate                1  0.165
background               0  0.000
missed                   0  0.000
all false positives      1  0.165
all false negatives      0  0.000
`,
  );
});
