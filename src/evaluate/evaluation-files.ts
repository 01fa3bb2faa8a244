/** What an evaluation leaves in a run's folder: eval.json with the figures, detections.json in COCO's format. */
import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {z} from 'zod';
import type {Dataset} from '../data/dataset.js';
import {RunError} from '../errors.js';
import {errorCode, writeFileAtomic} from '../files/write-atomic.js';
import {toResults} from './coco-data.js';
import {writeCocoResults} from './coco-files.js';
import type {CocoStats} from './coco-stats.js';
import {COCO_STATS} from './coco-stats.js';
import type {DetectorEvaluation} from './evaluate-detector.js';
import type {EvaluationOrigin} from './evaluation-origin.js';
import {statsJson} from './text.js';

const EVALUATION = 'eval.json';
const DETECTIONS = 'detections.json';

const evaluationSchema = z.object({
  stats: z.object(Object.fromEntries(COCO_STATS.map(name => [name, z.number()]))),
  inferenceSeconds: z.number(),
  images: z.number(),
});

/**
 * Writes both files; eval.json last, so that it never stands without its detections.
 * @param origin what made the figures
 * @throws RunError when the disk is full
 */
export async function writeEvaluation(
  folder: string,
  {evaluation, masks, detections, seconds}: DetectorEvaluation,
  dataset: Dataset,
  origin: EvaluationOrigin,
): Promise<void> {
  await writeCocoResults(join(folder, DETECTIONS), toResults(detections, dataset));
  const figures = {
    ...statsJson(evaluation),
    ...(masks === undefined ? {} : {masks: statsJson(masks)}),
    dataset: dataset.name,
    images: dataset.images.length,
    inferenceSeconds: seconds,
    ...origin,
  };
  await writeFileAtomic(join(folder, EVALUATION), `${JSON.stringify(figures, null, 2)}\n`);
}

export type StoredEvaluation = {
  readonly stats: CocoStats;
  readonly inferenceSeconds: number;
  readonly images: number;
};

/** The figures of a folder, or undefined when it has none. @throws RunError for a damaged file. */
export async function readEvaluation(folder: string): Promise<StoredEvaluation | undefined> {
  const path = join(folder, EVALUATION);
  try {
    return evaluationSchema.parse(JSON.parse(await readFile(path, 'utf8'))) as StoredEvaluation;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    if (error instanceof SyntaxError || error instanceof z.ZodError) {
      throw new RunError(`${path} is damaged; remove it and evaluate the run again`);
    }
    throw error;
  }
}
