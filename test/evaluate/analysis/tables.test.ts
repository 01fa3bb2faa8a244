import test from 'ava';
import fc from 'fast-check';
import {analyse} from '../../../src/evaluate/analysis/analysis.js';
import {SIDES} from '../../../src/evaluate/analysis/areas.js';
import {iouText} from '../../../src/evaluate/analysis/curves.js';
import {areasCsv, classesCsv, curvesCsv} from '../../../src/evaluate/analysis/tables.js';
import {evaluateCoco} from '../../../src/evaluate/coco-eval.js';
import {IOU_THRESHOLDS} from '../../../src/evaluate/coco-parameters.js';
import {COCO_STATS} from '../../../src/evaluate/coco-stats.js';
import {type Annotation, anyScene, type Box, type Found, groundTruthOf, resultsOf} from '../scenes.js';

const object = (id: number, category: number, box: Box, more: Partial<Annotation> = {}): Annotation => ({
  id,
  image: 1,
  category,
  box,
  ...more,
});
const found = (score: number, category: number, box: Box): Found => ({image: 1, category, box, score});
const square = (x: number, side: number): Box => [x, 0, side, side];

// Category 1: three objects and a crowd. By score: hit 0.9, miss 0.8, hit 0.8, ignored 0.7 (in the crowd), hit 0.2, miss 0.1.
const annotations = [
  object(1, 1, square(0, 20)),
  object(2, 1, square(100, 40)),
  object(3, 1, square(200, 40)),
  object(4, 1, [0, 200, 300, 300], {crowd: true}),
];
const detections = [
  found(0.9, 1, square(0, 20)),
  found(0.8, 1, square(500, 40)),
  found(0.8, 1, square(100, 40)),
  found(0.7, 1, [100, 300, 50, 50]),
  found(0.2, 1, square(200, 40)),
  found(0.1, 1, square(600, 40)),
  found(0.6, 2, square(0, 20)),
];
const groundTruth = groundTruthOf([1], [1, 2], annotations);
const results = resultsOf(detections);
const evaluation = evaluateCoco(groundTruth, results);

test('Counts, and the score with the best F1', t => {
  const {all, rows} = analyse(groundTruth, results, evaluation, {scoreThreshold: 0.8}).classes;
  // F1 = 2 TP / (3 + TP + FP) from 0.9: 2/4; from 0.8, both of them: 4/6; from 0.2: 6/7; from 0.1: 6/8.
  t.like(rows[0], {
    groundTruths: 3,
    ignoredGroundTruths: 1,
    detections: 6,
    counts: {truePositives: 3, falsePositives: 2, ignored: 1},
    countsAtThreshold: {truePositives: 2, falsePositives: 1, ignored: 0},
    best: {score: 0.2, precision: 3 / 4, recall: 1, f1: 6 / 7},
  });
  t.like(rows[1], {groundTruths: 0, counts: {truePositives: 0, falsePositives: 1, ignored: 0}, AP: -1});
  t.false('best' in rows[1]!);
  // All categories together have a false positive more at 0.6: from 0.2 on 6 / 8, no more than from 0.1 in category 1.
  t.like(all, {groundTruths: 3, detections: 7, counts: {truePositives: 3, falsePositives: 3, ignored: 1}});
  t.like(all.best, {score: 0.2, f1: 6 / 8});
  for (const name of COCO_STATS) t.is(all[name], evaluation.stats[name]);
});

test('The best F1 is at the highest score that gives it, and no threshold parts equal scores', t => {
  const best = (objects: number, ...scores: readonly (readonly [score: number, hit: boolean])[]) => {
    const scene = groundTruthOf(
      [1],
      [1],
      Array.from({length: objects}, (_, i) => object(i + 1, 1, square(100 * i, 40))),
    );
    let hits = 0;
    const output = resultsOf(
      scores.map(([score, hit]) => found(score, 1, square(hit ? 100 * hits++ : 5000, 40))),
    );
    return analyse(scene, output, evaluateCoco(scene, output)).classes.rows[0]!.best;
  };
  // 2 / (2 + 1) and, with two misses before the second hit, 4 / (2 + 4).
  t.like(best(2, [0.9, true], [0.8, false], [0.7, false], [0.6, true]), {score: 0.9, f1: 2 / 3});
  t.like(best(1, [0.8, true], [0.8, false]), {score: 0.8, f1: 2 / 3, precision: 1 / 2});
  t.is(best(1, [0.8, false]), undefined);
});

test('Figures that there are not are empty cells, names are quoted, formulas are text', t => {
  const named = {
    ...groundTruth,
    categories: [
      {id: 1, name: 'bread, "white"'},
      {id: 2, name: '=HYPERLINK("http://a.b")'},
    ],
  };
  const {classes, errors} = analyse(named, results, evaluateCoco(named, results));
  const [head, all, first, second, end] = classesCsv(classes, [1, 10, 100]).split('\r\n');
  t.true(head!.startsWith('id,category,AP,AP50,AP75,APs,APm,APl,AR1,AR10,AR100,ARs,ARm,ARl,objects,'));
  t.true(all!.startsWith(`,all,${evaluation.stats.AP},${evaluation.stats.AP50},`));
  t.true(first!.startsWith('1,"bread, ""white""",'));
  t.true(second!.startsWith(`2,"'=HYPERLINK(""http://a.b"")",,,,,,,,,,,,,0,0,1,0,1,0,0,1,0,,,,`));
  t.is(end, '');
  t.is(errors.perCategory[0]!.name, 'bread, "white"');
  t.true(classesCsv(classes, [1, 20, 300]).includes(',AR1,AR20,AR300,'));
});

