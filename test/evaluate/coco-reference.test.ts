/**
 * Against pycocotools (cocodataset/cocoapi 8c9bcc3): cases and their expected values lie beside the test data, in
 * eval-reference/public. Every figure within 1e-9; the curves bit for bit.
 */
import {createHash} from 'node:crypto';
import {existsSync, readFileSync} from 'node:fs';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import type {CocoGroundTruth, CocoResults} from '../../src/evaluate/coco-data.js';
import {type CocoEvaluation, evaluateCoco} from '../../src/evaluate/coco-eval.js';
import {readCocoGroundTruth, readCocoResults} from '../../src/evaluate/coco-files.js';
import {groupRecords} from '../../src/evaluate/coco-groups.js';
import {IGNORED, isIgnored, makePair, matchPair, outcomeOf} from '../../src/evaluate/coco-matching.js';
import {boxOverlaps} from '../../src/evaluate/coco-overlaps.js';
import {
  COCO_PARAMETERS,
  type CocoParameters,
  IOU_THRESHOLDS,
  RECALL_THRESHOLDS,
} from '../../src/evaluate/coco-parameters.js';
import {meanPrecision, meanRecall} from '../../src/evaluate/coco-stats.js';

type ExpectedParams = {
  readonly useCats?: 0 | 1;
  readonly maxDets?: readonly number[];
  readonly iouThrs?: readonly number[];
  readonly imgIds?: readonly number[];
  readonly catIds?: readonly number[];
  readonly areaRng?: readonly (readonly [number, number])[];
  readonly areaRngLbl?: readonly string[];
};

type ExpectedCategory = {
  readonly category_id: number;
  readonly AP: number;
  readonly AP50: number | null;
  readonly AP75: number | null;
  readonly APbyArea: readonly number[];
  readonly ARbyMaxDets: readonly number[];
  readonly ARbyArea: readonly number[];
};

type ExpectedRun = {
  readonly name: string;
  readonly iouType: 'bbox' | 'segm';
  readonly results: string;
  readonly dropFields: readonly string[];
  readonly params: ExpectedParams;
  readonly stats: readonly number[];
  readonly counts: readonly number[];
  readonly maxDets: readonly number[];
  readonly areaRng: readonly (readonly [number, number])[];
  readonly perCategory: readonly ExpectedCategory[];
  readonly precisionMeanOverR: readonly (readonly (readonly number[])[])[];
  readonly recall: readonly (readonly (readonly (readonly number[])[])[])[];
  readonly samples: readonly (readonly [number, number, number, number, number, number, number])[];
  readonly sha256: {readonly precision: string; readonly recall: string; readonly scores: string};
};

const CASES = [
  'tiny',
  'medium',
  'crowd',
  'ties',
  'maxdets',
  'empty',
  'empty_results',
  'empty_gt',
  'edges',
  'gt_id0',
  'segm',
] as const;

const data = process.env.SF_TEST_DATA;
const folder = data === undefined ? undefined : join(data, '..', 'eval-reference', 'public');
const available = folder !== undefined && existsSync(folder);
if (!available) {
  test('The evaluation reference is not here: set SF_TEST_DATA to compare with pycocotools', t => {
    t.log('skipped: SF_TEST_DATA is not set, or there is no eval-reference/public beside it');
    t.pass();
  });
}

function json<T>(...path: readonly string[]): T {
  return JSON.parse(readFileSync(join(folder!, ...path), 'utf8')) as T;
}

function runsOf(name: string): readonly ExpectedRun[] {
  return json<{runs: readonly ExpectedRun[]}>(name, 'expected.json').runs;
}

const scratch = await mkdtemp(join(tmpdir(), 'sf-coco-reference-'));
test.after.always(() => rm(scratch, {recursive: true}));

/** The columns of a run; results without the fields that it drops come from a file of their own. */
async function load(
  name: string,
  run: ExpectedRun,
): Promise<{groundTruth: CocoGroundTruth; results: CocoResults}> {
  const masks = run.iouType === 'segm';
  const {groundTruth} = await readCocoGroundTruth(join(folder!, name, 'annotations.json'), {masks});
  let path = join(folder!, name, run.results);
  if (run.dropFields.length > 0) {
    const records = json<readonly Record<string, unknown>[]>(name, run.results);
    const kept = records.map(record =>
      Object.fromEntries(Object.entries(record).filter(([field]) => !run.dropFields.includes(field))),
    );
    path = join(scratch, `${name}-${run.name}.json`);
    await writeFile(path, JSON.stringify(kept));
  }
  return {groundTruth, results: await readCocoResults(path, groundTruth, {masks})};
}

