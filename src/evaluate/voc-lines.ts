/** Detections of one class in VOC's format: lines `image score xmin ymin xmax ymax`. */
import {createReadStream} from 'node:fs';
import {describe} from '../data/json-record.js';
import {RunError} from '../errors.js';
import type {VocResults} from './voc-data.js';

const COLUMNS = 'image score xmin ymin xmax ymax';
const NUMBERS = ['score', 'xmin', 'ymin', 'xmax', 'ymax'] as const;
const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/;

/** Far above any line of six columns: what is longer has no lines at all. */
const MAX_LINE = 1 << 16;

/** Handed every detection of a file: the image's position, and xmin, ymin, xmax, ymax. `line` counts from 1. */
export type VocLineVisitor = (
  image: number,
  score: number,
  box: readonly [number, number, number, number],
  line: number,
) => void;

/**
 * Reads the file `path`, one line after the other. Empty lines say nothing. Names may hold spaces where `images` do.
 * @param images position by name
 * @throws RunError naming file and line for a wrong number of columns, an unknown image or what is no finite number.
 */
export async function readVocLines(
  path: string,
  images: ReadonlyMap<string, number>,
  visit: VocLineVisitor,
): Promise<void> {
  let number = 0;
  for await (const line of textLines(path)) {
    number++;
    const columns = line.trim().split(/\s+/);
    if (columns.length === 1 && columns[0] === '') continue;
    const where = `${path}:${number}`;
    const name = columns.slice(0, -NUMBERS.length).join(' ');
    const image = images.get(name);
    if (columns.length <= NUMBERS.length || (columns.length > NUMBERS.length + 1 && image === undefined))
      throw new RunError(`${where}: expected 6 columns (${COLUMNS}), found ${columns.length}`);
    if (image === undefined)
      throw new RunError(`${where}: image ${describe(name)} is not in the list of images`);
    const values = columns.slice(-NUMBERS.length).map((text, i) => finite(text, where, NUMBERS[i]!));
    visit(image, values[0]!, [values[1]!, values[2]!, values[3]!, values[4]!], number);
  }
}

function finite(text: string, where: string, column: string): number {
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value))
    throw new RunError(`${where}: ${column}: expected a finite number, found ${describe(text)}`);
  return value;
}

async function* textLines(path: string): AsyncGenerator<string> {
  let rest = '';
  let number = 0;
  for await (const chunk of createReadStream(path, {encoding: 'utf8', highWaterMark: 1 << 20})) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      number++;
      yield line;
    }
    if (rest.length > MAX_LINE)
      throw new RunError(
        `${path}:${number + 1}: a line of more than ${MAX_LINE} characters; expected ${COLUMNS}`,
      );
  }
  yield rest;
}

const LINES_A_CHUNK = 4096;

/** Whether readVocLines reads this name of an image back. */
export function isVocName(name: string): boolean {
  return name !== '' && name === name.trim().split(/\s+/).join(' ');
}

/** The lines of one class in the order of the rows, a chunk at a time; numbers with all their digits. */
export function* formatVocLines(
  {imageOf, classOf, boxes, scores}: VocResults,
  classIndex: number,
  imageNames: readonly string[],
): Generator<Uint8Array> {
  let lines: string[] = [];
  for (let row = 0; row < scores.length; row++) {
    if (classOf[row] !== classIndex) continue;
    const name = imageNames[imageOf[row]!]!;
    lines.push(`${name} ${scores[row]} ${boxes.subarray(4 * row, 4 * row + 4).join(' ')}\n`);
    if (lines.length === LINES_A_CHUNK) {
      yield Buffer.from(lines.join(''));
      lines = [];
    }
  }
  if (lines.length > 0) yield Buffer.from(lines.join(''));
}
