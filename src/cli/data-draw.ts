/** `sf data draw`: the annotations of a data set, drawn on its images. */
import {stat} from 'node:fs/promises';
import {availableParallelism} from 'node:os';
import {basename, join} from 'node:path';
import {Command} from 'commander';
import {didYouMean} from '../config/suggest.js';
import {concurrently} from '../data/concurrently.js';
import type {Dataset, ImageRecord} from '../data/dataset.js';
import {RunError, UsageError, visibleText} from '../errors.js';
import {writeFileAtomic} from '../files/write-atomic.js';
import {drawAnnotations} from '../report/annotations-drawing.js';
import type {DrawingOptions, DrawnPart} from '../report/drawing.js';
import {
  addDataOptions,
  type DataFlags,
  openFlaggedData,
  readDataConfig,
  warnOfNotices,
  wholeOption,
} from './data-flags.js';
import {drawingNames, drawOption} from './drawings.js';
import {progressBar, writeJson, writeOut} from './output.js';

type DrawFlags = DataFlags & {
  readonly out: string;
  readonly images?: number;
  readonly draw?: ReadonlySet<DrawnPart>;
};

/** Images that are drawn where neither names nor a number are given. */
const DEFAULT_IMAGES = 16;

/** What `readDataConfig` needs where --data names the data set; nothing of it is used then. */
const DEFAULT_CONFIG = 'retinanet_R_50_FPN_1x';

/** One line of the result. */
type DrawnImage = {
  readonly id: number;
  readonly file: string;
  readonly drawing: string;
  readonly objects: number;
  /** Of the objects: crowds, and those that are ignored otherwise. */
  readonly notCounted: number;
};

export function dataDrawCommand(): Command {
  return addDataOptions(new Command('draw'))
    .summary('draw the annotations on the images')
    .description(
      'Draw the annotated objects on images of a data set, as PNG files in --out. Broken lines: crowds and objects that are not ' +
        'counted. Exit code 1 if an image cannot be drawn.',
    )
    .argument('[images...]', 'ids or file names of images (default: as many as --images says)')
    .requiredOption('--out <dir>', 'a folder that does not exist yet')
    .addOption(
      wholeOption('--images', `how many to draw, from all over the data set (default: ${DEFAULT_IMAGES})`, 1),
    )
    .addOption(drawOption('all that is annotated'))
    .action(drawData);
}

async function drawData(named: readonly string[], flags: DrawFlags): Promise<void> {
  const {out, images: count, draw: parts} = flags;
  if (named.length > 0 && count !== undefined)
    throw new UsageError(`--images ${count} is for images that are not named; leave it out, or the names`);
  if ((await stat(out).catch(() => undefined)) !== undefined)
    throw new UsageError(`${out} exists already; choose a folder that does not`);
  const dataset = await openFlaggedData(flags, await readDataConfig(flags, DEFAULT_CONFIG));
  const records =
    named.length > 0 ? namedImages(dataset, named) : spreadImages(dataset, count ?? DEFAULT_IMAGES);
  if (parts?.has('masks') && !records.some(hasOutlines))
    throw new UsageError(`--draw names masks, and no object of these images of ${dataset.name} has one`);
  warnOfNotices(dataset);
  const options = {classNames: dataset.classNames, ...(parts === undefined ? {} : {parts})};
  const drawn = await drawAll(records, out, options);
  if (flags.json !== undefined) await writeJson(flags.json, drawn);
  if (flags.json !== '-') await writeOut(drawn.map(lineOf).join(''));
  if (drawn.length < records.length) process.exitCode = 1;
}

/** Those that could be drawn, in the order of `records`; says on stderr why others could not. */
async function drawAll(
  records: readonly ImageRecord[],
  out: string,
  options: DrawingOptions,
): Promise<readonly DrawnImage[]> {
  const names = drawingNames(records.map(({fileName}) => fileName));
  const bar = progressBar({label: 'draw', total: records.length, unit: 'images'});
  let done = 0;
  const drawn = await concurrently(records, availableParallelism(), async (record, i) => {
    const drawing = join(out, names[i]!);
    const png = await drawAnnotations(record, options).catch((error: unknown) => {
      if (!(error instanceof RunError)) throw error;
      bar.log(`sf: ${error.message}`);
      return undefined;
    });
    if (png !== undefined) await writeFileAtomic(drawing, png);
    bar.update(++done);
    return png === undefined ? [] : [describeImage(record, drawing)];
  }).finally(() => bar.stop());
  return drawn.flat();
}

function describeImage({id, fileName, groundTruth}: ImageRecord, drawing: string): DrawnImage {
  const notCounted = groundTruth.ignore.filter(ignored => ignored === 1).length;
  return {id, file: fileName, drawing, objects: groundTruth.classes.length, notCounted};
}

function lineOf({file, drawing, objects, notCounted}: DrawnImage): string {
  const counted = `${objects} ${objects === 1 ? 'object' : 'objects'}`;
  const others = notCounted === 0 ? '' : `, ${notCounted} of them not counted`;
  return `${visibleText(file)}: ${counted}${others} -> ${visibleText(drawing)}\n`;
}

function hasOutlines({groundTruth: {shapes}}: ImageRecord): boolean {
  return shapes?.some(({kind}) => kind !== 'none') ?? false;
}

/** So many images at even distances, or all where there are no more. */
function spreadImages({images}: Dataset, count: number): readonly ImageRecord[] {
  const drawn = Math.min(count, images.length);
  return Array.from({length: drawn}, (_, i) => images[Math.floor((i * images.length) / drawn)]!);
}

/**
 * The images of these ids, file names as the annotations have them, or names without their folders; each once.
 * @throws UsageError for what is none of them, or a name in several folders.
 */
function namedImages({name, images}: Dataset, named: readonly string[]): readonly ImageRecord[] {
  const byKey = new Map<string, ImageRecord[]>();
  const add = (key: string, record: ImageRecord) => byKey.set(key, [...(byKey.get(key) ?? []), record]);
  for (const record of images) {
    for (const key of new Set([record.fileName, basename(record.fileName)])) add(key, record);
  }
  for (const record of images) if (!byKey.has(String(record.id))) byKey.set(String(record.id), [record]);
  const found = named.map(text => {
    const candidates = byKey.get(text) ?? [];
    const exact = candidates.find(({fileName}) => fileName === text);
    const [first, second] = exact === undefined ? candidates : [exact];
    if (first === undefined)
      throw new UsageError(
        `${name} has no image ${text}${didYouMean(text, byKey.keys()) || '; give ids or file names of it, or another --split'}`,
      );
    if (second !== undefined)
      throw new UsageError(
        `${name} has several images ${text}, such as ${first.fileName} and ${second.fileName}; give the folder too, or the id`,
      );
    return first;
  });
  return [...new Set(found)];
}
