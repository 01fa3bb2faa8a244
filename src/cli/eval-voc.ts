/** `sf eval --metric voc`: PASCAL VOC's figures of files of detections, without a model. */
import type {DatasetNotice} from '../data/dataset.js';
import {visibleText} from '../errors.js';
import type {VocGroundTruth, VocResults} from '../evaluate/voc-data.js';
import {evaluateVoc} from '../evaluate/voc-eval.js';
import {readVocGroundTruth, readVocResults} from '../evaluate/voc-files.js';
import {formatVocStats, vocStatsJson} from '../evaluate/voc-text.js';
import type {EvalPaths} from './eval.js';
import type {EvalFlags} from './eval-flags.js';
import type {Stop} from './eval-stop.js';
import {writeJson, writeOut} from './output.js';

/** @throws UsageError or RunError when a folder or file is missing or wrong. */
export async function evaluateVocFiles(
  {annotations, results}: EvalPaths,
  flags: EvalFlags,
  stop: Stop,
): Promise<void> {
  const truth = await readVocGroundTruth({root: annotations, split: flags.split ?? 'test'});
  const found = await readVocResults(results, truth.groundTruth);
  await reportVoc(truth.groundTruth, found.results, [...truth.notices, ...found.notices], flags, stop);
}

/** Evaluates and prints; notices go to standard error. */
export async function reportVoc(
  groundTruth: VocGroundTruth,
  results: VocResults,
  notices: readonly DatasetNotice[],
  {iou, json}: EvalFlags,
  stop: Stop,
): Promise<void> {
  const evaluation = stop.busy(() =>
    evaluateVoc(groundTruth, results, iou === undefined ? {} : {iouThresholds: iou}),
  );
  for (const {kind, count, example} of notices) {
    process.stderr.write(`warning: ${visibleText(`${count} x ${kind}, such as ${example}`)}\n`);
  }
  // Figures are shown before anything is written: a full disk does not take them away.
  if (json !== '-') await writeOut(formatVocStats(evaluation));
  if (json !== undefined) await stop.writing(() => writeJson(json, vocStatsJson(evaluation)));
}
