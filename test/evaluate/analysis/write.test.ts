import {readdir, readFile, writeFile} from 'node:fs/promises';
import {basename, join} from 'node:path';
import test from 'ava';
import {XMLValidator} from 'fast-xml-parser';
import {writeAnalysis} from '../../../src/evaluate/analysis/write.js';
import type {CocoGroundTruth, CocoResults} from '../../../src/evaluate/coco-data.js';
import {evaluateCoco} from '../../../src/evaluate/coco-eval.js';
import {temporaryFolder} from '../../temporary-folder.js';
import {groundTruthOf, resultsOf} from '../scenes.js';

const FILES = [
  'per-class.csv',
  'precision-recall.csv',
  'precision-recall.svg',
  'precision-recall-classes.svg',
  'confusion.csv',
  'confusion.svg',
  'errors.csv',
  'errors.svg',
  'errors.json',
  'area.csv',
  'area.svg',
  'analysis.json',
];

/** Many categories, one object and two detections each; the second of every other one is of the next category. */
function scene(categories: number): {readonly groundTruth: CocoGroundTruth; readonly results: CocoResults} {
  const ids = Array.from({length: categories}, (_, k) => k + 1);
  const box = (id: number) => [10 * id, 0, 4 + id, 4 + id] as const;
  return {
    groundTruth: groundTruthOf(
      [1, 2],
      ids,
      ids.map(id => ({id, image: 1 + (id % 2), category: id, box: box(id)})),
    ),
    results: resultsOf(
      ids.flatMap(id => [
        {
          image: 1 + (id % 2),
          category: id % 2 === 0 ? id : 1 + (id % categories),
          box: box(id),
          score: 0.5 + id / 1000,
        },
        {image: 1, category: id, box: [3, 1000, 40, 40] as const, score: 0.4},
      ]),
    ),
  };
}

for (const categories of [0, 1, 3, 80, 200]) {
  test(`An analysis of ${categories} categories is written as files that parse`, async t => {
    const folder = join(await temporaryFolder(t), 'new', 'analysis');
    const {groundTruth, results} = scene(categories);
    const evaluation = evaluateCoco(groundTruth, results);
    const paths = await writeAnalysis(folder, groundTruth, results, evaluation);
    t.deepEqual(
      paths.map(path => basename(path)),
      FILES,
    );
    t.deepEqual((await readdir(folder)).sort(), [...FILES].sort());
    for (const path of paths) {
      const text = await readFile(path, 'utf8');
      t.false(/NaN|undefined|Infinity/.test(text), basename(path));
      if (path.endsWith('.svg')) t.true(XMLValidator.validate(text) === true, basename(path));
      if (path.endsWith('.csv')) {
        const widths = text
          .split('\r\n')
          .slice(0, -1)
          .map(line => line.replaceAll(/"[^"]*"/g, '').split(',').length);
        t.is(new Set(widths).size, 1, basename(path));
      }
    }
    const summary = JSON.parse(await readFile(paths.at(-1)!, 'utf8'));
    t.like(summary, {
      stats: evaluation.stats,
      files: FILES.slice(0, -1),
      errors: {AP: evaluation.stats.AP50},
    });
    t.is(summary.perCategory.length, categories);
    t.is(summary.confusion.scoreThreshold, 0.3);
  });
}

test('Where the folder is a file, the error says so', async t => {
  const path = join(await temporaryFolder(t), 'file');
  await writeFile(path, '');
  const {groundTruth, results} = scene(2);
  const evaluation = evaluateCoco(groundTruth, results);
  await t.throwsAsync(writeAnalysis(path, groundTruth, results, evaluation), {message: /in the way/});
});
