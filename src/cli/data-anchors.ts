/** `sf data anchors`: anchor sizes for YOLOv3 from a data set's boxes. */
import {Command} from 'commander';
import {type AnchorClusters, clusterSizes, meanBestIou} from '../boxes/anchor-clusters.js';
import {type AnchorSize, YOLO_STRIDES} from '../boxes/yolo-grid.js';
import type {RunConfig} from '../config/run.js';
import {countedImages} from '../detectors/imbalance.js';
import {UsageError} from '../errors.js';
import {Random} from '../random/random.js';
import {
  addDataOptions,
  type DataFlags,
  openFlaggedData,
  readDataConfig,
  warnOfNotices,
  wholeOption,
} from './data-flags.js';
import {writeJson, writeOut} from './output.js';

/** Whose input decides the size of boxes where no config is given. */
const DEFAULT_CONFIG = 'yolov3_darknet53';

type AnchorFlags = DataFlags & {readonly perLevel?: number; readonly seed?: number};

/** Tenths of a pixel are more than boxes are accurate to. */
const rounded = ([width, height]: AnchorSize): AnchorSize => [
  Math.max(0.1, Math.round(10 * width) / 10),
  Math.max(0.1, Math.round(10 * height) / 10),
];

function findAnchors(sizes: Float64Array, perLevel: number, seed: number, name: string): AnchorClusters {
  const count = perLevel * YOLO_STRIDES.length;
  try {
    const {anchors} = clusterSizes(sizes, count, new Random(seed, 'anchors'));
    const found = anchors.map(rounded);
    return {anchors: found, meanIou: meanBestIou(sizes, found)};
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`${error.message} in ${name}; take fewer by --per-level, or other data`);
  }
}

async function showAnchors(flags: AnchorFlags): Promise<void> {
  const config: RunConfig = await readDataConfig(flags, DEFAULT_CONFIG);
  const dataset = await openFlaggedData(flags, config);
  warnOfNotices(dataset);
  const sizes = Float64Array.from(
    [...countedImages(dataset, config.input)].flatMap(({boxes}) =>
      Array.from(boxes, (value, i) => (i % 4 < 2 ? 0 : value - boxes[i - 2]!)).filter((_, i) => i % 4 >= 2),
    ),
  );
  const {perLevel = 3, seed = 0} = flags;
  const {anchors, meanIou} = findAnchors(sizes, perLevel, seed, dataset.name);
  const levels = YOLO_STRIDES.map((stride, i) => ({
    stride,
    anchors: anchors.slice(i * perLevel, (i + 1) * perLevel),
  }));
  const own = config.model.kind === 'yolov3' ? meanBestIou(sizes, config.model.anchors.flat()) : null;
  const name = flags.config ?? DEFAULT_CONFIG;
  if (flags.json !== undefined) {
    await writeJson(flags.json, {
      ...{name: dataset.name, config: name, boxes: sizes.length / 2, seed, meanIou},
      ...{meanIouOfConfig: own, anchors: levels.map(level => level.anchors)},
    });
  }
  if (flags.json === '-') return;
  const compared = own === null ? '' : `; ${own.toFixed(4)} with those of ${name}`;
  const boxes = (sizes.length / 2).toLocaleString('en-US');
  const lines = levels.map(
    level =>
      `    - [${level.anchors.map(size => `[${size.join(', ')}]`).join(', ')}] # stride ${level.stride}\n`,
  );
  await writeOut(
    `# ${dataset.name}: ${boxes} boxes, mean IoU with the best anchor ${meanIou.toFixed(4)}${compared}\n` +
      `model:\n  anchors:\n${lines.join('')}`,
  );
}

export function anchorsCommand(): Command {
  return addDataOptions(new Command('anchors'))
    .summary('anchor sizes for YOLOv3 by k-means of the boxes')
    .description(
      `Find the anchor sizes that fit the boxes best, by k-means with IoU as YOLO's authors do, in pixels of the config's ` +
        `input (default: ${DEFAULT_CONFIG}); printed as YAML for model.anchors.`,
    )
    .addOption(wholeOption('--per-level', 'anchors of each of the three levels (default: 3)', 1))
    .addOption(wholeOption('--seed', 'seed of the beginnings of k-means (default: 0)', 0))
    .action(showAnchors);
}
