/** `sf eval --annotations gt.json --results dets.json`: COCO figures of a results file, without a model. */
import {evaluateCoco} from '../evaluate/coco-eval.js';
import {readCocoGroundTruth, readCocoResults} from '../evaluate/coco-files.js';
import {cocoWarnings, describeWarning} from '../evaluate/coco-warnings.js';
import {formatCocoStats, statsJson} from '../evaluate/text.js';
import {writeJson, writeOut} from './output.js';

export type EvaluateFilesOptions = {
  /** COCO instances JSON. */
  readonly annotations: string;
  /** COCO results JSON. */
  readonly results: string;
  readonly iouType: 'bbox';
  /** File to write the figures to; '-' puts them, and nothing else, on standard output. */
  readonly json?: string;
};

/**
 * Prints the table (or JSON) to standard output and warnings to standard error; returns the exit code.
 * @throws UsageError or RunError when a file is missing or wrong.
 */
export async function evaluateFiles({annotations, results, json}: EvaluateFilesOptions): Promise<number> {
  const {groundTruth, warnings} = await readCocoGroundTruth(annotations);
  const detections = await readCocoResults(results, groundTruth);
  const evaluation = evaluateCoco(groundTruth, detections);
  for (const warning of [...warnings, ...cocoWarnings(groundTruth, detections, evaluation.parameters)]) {
    process.stderr.write(`warning: ${describeWarning(warning)}\n`);
  }
  if (json !== undefined) await writeJson(json, statsJson(evaluation));
  if (json !== '-') await writeOut(formatCocoStats(evaluation));
  return 0;
}
