/** What holds for the error breakdown of any input, and its figures on the evaluation reference. */
import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import {analyse} from '../../../src/evaluate/analysis/analysis.js';
import type {ErrorBreakdown} from '../../../src/evaluate/analysis/error-breakdown.js';
import {ERROR_KINDS} from '../../../src/evaluate/analysis/error-kinds.js';
import type {CocoGroundTruth, CocoResults} from '../../../src/evaluate/coco-data.js';
import {evaluateCoco} from '../../../src/evaluate/coco-eval.js';
import {readCocoGroundTruth, readCocoResults} from '../../../src/evaluate/coco-files.js';
import type {CocoParameters} from '../../../src/evaluate/coco-parameters.js';
import {anyScene, groundTruthOf, resultsOf} from '../scenes.js';

function breakdown(
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  changes: Partial<CocoParameters> = {},
): {readonly errors: ErrorBreakdown; readonly AP50: number} {
  const evaluation = evaluateCoco(groundTruth, results, changes);
  return {errors: analyse(groundTruth, results, evaluation).errors, AP50: evaluation.stats.AP50};
}

test('In any scene AP is the evaluation’s AP50, repairs lose nothing, and all of them give 1', t => {
  fc.assert(
    fc.property(anyScene, ({images, categories, annotations, found: detections}) => {
      const groundTruth = groundTruthOf(images, categories, annotations);
      const results = resultsOf(detections);
      const {errors, AP50} = breakdown(groundTruth, results);
      t.is(errors.AP, AP50);
      t.true(errors.AP === -1 ? errors.repaired === -1 : Math.abs(errors.repaired - 1) < 1e-12);
      const costs = [errors, ...errors.perCategory];
      for (const cost of costs) {
        const kinds = ERROR_KINDS.map(kind => cost.errors[kind]);
        for (const {gain} of [...kinds, cost.falsePositives, cost.falseNegatives]) t.true(gain >= 0);
        const [missed, ofDetections] = [cost.errors.missed.count, kinds.slice(0, 5)];
        t.is(
          ofDetections.reduce((sum, {count}) => sum + count, 0),
          cost.falsePositives.count,
        );
        t.true(missed <= cost.falseNegatives.count);
      }
      for (const kind of ERROR_KINDS) {
        const sum = errors.perCategory.reduce((total, category) => total + category.errors[kind].count, 0);
        t.is(sum, errors.errors[kind].count);
      }
    }),
    {numRuns: 150},
  );
});

test('The order of images does not matter', t => {
  fc.assert(
    fc.property(anyScene, ({images, categories, annotations, found: detections}) => {
      const one = breakdown(groundTruthOf(images, categories, annotations), resultsOf(detections));
      const other = breakdown(
        groundTruthOf([...images].reverse(), categories, annotations),
        resultsOf(detections),
      );
      t.deepEqual(one, other);
    }),
    {numRuns: 40},
  );
});

type Expected = {
  readonly [name: string]: Pick<
    ErrorBreakdown,
    'AP' | 'errors' | 'falsePositives' | 'falseNegatives' | 'repaired'
  >;
};

const data = process.env.SF_TEST_DATA;
const reference = data === undefined ? undefined : join(data, '..', 'eval-reference', 'public');
if (reference === undefined || !existsSync(reference)) {
  test('The evaluation reference is not here: set SF_TEST_DATA to compare error breakdowns on it', t => {
    t.log('skipped: SF_TEST_DATA is not set, or there is no eval-reference/public beside it');
    t.pass();
  });
} else {
  const path = new URL('../../../../test/fixtures/error-breakdown/expected.json', import.meta.url);
  const expected = JSON.parse(readFileSync(path, 'utf8')) as Expected;
  const load = async (name: string) => {
    const {groundTruth} = await readCocoGroundTruth(join(reference, name, 'annotations.json'));
    return {groundTruth, results: await readCocoResults(join(reference, name, 'results.json'), groundTruth)};
  };

  for (const [name, wanted] of Object.entries(expected)) {
    test(`Errors of the case ${name} are those that a program in numpy finds`, async t => {
      const {groundTruth, results} = await load(name);
      const {errors} = breakdown(groundTruth, results);
      const pairs = [
        ...ERROR_KINDS.map(kind => [kind, errors.errors[kind], wanted.errors[kind]] as const),
        ['false positives', errors.falsePositives, wanted.falsePositives] as const,
        ['false negatives', errors.falseNegatives, wanted.falseNegatives] as const,
      ];
      t.true(Math.abs(errors.AP - wanted.AP) < 1e-12);
      for (const [kind, measured, one] of pairs) {
        t.is(measured.count, one.count, kind);
        t.true(Math.abs(measured.gain - one.gain) < 1e-12, `${kind}: ${measured.gain}, numpy ${one.gain}`);
      }
    });
  }

  for (const name of ['maxdets', 'edges', 'gt_id0', 'empty_gt', 'empty_results', ...Object.keys(expected)]) {
    test(`The breakdown of ${name} begins with the evaluation's AP50 to the bit and ends with 1`, async t => {
      const {groundTruth, results} = await load(name);
      for (const changes of [{}, {useCategories: false}, {maxDetections: [1, 3, 5]}]) {
        const {errors, AP50} = breakdown(groundTruth, results, changes);
        t.is(errors.AP, AP50);
        t.true(AP50 === -1 ? errors.repaired === -1 : Math.abs(errors.repaired - 1) < 1e-12);
      }
    });
  }

  test('The breakdown of masks begins with the AP50 of masks to the bit and ends with 1', async t => {
    const masks = {masks: true};
    const {groundTruth} = await readCocoGroundTruth(join(reference, 'segm', 'annotations.json'), masks);
    const results = await readCocoResults(join(reference, 'segm', 'results.json'), groundTruth, masks);
    const [segm, bbox] = (['segm', 'bbox'] as const).map(iouType =>
      breakdown(groundTruth, results, {iouType}),
    );
    t.is(segm!.errors.AP, segm!.AP50);
    t.true(Math.abs(segm!.errors.repaired - 1) < 1e-12);
    t.not(segm!.errors.AP, bbox!.errors.AP);
  });
}
