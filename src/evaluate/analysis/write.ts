/** The analysis of an evaluation as files: tables as CSV, charts as SVG, everything as JSON. */
import {join} from 'node:path';
import {writeFileAtomic} from '../../files/write-atomic.js';
import {csvText, figureCell} from '../../report/csv.js';
import type {CocoGroundTruth, CocoResults} from '../coco-data.js';
import type {CocoEvaluation} from '../coco-eval.js';
import {type Analysis, type AnalysisOptions, analyse} from './analysis.js';
import type {ErrorBreakdown, ErrorCosts} from './error-breakdown.js';
import {ERROR_KINDS} from './error-kinds.js';

/**
 * Analyses an evaluation and writes what it finds into `folder`, which is made if need be.
 * @param evaluation of the same ground truth and results
 * @returns paths of the files, analysis.json last
 * @throws RunError when they cannot be written; a file is complete or not there
 */
export function writeAnalysis(
  folder: string,
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  evaluation: CocoEvaluation,
  options: AnalysisOptions = {},
): Promise<readonly string[]> {
  return writeAnalysisFiles(folder, analyse(groundTruth, results, evaluation, options));
}

/** As writeAnalysis, for an analysis that is there already: `formatErrors(analysis.errors)` shows part of it. */
export async function writeAnalysisFiles(folder: string, {errors}: Analysis): Promise<readonly string[]> {
  const files: readonly (readonly [name: string, text: string])[] = [
    ['errors.csv', errorsCsv(errors)],
    ['errors.json', `${JSON.stringify(errors, null, 2)}\n`],
  ];
  const paths: string[] = [];
  for (const [name, text] of files) {
    const path = join(folder, name);
    await writeFileAtomic(path, text);
    paths.push(path);
  }
  return paths;
}

function errorsCsv(errors: ErrorBreakdown): string {
  const columns = [...ERROR_KINDS, 'false positives', 'false negatives'];
  const cells = (costs: ErrorCosts) => {
    const all = [...ERROR_KINDS.map(kind => costs.errors[kind]), costs.falsePositives, costs.falseNegatives];
    return [figureCell(costs.AP), ...all.map(({count}) => count), ...all.map(({gain}) => gain)];
  };
  return csvText([
    ['id', 'category', 'AP50', ...columns, ...columns.map(name => `dAP50 ${name}`)],
    [null, 'all', ...cells(errors)],
    ...errors.perCategory.map(category => [category.id, category.name, ...cells(category)]),
  ]);
}