test('A curve has 101 points, its mean is AP, and scores stand where one detection reaches the point', t => {
  const {curves} = analyse(groundTruth, results, evaluation);
  t.deepEqual(
    curves.mean.map(({iou}) => iou),
    [...IOU_THRESHOLDS.map(iouText), '0.50:0.95'],
  );
  t.deepEqual(
    curves.categories.map(({id, curves: of}) => [id, of.map(({iou}) => iou)]),
    [[1, ['0.50', '0.75', '0.50:0.95']]],
  );
  const [at50, , mean] = curves.categories[0]!.curves;
  t.true(Math.abs(at50!.AP - evaluation.stats.AP50) < 1e-12);
  t.true(Math.abs(mean!.AP - evaluation.stats.AP) < 1e-12);
  const lines = curvesCsv(curves).split('\r\n');
  t.is(lines.length, 1 + 11 * 101 + 3 * 101 + 1);
  t.is(lines[0], 'id,category,IoU,recall,precision,score');
  // Recall 1/3 has 1 (the first of one hit: 1 / (1 + epsilon)), 2/3 and 1 have 3/4, which the last hit reaches.
  const rows = lines.filter(line => line.startsWith('1,class 1,0.50,'));
  t.is(rows[33], '1,class 1,0.50,0.33,0.9999999999999998,0.9');
  t.is(rows[34], '1,class 1,0.50,0.34,0.75,0.8');
  t.is(rows[67], '1,class 1,0.50,0.67,0.75,0.2');
  t.is(lines[1], ',mean,0.50,0.00,0.9999999999999998,');
});

test('Without objects there are no curves; a threshold of its own is named', t => {
  const none = groundTruthOf([1], [1], []);
  const {curves} = analyse(none, results, evaluateCoco(none, results));
  t.deepEqual(curves, {mean: [], categories: []});
  const one = analyse(groundTruth, results, evaluateCoco(groundTruth, results, {iouThresholds: [0.625]}));
  t.deepEqual(
    one.curves.mean.map(({iou}) => iou),
    ['0.625'],
  );
  t.deepEqual(
    one.curves.categories[0]!.curves.map(({iou}) => iou),
    ['0.625'],
  );
  t.is(iouText(0.8999999999999999), '0.90');
});

test('Objects are in one range of size each; its lower end belongs to it', t => {
  // Sides 20 and 40 are in 16-32 and 32-64; 32 itself begins the second.
  const bins = analyse(groundTruth, results, evaluation).areas;
  t.deepEqual(
    bins.map(({from, to, groundTruths}) => [from, to, groundTruths]),
    [
      [0, 8, 0],
      [8, 16, 0],
      [16, 32, 1],
      [32, 64, 2],
      [64, 128, 0],
      [128, 256, 0],
      [256, 512, 0],
      [512, Infinity, 0],
    ],
  );
  // 16-32: the hit 0.9 alone. 32-64: misses 0.8 before hit 0.8, hit 0.2: precision 1/2, 2/3, the larger everywhere.
  t.true(Math.abs(bins[2]!.AP - 1) < 1e-12);
  t.true(Math.abs(bins[3]!.AP50 - 2 / 3) < 1e-12);
  t.is(bins[0]!.AP, -1);
  // Category 2's detection of side 20 counts as a detection, and so does the one of 50 x 50 inside the crowd.
  t.deepEqual(
    bins.map(({detections: count}) => count),
    [0, 0, 2, 5, 0, 0, 0, 0],
  );
  const csv = areasCsv(bins).split('\r\n');
  t.is(csv[1], '0,8,0,0,,,,');
  t.is(csv[8], '512,,0,0,,,,');

  const edges = SIDES.map((side, row) => object(row + 1, 1, [0, 0, side, side]));
  const scene = groundTruthOf([1], [1], edges);
  const {areas} = analyse(scene, resultsOf([]), evaluateCoco(scene, resultsOf([])));
  t.deepEqual(
    areas.map(({groundTruths}) => groundTruths),
    [0, 1, 1, 1, 1, 1, 1, 1],
  );
});

test('Ranges of size together hold every object, and the figures of any range are those of the evaluator', t => {
  fc.assert(
    fc.property(anyScene, ({images, categories, annotations: some, found: detected}) => {
      const scene = groundTruthOf(images, categories, some);
      const output = resultsOf(detected);
      const {areas, classes} = analyse(scene, output, evaluateCoco(scene, output));
      t.is(
        areas.reduce((sum, {groundTruths}) => sum + groundTruths, 0),
        classes.all.groundTruths,
      );
      t.is(
        areas.reduce((sum, bin) => sum + bin.detections, 0),
        classes.all.detections,
      );
      for (const {groundTruths, AP, AR} of areas) t.is(groundTruths === 0, AP === -1 && AR === -1);
      const counts = classes.rows.map(({counts: of}) => of.truePositives + of.falsePositives + of.ignored);
      t.is(
        counts.reduce((sum, count) => sum + count, 0),
        detected.length,
      );
    }),
    {numRuns: 60},
  );
});