function parametersOf({iouType, params}: ExpectedRun): Partial<CocoParameters> {
  return {
    iouType,
    ...(params.useCats !== undefined && {useCategories: params.useCats === 1}),
    ...(params.maxDets && {maxDetections: params.maxDets}),
    ...(params.iouThrs && {iouThresholds: params.iouThrs}),
    ...(params.imgIds && {imageIds: params.imgIds}),
    ...(params.catIds && {categoryIds: params.catIds}),
    ...(params.areaRng && {
      areaRanges: params.areaRng.map(([min, max], a) => ({label: params.areaRngLbl![a]!, min, max})),
    }),
  };
}

function close(t: ExecutionContext, measured: number, expected: number | null, what: string): void {
  if (Math.abs(measured - (expected ?? -1)) > 1e-9)
    t.fail(`${what}: ${measured}, the reference has ${expected}`);
}

const sha256 = (values: Float64Array) =>
  createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex');

for (const name of available ? CASES : []) {
  test(`Case ${name}: every figure is that of pycocotools`, async t => {
    for (const run of runsOf(name)) {
      const {groundTruth, results} = await load(name, run);
      const evaluation = evaluateCoco(groundTruth, results, parametersOf(run));
      compareStats(t, evaluation, run);
      compareCategories(t, evaluation, run);
      compareCurves(t, evaluation, run);
      const {precision, recall, scores} = evaluation.curves;
      t.deepEqual(
        {precision: sha256(precision), recall: sha256(recall), scores: sha256(scores)},
        run.sha256,
        `${run.name}: the curves, bit for bit`,
      );
    }
  });
}

function compareStats(
  t: ExecutionContext,
  {stats, curves, parameters}: CocoEvaluation,
  run: ExpectedRun,
): void {
  Object.entries(stats).forEach(([name, value], i) => {
    close(t, value, run.stats[i]!, `${run.name} ${name}`);
  });
  t.deepEqual([...curves.shape], [...run.counts]);
  t.deepEqual([...parameters.maxDetections], [...run.maxDets]);
  t.deepEqual(
    parameters.areaRanges.map(({min, max}) => [min, max]),
    run.areaRng.map(([min, max]) => [min, max]),
  );
}

function compareCategories(
  t: ExecutionContext,
  {perCategory, curves, parameters}: CocoEvaluation,
  run: ExpectedRun,
): void {
  const max = parameters.maxDetections.length - 1;
  t.deepEqual(
    perCategory.map(category => category.id),
    run.perCategory.map(category => category.category_id),
  );
  run.perCategory.forEach((expected, k) => {
    const measured = perCategory[k]!;
    const what = `${run.name} category ${expected.category_id}`;
    close(t, measured.AP, expected.AP, `${what} AP`);
    close(t, measured.AP50, expected.AP50, `${what} AP50`);
    close(t, measured.AP75, expected.AP75, `${what} AP75`);
    expected.APbyArea.forEach((value, area) => {
      close(t, meanPrecision(curves, {category: k, area, max}), value, `${what} AP of area ${area}`);
    });
    expected.ARbyArea.forEach((value, area) => {
      close(t, meanRecall(curves, {category: k, area, max}), value, `${what} AR of area ${area}`);
    });
    [measured.AR1, measured.AR10, measured.AR100].forEach((value, m) => {
      close(t, value, expected.ARbyMaxDets[m]!, `${what} AR of maxDets ${m}`);
    });
  });
}

function compareCurves(t: ExecutionContext, {curves}: CocoEvaluation, run: ExpectedRun): void {
  const [, R, K, A, M] = curves.shape;
  for (const [i, r, k, a, m, precision, score] of run.samples) {
    const at = (((i * R + r) * K + k) * A + a) * M + m;
    close(t, curves.precision[at]!, precision, `${run.name} precision ${[i, r, k, a, m]}`);
    close(t, curves.scores[at]!, score, `${run.name} score ${[i, r, k, a, m]}`);
  }
  run.precisionMeanOverR.forEach((ofThreshold, iou) => {
    ofThreshold.forEach((ofCategory, category) => {
      ofCategory.forEach((value, area) => {
        close(
          t,
          meanPrecision(curves, {iou, category, area, max: M - 1}),
          value,
          `${run.name} mean precision`,
        );
      });
    });
  });
  run.recall.flat(3).forEach((value, i) => {
    close(t, curves.recall[i]!, value, `${run.name} recall ${i}`);
  });
}

