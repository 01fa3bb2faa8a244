/** `sf eval RUN`: a trained detector on a data set, by COCO's or VOC's figures or for COCO's test server. */
import {imagesAtOnce} from '../config/run.js';
import type {Dataset} from '../data/dataset.js';
import {openDataset, parseDataFlag} from '../data/open.js';
import {hasMasks} from '../detectors/build.js';
import type {Engine} from '../engine/engine.js';
import {UsageError} from '../errors.js';
import {fromDataset, toResults} from '../evaluate/coco-data.js';
import {ofMasks, type TimedDetections, timeDetector} from '../evaluate/evaluate-detector.js';
import {writeEvaluation} from '../evaluate/evaluation-files.js';
import {evaluationOrigin} from '../evaluate/evaluation-origin.js';
import {type LoadedDetector, loadDetector, requireRun} from '../evaluate/load-detector.js';
import type {SubmissionImages} from '../evaluate/submission-images.js';
import {detectionsSource} from '../evaluate/submission-source.js';
import {vocFromDataset, vocResults} from '../evaluate/voc-data.js';
import {evaluateColumns, parametersOf, reportEvaluation} from './eval-coco.js';
import type {EvalFlags} from './eval-flags.js';
import type {Stop} from './eval-stop.js';
import {submissionTarget, submit} from './eval-submit.js';
import {reportVoc} from './eval-voc.js';
import {parseChoice} from './flags.js';
import {progressBar} from './output.js';
import {openSession} from './session.js';

type RunUse = 'run' | 'run-voc' | 'run-submit';

/** @throws UsageError or RunError when the run, its data or a flag is wrong. */
export async function evaluateRun(use: RunUse, run: string, flags: EvalFlags, stop: Stop): Promise<void> {
  // Flags are looked at before hours of inference, not after.
  if (use === 'run-submit') submissionTarget(flags);
  if (use === 'run-submit' && flags.iouType === 'segm') {
    throw new UsageError(
      'masks of a run are submitted from its file: sf eval --annotations ... --results RUN/detections.json --iou-type segm --submit ...',
    );
  }
  const split = parseChoice('--split', ['train', 'val'], flags.split ?? 'val');
  await requireRun(run);
  const session = await openSession(flags);
  const warn = (message: string) => process.stderr.write(`warning: ${message}\n`);
  const model = await loadDetector(run, flags.set ?? [], warn);
  const data = flags.data === undefined ? model.loaded.config.data : parseDataFlag(flags.data);
  const dataset = await openDataset(data[split], session.data);
  requireSameClasses(run, model, dataset);
  const masks = flags.iouType === 'segm';
  if (masks && !hasMasks(model.loaded.config.model)) {
    throw new UsageError(`${run} finds boxes, no masks; leave out --iou-type segm`);
  }
  const groundTruth = fromDataset(dataset, {masks});
  const changes = await parametersOf(flags, groundTruth);
  if (use !== 'run-submit') {
    for (const {kind, count, example} of dataset.notices) warn(`${count} x ${kind}, such as ${example}`);
  }
  const found = await detect(model, dataset);
  switch (use) {
    case 'run-voc':
      return await reportVoc(vocFromDataset(dataset), vocResults(found.detections, dataset), [], flags, stop);
    case 'run-submit':
      return await submit(
        detectionsSource(toResults(found.detections, dataset)),
        imageList(dataset),
        flags,
        stop,
      );
    case 'run': {
      const detected = toResults(found.detections, dataset);
      const results = masks ? ofMasks(detected) : detected;
      const evaluation = await evaluateColumns(groundTruth, results, changes, flags);
      if (flags.out !== undefined) {
        const {out} = flags;
        const origin = await originOf(model, session.engine);
        await stop.writing(() => writeEvaluation(out, {...found, evaluation}, dataset, origin));
      }
      return await reportEvaluation({groundTruth, results, evaluation}, [], flags, stop);
    }
  }
}

/** @throws UsageError when the model's outputs mean other classes than the data set's. */
function requireSameClasses(run: string, {checkpoint}: LoadedDetector, dataset: Dataset): void {
  const [trained, present] = [checkpoint.state.classNames, dataset.classNames].map(names => names.join(', '));
  if (trained === present) return;
  throw new UsageError(`${run} was trained on the classes ${trained}; ${dataset.name} has ${present}`);
}

/** Detections of every image; the model's parameters are given back. */
async function detect(
  {detector, loaded, checkpoint}: LoadedDetector,
  dataset: Dataset,
): Promise<TimedDetections> {
  const {config} = loaded;
  process.stderr.write(`${checkpoint.path} (iteration ${checkpoint.state.iteration}) on ${dataset.name}\n`);
  const bar = progressBar({label: 'evaluate', total: dataset.images.length, unit: 'images'});
  const found = await timeDetector(detector, dataset, {
    input: config.input,
    imagesPerBatch: imagesAtOnce(config.schedule),
    onProgress: done => bar.update(done),
  }).finally(() => bar.stop());
  detector.parameters.dispose();
  return found;
}

function originOf({loaded, checkpoint}: LoadedDetector, engine: Engine) {
  const {iteration, imbalance, classNames} = checkpoint.state;
  const model = {
    path: checkpoint.path,
    iteration,
    config: loaded.config,
    imbalance,
    classes: classNames.length,
  };
  return evaluationOrigin(model, engine.label);
}

function imageList({name, images, categoryIds}: Dataset): SubmissionImages {
  return {
    file: name,
    ids: new Map(images.map(({id}, position) => [id, position])),
    heights: Uint32Array.from(images, ({height}) => height),
    widths: Uint32Array.from(images, ({width}) => width),
    categoryIds: new Set(categoryIds),
  };
}
