/** `sf data`: what a data set holds and looks like, whether it is sound, and the generated one as files. */
import {Command} from 'commander';
import type {InputConfig} from '../config/run.js';
import {checkDataset} from '../data/check.js';
import {exportShapes} from '../data/shapes-folder.js';
import {datasetStats, imbalanceStats} from '../data/stats.js';
import {formatImbalance, formatReport, formatStats} from '../data/stats-text.js';
import {modelImbalance} from '../detectors/imbalance.js';
import {anchorsCommand} from './data-anchors.js';
import {dataDrawCommand} from './data-draw.js';
import {
  addDataOptions,
  type DataFlags,
  openFlaggedData,
  readDataConfig,
  warnOfNotices,
  wholeOption,
} from './data-flags.js';
import {progressBar, writeJson, writeOut} from './output.js';

/** The paper's detector: what N and N_f are counted for where no config is given. */
const DEFAULT_CONFIG = 'retinanet_R_50_FPN_1x';

const FOUND_ERRORS = 1;

type ShapesFlags = {
  readonly out: string;
  readonly images?: number;
  readonly valImages?: number;
  readonly size?: number;
  readonly classes?: number;
  readonly seed?: number;
};

async function showStats(flags: DataFlags): Promise<void> {
  const config = await readDataConfig(flags, DEFAULT_CONFIG);
  const dataset = await openFlaggedData(flags, config);
  warnOfNotices(dataset);
  const stats = datasetStats(dataset);
  const {model, input} = config;
  const imbalance = imbalanceStats(modelImbalance(model, input, dataset), dataset.classNames.length);
  if (flags.json !== undefined) {
    const counted = {config: flags.config ?? DEFAULT_CONFIG, resize: input.resize};
    await writeJson(flags.json, {...stats, notices: dataset.notices, imbalance: {...imbalance, ...counted}});
  }
  if (flags.json === '-') return;
  const counted = `${flags.config ?? DEFAULT_CONFIG}, ${trainingSizeText(input)}`;
  await writeOut(`${formatStats(stats)}\n${formatImbalance(imbalance, counted)}`);
}

function trainingSizeText({resize}: InputConfig): string {
  if (resize === null) return 'images in their own size';
  const {shortSide, maxLongSide} = resize;
  const sides = typeof shortSide === 'number' ? [shortSide] : shortSide.training;
  return `${sides.join('|')}/${maxLongSide}`;
}

async function check(flags: DataFlags): Promise<void> {
  const dataset = await openFlaggedData(flags, await readDataConfig(flags, DEFAULT_CONFIG));
  const bar = progressBar({label: 'check', total: dataset.images.length, unit: 'images'});
  const report = await checkDataset(dataset, {onProgress: done => bar.update(done)}).finally(() =>
    bar.stop(),
  );
  if (flags.json !== undefined) await writeJson(flags.json, report);
  if (flags.json !== '-') await writeOut(formatReport(report));
  if (report.errors > 0) process.exitCode = FOUND_ERRORS;
}

async function writeShapes(flags: ShapesFlags): Promise<void> {
  const {out, images = 2000, valImages = 200, size = 160, classes = 8, seed = 1} = flags;
  const bar = progressBar({label: 'shapes', total: images + valImages, unit: 'images'});
  await exportShapes(out, {images, valImages, size, classes, seed}, done => bar.update(done)).finally(() =>
    bar.stop(),
  );
  await writeOut(`wrote ${images} + ${valImages} images; use them by --data coco:${out}\n`);
}

export function dataCommand(): Command {
  const data = new Command('data')
    .summary('show what a data set holds, check it, draw it, or write the generated one')
    .description('Show what a data set holds, check it, draw it, or write the generated one.');
  addDataOptions(data.command('stats'))
    .summary('images, boxes, classes, sizes, N, N_f, N / N_f and the optimal bias')
    .description(
      `Count images, boxes, classes and sizes, and the anchors or points of the config's detector (default: ${DEFAULT_CONFIG}): ` +
        'N, N_f, N / N_f, optimal pi and bias.',
    )
    .action(showStats);
  addDataOptions(data.command('check'))
    .summary('find broken images, wrong sizes, bad boxes and ids')
    .description(
      'Decode every image and check every object; nothing is changed. Exit code 1 if there are errors.',
    )
    .action(check);
  data.addCommand(dataDrawCommand());
  data.addCommand(anchorsCommand());
  data
    .command('shapes')
    .summary('write the generated data set as a COCO folder')
    .description('Write the generated data set as a COCO folder, to look at or to use elsewhere.')
    .requiredOption('--out <dir>', 'a folder that does not exist yet')
    .addOption(wholeOption('--images', 'training images (default: 2000)', 1))
    .addOption(wholeOption('--val-images', 'validation images (default: 200)', 1))
    .addOption(wholeOption('--size', 'side of an image in pixels (default: 160)', 1))
    .addOption(wholeOption('--classes', 'classes, 1 to 8 (default: 8)', 1))
    .addOption(wholeOption('--seed', 'seed of everything random (default: 1)', 0))
    .action(writeShapes);
  return data;
}