type ExpectedPair = {
  readonly image_id: number;
  readonly category_id: number;
  readonly area: string;
  readonly dtIds: readonly number[];
  readonly gtIds: readonly number[];
  readonly dtScores: readonly number[];
  readonly dtMatches: readonly (readonly number[])[];
  readonly gtMatches: readonly (readonly number[])[];
  readonly gtIgnore: readonly number[];
  readonly dtIgnore: readonly (readonly number[])[];
  readonly ious: readonly (readonly number[])[];
};

for (const name of available ? (['tiny', 'edges', 'gt_id0'] as const) : []) {
  test(`Case ${name}: every single match is that of pycocotools`, async t => {
    const [run] = runsOf(name);
    const {groundTruth, results} = await load(name, run!);
    const {evalImgs} = json<{evalImgs: readonly ExpectedPair[]}>(name, 'matches.json');
    const pairs = allPairs(groundTruth, results);
    t.is(pairs.length, evalImgs.length);
    const key = (pair: ExpectedPair) => [pair.image_id, pair.category_id, pair.area].join();
    const expected = new Map(evalImgs.map(pair => [key(pair), pair]));
    for (const pair of pairs) {
      const {ious, ...table} = pair;
      const {ious: expectedIous, ...expectedTable} = expected.get(key(pair))!;
      t.deepEqual(table, expectedTable, key(pair));
      expectedIous.flat().forEach((iou, i) => {
        close(t, ious.flat()[i]!, iou, `IoU of ${key(pair)}`);
      });
    }
  });
}

/** Every image, category and area range that has records, in the form of matches.json. Detection ids are row + 1. */
function allPairs(groundTruth: CocoGroundTruth, results: CocoResults): readonly ExpectedPair[] {
  const overlapsOf = boxOverlaps(groundTruth, results);
  const {imageIds, categories} = groupRecords(groundTruth, results, COCO_PARAMETERS);
  return categories.flatMap(group =>
    Array.from(group.images).flatMap((image, p) => {
      const detections = group.detections.subarray(group.detectionStarts[p], group.detectionStarts[p + 1]);
      const objects = group.groundTruths.subarray(group.groundTruthStarts[p], group.groundTruthStarts[p + 1]);
      const pair = makePair(detections, objects, overlapsOf);
      return COCO_PARAMETERS.areaRanges.map(range => {
        const {order, matches} = matchPair(pair, groundTruth, range, IOU_THRESHOLDS);
        const matchedRow = (t: number, d: number) => {
          const column = matches[t * detections.length + d]!;
          return column < 0 ? -1 : objects[column]!;
        };
        const perDetection = <T>(value: (t: number, d: number) => T) =>
          IOU_THRESHOLDS.map((_, t) => Array.from(detections, (_, d) => value(t, d)));
        return {
          image_id: imageIds[image]!,
          category_id: group.category.id,
          area: range.label,
          dtIds: Array.from(detections, row => row + 1),
          gtIds: Array.from(order, column => groundTruth.ids[objects[column]!]!),
          dtScores: Array.from(detections, row => results.scores[row]!),
          dtMatches: perDetection((t, d) => (matchedRow(t, d) < 0 ? 0 : groundTruth.ids[matchedRow(t, d)]!)),
          gtMatches: IOU_THRESHOLDS.map((_, t) =>
            Array.from(order, column => {
              const taker = matches
                .subarray(t * detections.length, (t + 1) * detections.length)
                .lastIndexOf(column);
              return taker < 0 ? 0 : detections[taker]! + 1;
            }),
          ),
          gtIgnore: Array.from(order, column => Number(isIgnored(groundTruth, objects[column]!, range))),
          dtIgnore: perDetection((t, d) =>
            Number(outcomeOf(detections[d]!, matchedRow(t, d), groundTruth, results, range) === IGNORED),
          ),
          ious: Array.from(detections, (_, d) =>
            Array.from(pair.overlaps.subarray(d * objects.length, (d + 1) * objects.length)),
          ),
        };
      });
    }),
  );
}

if (available) {
  test('The IoU and recall thresholds are the doubles of numpy', t => {
    const thresholds = json<{iouThrs: readonly number[]; recThrs: readonly number[]}>('thresholds.json');
    t.deepEqual([...IOU_THRESHOLDS], [...thresholds.iouThrs]);
    t.deepEqual([...RECALL_THRESHOLDS], [...thresholds.recThrs]);
  });
}
