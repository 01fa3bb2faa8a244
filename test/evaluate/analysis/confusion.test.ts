import test from 'ava';
import fc from 'fast-check';
import {type AnalysisOptions, analyse} from '../../../src/evaluate/analysis/analysis.js';
import {type ConfusionMatrix, topConfusions} from '../../../src/evaluate/analysis/confusion.js';
import {confusionCsv} from '../../../src/evaluate/analysis/tables.js';
import {evaluateCoco} from '../../../src/evaluate/coco-eval.js';
import {type Annotation, anyScene, type Box, type Found, groundTruthOf, resultsOf} from '../scenes.js';

function confusion(
  annotations: readonly Annotation[],
  detections: readonly Found[],
  options: AnalysisOptions = {},
): ConfusionMatrix {
  const groundTruth = groundTruthOf([1, 2], [1, 2, 3], annotations);
  const results = resultsOf(detections);
  return analyse(groundTruth, results, evaluateCoco(groundTruth, results), options).confusion;
}

/** Rows of the matrix; background last. */
function rows({counts, categories}: ConfusionMatrix): readonly (readonly number[])[] {
  const size = categories.length + 1;
  return Array.from({length: size}, (_, row) => [...counts.subarray(row * size, (row + 1) * size)]);
}

const A: Box = [0, 0, 100, 100];
const B: Box = [200, 0, 100, 100];
const object = (id: number, category: number, box: Box, more: Partial<Annotation> = {}): Annotation => ({
  id,
  image: 1,
  category,
  box,
  ...more,
});
const found = (score: number, category: number, box: Box, image = 1): Found => ({
  image,
  category,
  box,
  score,
});

test('Objects are rows, detections columns, background is last in both', t => {
  const matrix = confusion(
    [object(1, 1, A), object(2, 1, B), object(3, 2, [400, 0, 50, 50]), object(4, 3, [0, 300, 50, 50])],
    [
      found(0.9, 1, A),
      found(0.8, 2, B), // an object of category 1 taken for one of category 2
      found(0.7, 2, [400, 0, 50, 50]),
      found(0.6, 3, [600, 300, 50, 50]), // nothing there; the object of category 3 is missed
      found(0.5, 3, A, 2), // another image
      found(0.2, 3, [0, 300, 50, 50]), // below the score threshold
    ],
  );
  t.deepEqual(rows(matrix), [
    [1, 1, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 0, 1],
    [0, 0, 2, 0],
  ]);
  t.deepEqual([...matrix.objects], [2, 1, 1]);
  t.deepEqual([...matrix.detections], [1, 2, 2]);
  t.like(matrix, {iouThreshold: 0.5, scoreThreshold: 0.3, ignored: 0});
  t.deepEqual(topConfusions(matrix, 5), [
    {object: {id: 1, name: 'class 1'}, detection: {id: 2, name: 'class 2'}, count: 1},
  ]);
  t.is(
    confusionCsv(matrix),
    [
      '"ground truth \\ predicted (IoU >= 0.5, score >= 0.3)",class 1,class 2,class 3,background',
      'class 1,1,1,0,0',
      'class 2,0,1,0,0',
      'class 3,0,0,0,1',
      'background,0,0,2,0',
      '',
    ].join('\r\n'),
  );
});

test('The better of two detections decides what an object is taken for', t => {
  const matrix = confusion([object(1, 1, A)], [found(0.9, 2, A), found(0.8, 1, A)]);
  t.deepEqual(rows(matrix), [
    [0, 1, 0, 0],
    [0, 0, 0, 0],
    [0, 0, 0, 0],
    [1, 0, 0, 0],
  ]);
});

test('A detection takes the object that it overlaps most, of equal ones that of its own category', t => {
  // 80 of 100 columns of A, and all of another object inside.
  const inner: Box = [0, 0, 80, 100];
  const nearer = confusion([object(1, 1, A), object(2, 2, inner)], [found(0.9, 1, inner)]);
  t.deepEqual(rows(nearer)[1], [1, 0, 0, 0]);
  for (const annotations of [
    [object(1, 1, A), object(2, 2, A)],
    [object(1, 2, A), object(2, 1, A)],
  ]) {
    t.deepEqual(rows(confusion(annotations, [found(0.9, 1, A)]))[0], [1, 0, 0, 0]);
  }
});

test('Thresholds are inclusive, and can be set', t => {
  const half: Box = [0, 0, 50, 100];
  const at = (options: AnalysisOptions) =>
    rows(confusion([object(1, 1, A)], [found(0.25, 1, half)], options));
  t.deepEqual(at({scoreThreshold: 0.25})[0], [1, 0, 0, 0]);
  t.deepEqual(at({scoreThreshold: 0.26})[0], [0, 0, 0, 1]);
  t.deepEqual(
    at({scoreThreshold: 0, confusionIou: 0.51}).map(row => row[0]),
    [0, 0, 0, 1],
  );
  t.throws(() => at({scoreThreshold: Number.NaN}), {message: /score threshold is NaN/});
  t.throws(() => at({confusionIou: 0}), {message: /IoU is 0/});
  t.throws(() => at({confusionIou: 1.5}), {message: /IoU is 1.5/});
});

test('Crowds and ignored objects excuse detections of their own category alone', t => {
  const crowd = object(9, 1, [0, 300, 300, 300], {crowd: true});
  const inside: Box = [100, 400, 50, 50];
  const many = confusion([crowd], [found(0.9, 1, inside), found(0.8, 1, inside), found(0.7, 2, inside)]);
  t.is(many.ignored, 2);
  t.deepEqual(rows(many)[3], [0, 1, 0, 0]);
  t.deepEqual([...many.objects], [0, 0, 0]);

  const difficult = object(9, 1, A, {ignore: true});
  const once = confusion([difficult], [found(0.9, 1, A), found(0.8, 1, A)]);
  t.is(once.ignored, 1);
  t.deepEqual(rows(once)[3], [1, 0, 0, 0]);

  // An object that counts goes first.
  const both = confusion([object(1, 2, A), difficult], [found(0.9, 1, A)]);
  t.deepEqual(rows(both)[1], [1, 0, 0, 0]);
  t.is(both.ignored, 0);
});

test('In any scene rows add up to objects, columns to detections, and nothing is counted twice', t => {
  fc.assert(
    fc.property(anyScene, fc.constantFrom(0, 0.3, 0.7), (scene, scoreThreshold) => {
      const {annotations, found: detections} = scene;
      const groundTruth = groundTruthOf(scene.images, scene.categories, annotations);
      const results = resultsOf(detections);
      const evaluation = evaluateCoco(groundTruth, results);
      const matrix = analyse(groundTruth, results, evaluation, {scoreThreshold}).confusion;
      const table = rows(matrix);
      scene.categories.forEach((category, k) => {
        const sum = (cells: readonly number[]) => cells.reduce((total, cell) => total + cell, 0);
        const objects = annotations.filter(one => one.category === category && one.crowd !== true);
        t.is(sum(table[k]!), objects.length);
        t.is(sum(table.map(row => row[k]!)), matrix.detections[k]!);
      });
      const counted = matrix.detections.reduce((total, count) => total + count, 0);
      t.is(counted + matrix.ignored, detections.filter(({score}) => score >= scoreThreshold).length);
      t.is(table.at(-1)!.at(-1), 0);
    }),
    {numRuns: 100},
  );
});
