/** `sf predict`: detections of image files, drawn and as JSON. */
import {realpath} from 'node:fs/promises';
import {basename, dirname, join, resolve} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import {Command} from 'commander';
import {imageFileBatch} from '../data/batches.js';
import {hasMasks} from '../detectors/build.js';
import type {Detections} from '../detectors/detector.js';
import {RunError, UsageError} from '../errors.js';
import {type LoadedDetector, loadDetector, requireRun} from '../evaluate/load-detector.js';
import {makeFolder, writeError, writeFileAtomic} from '../files/write-atomic.js';
import type {Mask} from '../masks/mask.js';
import {formatRunLengths} from '../masks/run-length-text.js';
import {type DetectionsDrawingOptions, drawDetections} from '../report/detections-drawing.js';
import type {DrawnPart} from '../report/drawing.js';
import {drawingNames, drawOption} from './drawings.js';
import {addEngineOptions, type EngineFlags, parseNumber, setOption} from './flags.js';
import {writeJson} from './output.js';
import {openSession} from './session.js';

type PredictFlags = EngineFlags & {
  readonly out: string;
  readonly minScore?: number;
  readonly draw?: ReadonlySet<DrawnPart>;
  readonly set?: readonly string[];
};

/** Detections below this are in the JSON but not drawn. */
const DRAWN_SCORE = 0.3;

export function predictCommand(): Command {
  const command = new Command('predict')
    .description('Detect objects in image files: drawings, and detections.json, in --out.')
    .argument('<run>', 'folder of a run, or a checkpoint (.safetensors)')
    .argument('<images...>', 'image files')
    .requiredOption('--out <dir>', 'folder for the drawings and detections.json')
    .option(
      '--min-score <score>',
      `draw detections that score at least this (default ${DRAWN_SCORE})`,
      text => {
        const score = parseNumber('--min-score', text);
        if (score < 0 || score > 1) throw new UsageError(`--min-score is ${text}; expected 0 to 1`);
        return score;
      },
    )
    .addOption(drawOption('all that the detector finds'))
    .addOption(setOption())
    .action(runPredict);
  return addEngineOptions(command);
}

async function runPredict(run: string, images: readonly string[], flags: PredictFlags): Promise<void> {
  const drawings = drawingNames(images).map(name => join(flags.out, name));
  const json = join(flags.out, 'detections.json');
  await requireNoInput([...drawings, json], images);
  await requireRun(run);
  await openSession(flags);
  const warn = (message: string) => process.stderr.write(`warning: ${message}\n`);
  const loaded = await loadDetector(run, flags.set ?? [], warn);
  if (flags.draw?.has('masks') && !hasMasks(loaded.loaded.config.model)) {
    throw new UsageError(
      `--draw names masks, and the ${loaded.loaded.config.model.kind} of ${run} finds none`,
    );
  }
  await makeFolder(flags.out).catch((error: unknown) => {
    throw writeError(flags.out, error);
  });
  const options: DetectionsDrawingOptions = {
    classNames: loaded.checkpoint.state.classNames,
    minScore: flags.minScore ?? DRAWN_SCORE,
    ...(flags.draw === undefined ? {} : {parts: flags.draw}),
  };
  const records: object[] = [];
  let failures = 0;
  for (const [index, path] of images.entries()) {
    try {
      const detections = await detectFile(loaded, path);
      const drawing = drawings[index]!;
      await writeFileAtomic(drawing, await drawDetections(path, detections, options));
      records.push({file: path, drawing, detections: toRecords(detections, loaded)});
      const drawn = detections.scores.filter(score => score >= options.minScore).length;
      process.stderr.write(`${path}: ${detections.scores.length} detections, ${drawn} drawn -> ${drawing}\n`);
    } catch (error) {
      // One broken image of many must not cost the others; anything else is not the image's fault.
      if (!(error instanceof RunError) || error.message.startsWith('cannot write')) throw error;
      failures++;
      process.stderr.write(`sf: ${error.message}\n`);
    }
  }
  await writeJson(json, records);
  if (failures > 0) process.exitCode = 1;
}

async function detectFile({detector, loaded}: LoadedDetector, path: string): Promise<Detections> {
  const batch = await imageFileBatch(path, loaded.config.input);
  try {
    const [detections] = await detector.detect(batch);
    if (detections === undefined) throw new Error(`no result for ${path}`);
    return detections;
  } finally {
    tf.dispose(batch.images);
  }
}

/** COCO's fields, with the class's name, by falling score. */
function toRecords({boxes, scores, classes, masks}: Detections, {checkpoint}: LoadedDetector): object[] {
  const {classNames, categoryIds} = checkpoint.state;
  return Array.from(scores, (score, i) => {
    const [x1, y1, x2, y2] = [boxes[4 * i]!, boxes[4 * i + 1]!, boxes[4 * i + 2]!, boxes[4 * i + 3]!];
    return {
      category_id: categoryIds[classes[i]! - 1],
      category: classNames[classes[i]! - 1],
      bbox: [x1, y1, x2 - x1, y2 - y1],
      ...(masks === undefined ? {} : {segmentation: segmentationOf(masks[i]!)}),
      score,
    };
  });
}

/** COCO's compressed run lengths. */
function segmentationOf(mask: Mask): object {
  return {size: [mask.height, mask.width], counts: formatRunLengths(mask)};
}

/** @throws UsageError when an output would replace an input, by whatever path it is named. */
async function requireNoInput(outputs: readonly string[], inputs: readonly string[]): Promise<void> {
  const given = new Set(await Promise.all(inputs.map(truePath)));
  for (const output of outputs) {
    if (!given.has(await truePath(output))) continue;
    throw new UsageError(`${output} would replace an image that is given; choose another --out folder`);
  }
}

/** Without links; of a file that does not exist, where it would be. */
async function truePath(path: string): Promise<string> {
  return await realpath(path).catch(async () =>
    join(await realpath(dirname(path)).catch(() => resolve(dirname(path))), basename(path)),
  );
}
