/**
 * Against the voc_eval of detectron2 (02b5c4e): cases and their expected values lie beside the test data, in
 * eval-reference/public. Every figure within 1e-9, by each way that ground truth and detections come in.
 */
import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {loadVoc} from '../../src/data/voc.js';
import {
  type VocGroundTruth,
  type VocResults,
  vocFromDataset,
  vocResults,
} from '../../src/evaluate/voc-data.js';
import {evaluateVoc} from '../../src/evaluate/voc-eval.js';
import {readVocGroundTruth, readVocResults, writeVocResults} from '../../src/evaluate/voc-files.js';
import {writeFileAtomic} from '../../src/files/write-atomic.js';
import {temporaryFolder} from '../temporary-folder.js';

type ExpectedMeans = {readonly [figure in 'ap07@50' | 'ap@50' | 'ap07@75' | 'ap@75']: number | null};

type ExpectedClass = ExpectedMeans & {
  readonly class: string;
  readonly detections: number;
  readonly positives: number;
  readonly difficult: number;
  readonly rec: readonly (number | null)[];
  readonly prec: readonly (number | null)[];
};

type Expected = {
  readonly classes: readonly ExpectedClass[];
  readonly meanOverClassesWithPositives: ExpectedMeans;
};

const TOLERANCE = 1e-9;
const data = process.env.SF_TEST_DATA;
const publicCases = data === undefined ? '' : join(data, '..', 'eval-reference', 'public');

/** Runs `check` on the folder of a case, or says that there is none. */
const onCase = test.macro(
  async (
    t,
    name: string,
    check: (t: ExecutionContext, root: string, expected: Expected) => Promise<void>,
  ) => {
    const root = join(publicCases, name);
    if (!existsSync(join(root, 'expected.json'))) {
      t.log('skipped: SF_TEST_DATA has no eval-reference beside it');
      t.pass();
      return;
    }
    await check(t, root, JSON.parse(readFileSync(join(root, 'expected.json'), 'utf8')) as Expected);
  },
);

function near(t: ExecutionContext, actual: number, expected: number | null, what: string): void {
  if (expected === null) t.is(actual, Number.NaN, what);
  else t.true(Math.abs(actual - expected) <= TOLERANCE, `${what}: ${actual}, expected ${expected}`);
}

/** Largest difference of two curves; NaN is written as null and differs from nothing but numbers. */
function distance(actual: Float64Array, expected: readonly (number | null)[]): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  return expected.reduce<number>((largest, value, i) => {
    const same = value === null && Number.isNaN(actual[i]!);
    return Math.max(largest, same ? 0 : Math.abs(actual[i]! - (value ?? Number.POSITIVE_INFINITY)));
  }, 0);
}

function agrees(
  t: ExecutionContext,
  groundTruth: VocGroundTruth,
  results: VocResults,
  expected: Expected,
): void {
  const {classes, means, leftOut} = evaluateVoc(groundTruth, results);
  for (const row of expected.classes) {
    const found = classes.find(({name}) => name === row.class)!;
    t.deepEqual(
      [found.positives, found.difficult, found.detections],
      [row.positives, row.difficult, row.detections],
      row.class,
    );
    const [at50, at75] = [found.curves[0]!, found.curves[1]!];
    near(t, at50.ap07, row['ap07@50'], `${row.class} ap07@50`);
    near(t, at50.ap, row['ap@50'], `${row.class} ap@50`);
    near(t, at75.ap07, row['ap07@75'], `${row.class} ap07@75`);
    near(t, at75.ap, row['ap@75'], `${row.class} ap@75`);
    t.true(distance(at50.recall, row.rec) <= TOLERANCE, `${row.class} recall`);
    t.true(distance(at50.precision, row.prec) <= TOLERANCE, `${row.class} precision`);
  }
  const withPositives = expected.classes.filter(({positives}) => positives > 0).map(row => row.class);
  t.deepEqual(
    classes.filter(({name}) => !leftOut.includes(name)).map(({name}) => name),
    withPositives,
  );
  const mean = expected.meanOverClassesWithPositives;
  near(t, means[0]!.ap07, mean['ap07@50'], 'mean ap07@50');
  near(t, means[0]!.ap, mean['ap@50'], 'mean ap@50');
  near(t, means[1]!.ap07, mean['ap07@75'], 'mean ap07@75');
  near(t, means[1]!.ap, mean['ap@75'], 'mean ap@75');
}

async function readCase(root: string): Promise<{groundTruth: VocGroundTruth; results: VocResults}> {
  const {groundTruth} = await readVocGroundTruth({root, split: 'test'});
  const {results} = await readVocResults(join(root, 'detections'), groundTruth);
  return {groundTruth, results};
}

for (const name of ['voc_rules', 'voc_medium']) {
  test(`${name}: every figure of the reference`, onCase, name, async (t, root, expected) => {
    const {groundTruth, results} = await readCase(root);
    agrees(t, groundTruth, results, expected);
  });

  test(`${name}: the same from COCO results`, onCase, name, async (t, root, expected) => {
    const {groundTruth, results} = await readCase(root);
    const path = join(await temporaryFolder(t), 'results.json');
    await writeFileAtomic(path, JSON.stringify(cocoRecords(groundTruth, results)));
    const again = await readVocResults(path, groundTruth);
    agrees(t, groundTruth, again.results, expected);
  });

  test(
    `${name}: detections that were read, written and read again are the same`,
    onCase,
    name,
    async (t, root) => {
      const {groundTruth, results} = await readCase(root);
      const folder = join(await temporaryFolder(t), 'written');
      await writeVocResults(folder, results, groundTruth, {set: 'val'});
      const again = await readVocResults(folder, groundTruth);
      t.deepEqual(again, {results, notices: []});
    },
  );
}

function cocoRecords({imageIds, imageNames}: VocGroundTruth, results: VocResults): readonly object[] {
  return Array.from(results.scores, (score, row) => {
    const [xmin, ymin, xmax, ymax] = [...results.boxes.subarray(4 * row, 4 * row + 4)];
    const image = results.imageOf[row]!;
    return {
      // Both ways to name an image.
      image_id: row % 2 === 0 ? imageIds[image] : imageNames[image],
      category_id: results.classOf[row]! + 1,
      bbox: [xmin! - 1, ymin! - 1, xmax! - xmin! + 1, ymax! - ymin! + 1],
      score,
    };
  });
}

test(
  'voc_medium: the same for detections of a model on the opened data set',
  onCase,
  'voc_medium',
  async (t, root, expected) => {
    const dataset = await loadVoc({root, split: 'test', difficult: 'drop', name: 'medium'});
    const {groundTruth, results} = await readCase(root);
    t.deepEqual(vocFromDataset(dataset), groundTruth);
    const detections = dataset.images.map(({id}, image) => {
      const rows = [...results.scores.keys()].filter(row => results.imageOf[row] === image);
      const corner = (row: number, i: number) => results.boxes[4 * row + i]! - (i < 2 ? 1 : 0);
      return {
        imageId: id,
        boxes: Float32Array.from(rows.flatMap(row => [0, 1, 2, 3].map(i => corner(row, i)))),
        // Scores of four decimals that differ stay different as float32.
        scores: Float32Array.from(rows, row => results.scores[row]!),
        classes: Int32Array.from(rows, row => results.classOf[row]! + 1),
      };
    });
    agrees(t, groundTruth, vocResults(detections, dataset), expected);
  },
);
