/**
 * `sf eval`: figures of a trained detector on a data set, or of a results file against annotations. What needs a tensor
 * library is imported only for a run: files alone are evaluated without one.
 */
import {Command} from 'commander';
import {type EvalFlags, parseIou, parseIouType, parseMaxDets, parseMetric, useOf} from './eval-flags.js';
import {type Stop, stoppable} from './eval-stop.js';
import {addEngineOptions, dataOption, jsonOption, parseList, parseThreads, setOption} from './flags.js';

const EXAMPLES = `
Examples:
  sf eval results/runs/ID                                       a run on its validation set
  sf eval --annotations gt.json --results dets.json             COCO's figures of a file, as pycocotools
  sf eval --annotations gt.json --results dets.json --iou-type segm --analyze report
  sf eval --annotations gt.json --self-check                    what no detector can get right, and why
  sf eval --metric voc --annotations VOCdevkit/VOC2007 --split test --results dets
  sf eval --annotations image_info_test-dev2017.json --results dets.json --submit . --submit-name my-detector
`;

export function evalCommand(): Command {
  const command = new Command('eval')
    .description("COCO's or PASCAL VOC's figures of a run or checkpoint on a data set, or of a results file.")
    .argument('[run]', 'folder of a run, or a checkpoint (.safetensors)')
    .addOption(dataOption())
    .option(
      '--split <name>',
      'part of --data: train or val (default val); with --metric voc and files: a list of ImageSets/Main (default test)',
    )
    .addOption(setOption())
    .option('--out <dir>', 'also write eval.json and detections.json here')
    .option(
      '--annotations <path>',
      'COCO instances JSON (--metric voc: a folder such as VOC2007); no model is needed',
    )
    .option('--results <path>', 'COCO results JSON (--metric voc: or a folder of <class>.txt)')
    .option('--metric <name>', 'coco or voc (default coco)', parseMetric)
    .option('--iou-type <type>', 'what overlaps are measured on: bbox or segm (default bbox)', parseIouType)
    .option(
      '--max-dets <n,...>',
      'detections counted for an image and class (default 1,10,100)',
      parseMaxDets,
    )
    .option('--iou <t,...>', 'IoU thresholds (default 0.50:0.95; --metric voc: 0.5,0.75)', parseIou)
    .option('--class-agnostic', 'all categories as one (useCats = 0)')
    .option('--categories <name,...>', 'only these categories, by name or id', parseList)
    .option('--images-file <file>', 'only the images whose ids are in this file, one a line')
    .option('--analyze <dir>', 'write tables and charts of the errors behind the figures here')
    .option('--self-check', 'evaluate --annotations against themselves and explain every AP below 1')
    .option('--submit <dir>', "write the zip that COCO's test server takes here, instead of evaluating")
    .option('--submit-name <name>', 'name of the algorithm in the file names of the zip')
    .option('--cores <n>', 'threads that match (default: one a core)', text => parseThreads('--cores', text))
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action(runEval);
  return addEngineOptions(command);
}

async function runEval(run: string | undefined, flags: EvalFlags): Promise<void> {
  const use = useOf(run, flags);
  await stoppable(async stop => {
    switch (use) {
      case 'files':
        return await (await import('./eval-files.js')).evaluateFiles(filesOf(flags), flags, stop);
      case 'self-check':
        return await (await import('./eval-files.js')).checkAnnotations(
          given(flags.annotations),
          flags,
          stop,
        );
      case 'files-voc':
        return await (await import('./eval-voc.js')).evaluateVocFiles(filesOf(flags), flags, stop);
      case 'files-submit':
        return await (await import('./eval-submit.js')).submitFile(filesOf(flags), flags, stop);
      case 'run':
      case 'run-voc':
      case 'run-submit':
        return await evaluateRunFor(use, given(run), flags, stop);
    }
  });
}

async function evaluateRunFor(
  use: 'run' | 'run-voc' | 'run-submit',
  run: string,
  flags: EvalFlags,
  stop: Stop,
): Promise<void> {
  const {evaluateRun} = await import('./eval-run.js');
  await evaluateRun(use, run, flags, stop);
}

/** Where objects and detections are. */
export type EvalPaths = {readonly annotations: string; readonly results: string};

function filesOf({annotations, results}: EvalFlags): EvalPaths {
  return {annotations: given(annotations), results: given(results)};
}

/** What `useOf` has made sure of. */
function given(value: string | undefined): string {
  if (value === undefined) throw new Error('a flag that was checked is missing');
  return value;
}
