/** What is done with the files of a case: everything that `sf eval` may do with them. */
import {deepStrictEqual} from 'node:assert/strict';
import {readFile, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {loadCoco} from '../../src/data/coco.js';
import {loadVoc} from '../../src/data/voc.js';
import {RunError, UsageError} from '../../src/errors.js';
import {analyse} from '../../src/evaluate/analysis/analysis.js';
import {type CocoGroundTruth, type CocoResults, fromDataset} from '../../src/evaluate/coco-data.js';
import {evaluateCoco} from '../../src/evaluate/coco-eval.js';
import {readCocoGroundTruth, readCocoResults, writeCocoResults} from '../../src/evaluate/coco-files.js';
import type {IouType} from '../../src/evaluate/coco-parameters.js';
import {cocoWarnings, describeWarning} from '../../src/evaluate/coco-warnings.js';
import {writeSubmission} from '../../src/evaluate/submission.js';
import {readSubmissionImages} from '../../src/evaluate/submission-images.js';
import {resultsFileSource} from '../../src/evaluate/submission-source.js';
import {formatCocoStats, statsJson} from '../../src/evaluate/text.js';
import {vocFromDataset} from '../../src/evaluate/voc-data.js';
import {evaluateVoc, type VocEvaluation} from '../../src/evaluate/voc-eval.js';
import {readVocGroundTruth, readVocResults, writeVocResults} from '../../src/evaluate/voc-files.js';
import {formatVocStats, vocStatsJson} from '../../src/evaluate/voc-text.js';
import type {FuzzKind} from './cases.js';

/** Two ways to the same thing came out differently. */
export class Disagreement extends Error {}

/**
 * Evaluates the files of `folder` as `kind`.
 * @throws what the readers and evaluations throw; Disagreement where two of them contradict each other
 */
export async function evaluateCase(kind: FuzzKind, folder: string): Promise<void> {
  const instances = join(folder, 'instances.json');
  const results = join(folder, 'results.json');
  const voc = {root: join(folder, 'voc'), split: 'test'};
  switch (kind) {
    case 'coco':
      return anyOf(
        () => evaluateCocoFiles(instances, results, 'bbox'),
        () => evaluateCocoFiles(instances, results, 'segm'),
      );
    case 'coco-reading':
      return anyOf(
        () => readBothWays(instances, results, false, folder),
        () => readBothWays(instances, results, true, folder),
      );
    case 'data-set': {
      const dataset = await loadCoco({annotations: instances, images: folder, name: 'fuzz'});
      const {evaluation} = evaluated(fromDataset(dataset), noResults());
      formatCocoStats(evaluation);
      vocFromDataset(dataset);
      return;
    }
    case 'submission': {
      const images = await readSubmissionImages(instances);
      const submit = async (iouType: IouType) => {
        const source = resultsFileSource(results, {iouType, images});
        await writeSubmission(source, {folder: join(folder, 'out'), name: 'fuzz', images});
      };
      return anyOf(
        () => submit('bbox'),
        () => submit('segm'),
      );
    }
    case 'voc-lines':
      return evaluateVocFiles(voc, join(folder, 'found'), folder);
    case 'voc-records':
      return evaluateVocFiles(voc, join(folder, 'found.json'), folder);
    case 'voc-data-set':
      vocFromDataset(await loadVoc({...voc, difficult: 'drop', name: 'fuzz'}));
  }
}

/** Does all of `jobs`. @throws what the last one refuses, if all of them refuse, and at once what is no refusal */
async function anyOf(...jobs: readonly (() => Promise<void>)[]): Promise<void> {
  const outcomes = [];
  for (const job of jobs) outcomes.push(await outcomeOf(job));
  const last = outcomes.at(-1);
  if (outcomes.every(outcome => 'error' in outcome) && last !== undefined && 'error' in last)
    throw last.error;
}

async function evaluateCocoFiles(instances: string, results: string, iouType: IouType): Promise<void> {
  const masks = iouType === 'segm';
  const {groundTruth, warnings} = await readCocoGroundTruth(instances, {masks});
  const found = await readCocoResults(results, groundTruth, {masks});
  const {evaluation} = evaluated(groundTruth, found, iouType);
  for (const warning of [...warnings, ...cocoWarnings(groundTruth, found, evaluation.parameters)])
    describeWarning(warning);
  formatCocoStats(evaluation);
  JSON.stringify(statsJson(evaluation));
  analyse(groundTruth, found, evaluation);
}

/** What is read does not depend on how: in one piece or many, by our reader or by JSON.parse, once or written again. */
async function readBothWays(
  instances: string,
  results: string,
  masks: boolean,
  folder: string,
): Promise<void> {
  const {groundTruth} = await sameInPieces(chunks => readCocoGroundTruth(instances, {masks, ...chunks}));
  const found = await sameInPieces(chunks => readCocoResults(results, groundTruth, {masks, ...chunks}));
  await sameAsParsed(instances, results, groundTruth, found);
  const written = join(folder, 'written.json');
  await writeCocoResults(written, found);
  const again = await readCocoResults(written, groundTruth, {masks});
  agree('results that were written and read again', comparable(again, masks), comparable(found, masks));
}

/** -0 is written as 0; areas of masks are not written where the masks were not read. */
function comparable({masks, areas, ...columns}: CocoResults, withAreas: boolean): object {
  const numbers = withAreas ? {...columns, areas} : columns;
  return {
    masks,
    ...Object.fromEntries(Object.entries(numbers).map(([name, column]) => [name, column.map(positive)])),
  };
}

function positive(value: number): number {
  return value + 0;
}

function evaluated(groundTruth: CocoGroundTruth, results: CocoResults, iouType: IouType = 'bbox') {
  const evaluation = evaluateCoco(groundTruth, results, {iouType});
  for (const [name, value] of Object.entries(evaluation.stats)) {
    if (!(value === -1 || (value >= 0 && value <= 1))) throw new Disagreement(`${name} is ${value}`);
  }
  return {evaluation};
}

function noResults(): CocoResults {
  const none = new Float64Array(0);
  return {imageOf: none, categoryOf: none, boxes: none, scores: none, areas: none};
}

/** Elements that chunks cut in two are read another way: the answer is the same, the refusal too. */
async function sameInPieces<T>(read: (options: {readonly chunkBytes?: number}) => Promise<T>): Promise<T> {
  const [whole, pieces] = [await outcomeOf(() => read({})), await outcomeOf(() => read({chunkBytes: 251}))];
  agree('a file read whole and in pieces', pieces, whole);
  if ('error' in whole) throw whole.error;
  return whole.value;
}

async function outcomeOf<T>(read: () => Promise<T>): Promise<{readonly value: T} | {readonly error: Error}> {
  try {
    return {value: await read()};
  } catch (error) {
    if (error instanceof RunError || error instanceof UsageError) return {error};
    throw error;
  }
}

function agree(what: string, actual: unknown, expected: unknown): void {
  try {
    deepStrictEqual(actual, expected);
  } catch (error) {
    throw new Disagreement(`${what} differ: ${error instanceof Error ? error.message : error}`);
  }
}

/** The fields that are compared, of a record that was accepted. */
type Parsed = {
  readonly id: number;
  readonly image_id: number;
  readonly category_id: number;
  readonly score: number;
  readonly bbox: readonly number[];
};

/** What was accepted is JSON, and its numbers are those that JSON.parse finds. */
async function sameAsParsed(
  instances: string,
  results: string,
  groundTruth: CocoGroundTruth,
  found: CocoResults,
): Promise<void> {
  const {annotations} = (await parsed(instances)) as {readonly annotations: readonly Parsed[]};
  const records = (await parsed(results)) as readonly Parsed[];
  const column = (list: readonly Parsed[], field: keyof Parsed) =>
    Float64Array.from(list, record => Number(record[field]));
  agree('annotation ids', groundTruth.ids, column(annotations, 'id'));
  agree('image_id of annotations', groundTruth.imageOf, column(annotations, 'image_id'));
  agree('category_id of annotations', groundTruth.categoryOf, column(annotations, 'category_id'));
  agree('image_id of results', found.imageOf, column(records, 'image_id'));
  agree('category_id of results', found.categoryOf, column(records, 'category_id'));
  agree('scores', found.scores, column(records, 'score'));
  // Where the first record has no box, boxes are those of the masks.
  if (Array.isArray(records[0]?.bbox))
    agree('boxes', found.boxes, Float64Array.from(records.flatMap(({bbox}) => bbox)));
}

async function parsed(path: string): Promise<unknown> {
  const text = (await readFile(path, 'utf8')).replace(/^\ufeff/, '');
  try {
    return JSON.parse(text);
  } catch {
    throw new Disagreement(`${path} was read and is not JSON`);
  }
}

async function evaluateVocFiles(
  options: {readonly root: string; readonly split: string},
  found: string,
  folder: string,
): Promise<void> {
  const {groundTruth} = await readVocGroundTruth(options);
  const {results} = await readVocResults(found, groundTruth);
  const evaluation = evaluateVoc(groundTruth, results);
  for (const {ap07, ap} of evaluation.means) {
    for (const value of [ap07, ap])
      if (!(Number.isNaN(value) || (value >= 0 && value < 1 + 1e-12)))
        throw new Disagreement(`mean AP is ${value}`);
  }
  formatVocStats(evaluation);
  JSON.stringify(vocStatsJson(evaluation));
  const written = join(folder, 'written');
  await rm(written, {recursive: true, force: true});
  await writeVocResults(written, results, groundTruth);
  const again = await readVocResults(written, groundTruth);
  agree(
    'VOC figures of results that were written and read again',
    comparableVoc(evaluateVoc(groundTruth, again.results)),
    comparableVoc(evaluation),
  );
}

function comparableVoc({classes, ...figures}: VocEvaluation): object {
  return {
    ...figures,
    classes: classes.map(({scores, ...others}) => ({...others, scores: scores.map(positive)})),
  };
}
