/** What `sf eval` does with COCO columns, wherever they come from: evaluate, warn, analyse, print. */
import {readFile} from 'node:fs/promises';
import {RunError, UsageError} from '../errors.js';
import type {CocoGroundTruth, CocoResults} from '../evaluate/coco-data.js';
import {type CocoEvaluation, evaluateCocoOnCores} from '../evaluate/coco-eval.js';
import type {CocoParameters} from '../evaluate/coco-parameters.js';
import {type CocoWarning, cocoWarnings, describeWarning} from '../evaluate/coco-warnings.js';
import {formatCocoStats, statsJson} from '../evaluate/text.js';
import {errorCode} from '../files/write-atomic.js';
import {chosenCategories, cocoChanges, type EvalFlags} from './eval-flags.js';
import type {Stop} from './eval-stop.js';
import {lateBar} from './late-bar.js';
import {writeJson, writeOut} from './output.js';

/**
 * The parameters that the flags set.
 * @throws UsageError for a category that is not there, or a list of images that is none of this ground truth.
 */
export async function parametersOf(
  flags: EvalFlags,
  {categories, imageIds}: Pick<CocoGroundTruth, 'categories' | 'imageIds'>,
): Promise<Partial<CocoParameters>> {
  const {categories: wanted, imagesFile} = flags;
  return {
    ...cocoChanges(flags),
    ...(wanted === undefined ? {} : {categoryIds: chosenCategories(wanted, categories)}),
    ...(imagesFile === undefined ? {} : {imageIds: await readImageIds(imagesFile, new Set(imageIds))}),
  };
}

/** Ids of a text file, one a line. */
async function readImageIds(path: string, known: ReadonlySet<number>): Promise<readonly number[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') throw new UsageError(`--images-file: there is no file ${path}`);
    if (errorCode(error) === 'EISDIR') throw new UsageError(`--images-file: ${path} is a folder`);
    throw error;
  });
  const ids = text.split('\n').flatMap((line, index) => {
    const word = line.trim();
    if (word === '') return [];
    const id = /^-?\d+$/.test(word) ? Number(word) : Number.NaN;
    const wrong = known.has(id)
      ? undefined
      : Number.isNaN(id)
        ? `expected an image id, found ${JSON.stringify(word.slice(0, 40))}`
        : `image ${id} is not among the images of the annotations`;
    if (wrong !== undefined) throw new RunError(`${path}: line ${index + 1}: ${wrong}`);
    return [id];
  });
  if (ids.length === 0) throw new UsageError(`--images-file: ${path} is empty; give image ids, one a line`);
  return [...new Set(ids)];
}

/** Evaluates with what `flags` set, and a bar while it matches. */
export async function evaluateColumns(
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  changes: Partial<CocoParameters>,
  {cores}: EvalFlags,
): Promise<CocoEvaluation> {
  const bar = lateBar({label: 'match', unit: 'pairs'});
  return await evaluateCocoOnCores(groundTruth, results, changes, {
    ...(cores === undefined ? {} : {cores}),
    onProgress: bar.update,
  }).finally(bar.stop);
}

/** Warnings go to standard error, figures to standard output and files. */
export async function reportEvaluation(
  {groundTruth, results, evaluation}: EvaluatedColumns,
  warnings: readonly CocoWarning[],
  {analyze, json}: EvalFlags,
  stop: Stop,
): Promise<void> {
  for (const warning of [...warnings, ...cocoWarnings(groundTruth, results, evaluation.parameters)]) {
    process.stderr.write(`warning: ${describeWarning(warning)}\n`);
  }
  // Figures are shown before anything is written: a full disk does not take them away.
  if (json !== '-') await writeOut(formatCocoStats(evaluation));
  if (json !== undefined) await stop.writing(() => writeJson(json, statsJson(evaluation)));
  if (analyze === undefined) return;
  const errors = await analyseInto(analyze, {groundTruth, results, evaluation}, stop);
  if (json !== '-') await writeOut(`\n${errors}`);
}

export type EvaluatedColumns = {
  readonly groundTruth: CocoGroundTruth;
  readonly results: CocoResults;
  readonly evaluation: CocoEvaluation;
};

/** Writes the analysis; returns its table of errors. */
async function analyseInto(
  folder: string,
  {groundTruth, results, evaluation}: EvaluatedColumns,
  stop: Stop,
): Promise<string> {
  const [{analyse}, {formatErrors}, {writeAnalysisFiles}] = await Promise.all([
    import('../evaluate/analysis/analysis.js'),
    import('../evaluate/analysis/text.js'),
    import('../evaluate/analysis/write.js'),
  ]);
  const analysis = stop.busy(() => analyse(groundTruth, results, evaluation));
  const paths = await stop.writing(() => writeAnalysisFiles(folder, analysis));
  process.stderr.write(`analysis: ${paths.length} files in ${folder}\n`);
  return formatErrors(analysis.errors);
}
