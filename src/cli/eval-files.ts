/** `sf eval --annotations gt.json`: COCO's figures of a results file, or of the annotations themselves; no model. */
import {readCocoGroundTruth, readCocoResults} from '../evaluate/coco-files.js';
import {describeWarning} from '../evaluate/coco-warnings.js';
import type {EvalPaths} from './eval.js';
import {evaluateColumns, parametersOf, reportEvaluation} from './eval-coco.js';
import type {EvalFlags} from './eval-flags.js';
import type {Stop} from './eval-stop.js';
import {lateBar} from './late-bar.js';
import {writeJson, writeOut} from './output.js';

/** Bytes of a file that is being read. */
function readingBar(path: string) {
  return lateBar({label: `read ${path.split('/').at(-1)}`, unit: 'MB', scale: 1e6});
}

/** @throws UsageError or RunError when a file is missing or wrong. */
export async function evaluateFiles(
  {annotations, results}: EvalPaths,
  flags: EvalFlags,
  stop: Stop,
): Promise<void> {
  const masks = flags.iouType === 'segm';
  const {groundTruth, warnings} = await readAnnotations(annotations, masks);
  const changes = await parametersOf(flags, groundTruth);
  const bar = readingBar(results);
  const detections = await readCocoResults(results, groundTruth, {masks, onProgress: bar.update}).finally(
    bar.stop,
  );
  const evaluation = await evaluateColumns(groundTruth, detections, changes, flags);
  await reportEvaluation({groundTruth, results: detections, evaluation}, warnings, flags, stop);
}

async function readAnnotations(path: string, masks: boolean) {
  const bar = readingBar(path);
  return await readCocoGroundTruth(path, {masks, onProgress: bar.update}).finally(bar.stop);
}

/** @throws UsageError or RunError when the file is missing or wrong. */
export async function checkAnnotations(annotations: string, flags: EvalFlags, stop: Stop): Promise<void> {
  const {groundTruth, warnings} = await readAnnotations(annotations, flags.iouType === 'segm');
  const changes = await parametersOf(flags, groundTruth);
  const [{selfCheck}, {formatSelfCheck, selfCheckJson}] = await Promise.all([
    import('../evaluate/self-check.js'),
    import('../evaluate/self-check-text.js'),
  ]);
  const check = stop.busy(() => selfCheck(groundTruth, changes));
  for (const warning of warnings) process.stderr.write(`warning: ${describeWarning(warning)}\n`);
  const {json} = flags;
  if (json !== '-') await writeOut(formatSelfCheck(check));
  if (json !== undefined) await stop.writing(() => writeJson(json, selfCheckJson(check)));
}
