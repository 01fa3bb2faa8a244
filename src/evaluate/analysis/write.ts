/** The analysis of an evaluation as files: tables as CSV, charts as SVG, a summary as JSON. */
import {join} from 'node:path';
import {visibleText} from '../../errors.js';
import {writeFileAtomic} from '../../files/write-atomic.js';
import type {CocoGroundTruth, CocoResults} from '../coco-data.js';
import type {CocoEvaluation} from '../coco-eval.js';
import {type Analysis, type AnalysisOptions, analyse} from './analysis.js';
import {areasSvg, categoryCurvesSvg, confusionSvg, errorsSvg, meanCurvesSvg} from './charts.js';
import {topConfusions} from './confusion.js';
import {areasCsv, classesCsv, confusionCsv, curvesCsv, errorsCsv} from './tables.js';

/**
 * Analyses an evaluation and writes what it finds into `folder`, which is made if need be: per-class.csv,
 * precision-recall.csv and two charts, confusion, errors and area each as .csv and .svg, errors.json and
 * analysis.json, the summary.
 * @param evaluation of the same ground truth and results
 * @returns paths of the files, analysis.json last
 * @throws RunError when they cannot be written; a file is complete or not there
 */
export async function writeAnalysis(
  folder: string,
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  evaluation: CocoEvaluation,
  options: AnalysisOptions = {},
): Promise<readonly string[]> {
  return writeAnalysisFiles(folder, analyse(groundTruth, results, evaluation, options));
}

/** As writeAnalysis, for an analysis that is there already; `formatErrors(analysis.errors)` shows a part of it. */
export async function writeAnalysisFiles(folder: string, analysis: Analysis): Promise<readonly string[]> {
  const {evaluation, classes, curves, confusion, errors, areas} = analysis;
  // Made one by one: the text of one file is gone before the next.
  const files: readonly (readonly [name: string, text: () => string])[] = [
    ['per-class.csv', () => classesCsv(classes, evaluation.parameters.maxDetections)],
    ['precision-recall.csv', () => curvesCsv(curves)],
    ['precision-recall.svg', () => meanCurvesSvg(curves)],
    ['precision-recall-classes.svg', () => categoryCurvesSvg(curves)],
    ['confusion.csv', () => confusionCsv(confusion)],
    ['confusion.svg', () => confusionSvg(confusion)],
    ['errors.csv', () => errorsCsv(errors)],
    ['errors.svg', () => errorsSvg(errors)],
    ['errors.json', () => jsonText(errors)],
    ['area.csv', () => areasCsv(areas)],
    ['area.svg', () => areasSvg(areas)],
  ];
  const paths: string[] = [];
  for (const [name, text] of files) {
    const path = join(folder, name);
    await writeFileAtomic(path, text());
    paths.push(path);
  }
  const summary = join(folder, 'analysis.json');
  await writeFileAtomic(
    summary,
    jsonText(
      summaryOf(
        analysis,
        files.map(([name]) => name),
      ),
    ),
  );
  return [...paths, summary];
}

function jsonText(value: object): string {
  // JSON escapes the controls below U+0020 only; the same text with the others escaped.
  return `${JSON.stringify(value, null, 2).replaceAll(/[\u007f-\u009f]/g, visibleText)}\n`;
}

/** Confusions that the summary lists. */
const LISTED_CONFUSIONS = 20;

/** Fractions 0..1, -1 where there is nothing to average. */
function summaryOf(
  {evaluation, classes, confusion, errors, areas}: Analysis,
  files: readonly string[],
): object {
  const {perCategory: _, ...breakdown} = errors;
  const {parameters, stats} = evaluation;
  return {
    parameters,
    stats,
    scoreThreshold: classes.scoreThreshold,
    all: classes.all,
    perCategory: classes.rows,
    errors: breakdown,
    confusion: {
      iouThreshold: confusion.iouThreshold,
      scoreThreshold: confusion.scoreThreshold,
      ignoredDetections: confusion.ignored,
      most: topConfusions(confusion, LISTED_CONFUSIONS),
    },
    areas: areas.map(({to, ...bin}) => ({...bin, to: to === Infinity ? null : to})),
    files,
  };
}
