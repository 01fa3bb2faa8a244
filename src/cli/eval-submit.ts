/** `sf eval --submit`: the zip that COCO's test server takes, from a results file or a run. */
import {UsageError} from '../errors.js';
import type {IouType} from '../evaluate/coco-parameters.js';
import {type SubmissionSource, submissionStem, writeSubmission} from '../evaluate/submission.js';
import {readSubmissionImages, type SubmissionImages} from '../evaluate/submission-images.js';
import {resultsFileSource} from '../evaluate/submission-source.js';
import type {EvalPaths} from './eval.js';
import type {EvalFlags} from './eval-flags.js';
import type {Stop} from './eval-stop.js';
import {lateBar} from './late-bar.js';
import {writeJson, writeOut} from './output.js';

/** Where the zip goes, and under what name. @throws UsageError when the name is missing or cannot be one. */
export function submissionTarget({submit, submitName}: EvalFlags): {folder: string; name: string} {
  if (submit === undefined) throw new Error('--submit was checked');
  if (submitName === undefined) {
    throw new UsageError(
      '--submit needs --submit-name, which goes into the name of the file: letters, digits, dots, hyphens, underscores',
    );
  }
  submissionStem(submitName);
  return {folder: submit, name: submitName};
}

/** @throws UsageError or RunError when a file is missing or wrong. */
export async function submitFile(
  {annotations, results}: EvalPaths,
  flags: EvalFlags,
  stop: Stop,
): Promise<void> {
  submissionTarget(flags);
  const iouType: IouType = flags.iouType ?? 'bbox';
  const images = await readSubmissionImages(annotations);
  const bar = lateBar({label: 'write zip', unit: 'MB', scale: 1e6});
  const source = resultsFileSource(results, {iouType, images, onProgress: bar.update});
  await submit(source, images, flags, stop).finally(bar.stop);
}

/** Writes the zip and says what is in it. */
export async function submit(
  source: SubmissionSource,
  images: SubmissionImages,
  flags: EvalFlags,
  stop: Stop,
): Promise<void> {
  const target = submissionTarget(flags);
  const made = await stop.writing(() => writeSubmission(source, {...target, images, signal: stop.signal}));
  if (made.leftOut > 0) {
    process.stderr.write(
      `note: ${made.leftOut} detections left out: the server takes the 100 best of an image\n`,
    );
  }
  if (made.records === 0) process.stderr.write('warning: there are no detections\n');
  const {json} = flags;
  if (json !== undefined) await stop.writing(() => writeJson(json, made));
  if (json === '-') return;
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  await writeOut(
    `${made.path}: ${made.records} records on ${made.imagesWithRecords} of ${made.images} images, ` +
      `${megabytes(made.zipBytes)} (${megabytes(made.jsonBytes)} unpacked)\n`,
  );
}
