/**
 * Binary masks as COCO holds them: run lengths down the columns, background first (cocodataset.org/#format-data). A
 * run of length 0 is legal anywhere; a mask without them, but for a first one, is the only text of its pixels. What
 * is computed here equals pycocotools' mask API bit by bit, but where masks hold such empty runs: there pycocotools
 * stops early in merges and widens boxes, and the pixels decide here.
 */

/** Row y, column x is pixel x * height + y of the runs. */
export type Mask = {
  readonly height: number;
  readonly width: number;
  /** Lengths of background, foreground, background ... in pixels; together height * width. */
  readonly runs: Uint32Array;
};

/** Something is no mask. The message says what is wrong; whoever read it adds file, record and field. */
export class MaskError extends RangeError {
  override readonly name = 'MaskError';
}

/** Positions of pixels fit in 32-bit integers. */
export const MAX_MASK_PIXELS = 2 ** 31 - 1;

/**
 * Number of pixels of an image.
 * @throws MaskError when the sides are no whole numbers, or the product is above MAX_MASK_PIXELS.
 */
export function pixelCount(height: number, width: number): number {
  if (!isSide(height) || !isSide(width)) {
    throw new MaskError(`a mask of ${height} x ${width} pixels (height x width): both must be whole numbers`);
  }
  if (height * width > MAX_MASK_PIXELS) {
    throw new MaskError(
      `a mask of ${height} x ${width} pixels: more than the ${MAX_MASK_PIXELS} that a mask can hold`,
    );
  }
  return height * width;
}

const isSide = (side: number): boolean => Number.isSafeInteger(side) && side >= 0;

/**
 * The mask with these run lengths (COCO's uncompressed `counts`), which may come from anywhere.
 * @throws MaskError when a run is no whole number, or they do not add up to height * width.
 */
export function maskOfRuns(runs: ArrayLike<unknown>, height: number, width: number): Mask {
  const pixels = pixelCount(height, width);
  const checked = new Uint32Array(runs.length);
  let total = 0;
  for (let i = 0; i < runs.length; i++) {
    const run = runs[i];
    if (typeof run !== 'number' || !Number.isInteger(run) || run < 0) {
      throw new MaskError(`run ${i} is ${describe(run)}: run lengths are whole numbers, 0 or more`);
    }
    total += run;
    if (total > pixels) break;
    checked[i] = run;
  }
  checkRunTotal(total, height, width);
  return {height, width, runs: checked};
}

/** @throws MaskError unless `total` is the number of pixels; a total that is larger may be of the first runs only. */
export function checkRunTotal(total: number, height: number, width: number): void {
  if (total === height * width) return;
  const sum = total > height * width ? 'more than' : `${total}, not`;
  throw new MaskError(
    `the run lengths add up to ${sum} the ${height * width} pixels of ${height} x ${width} (height x width)`,
  );
}

function describe(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return value === null ? 'null' : `a ${Array.isArray(value) ? 'list' : typeof value}`;
}

/** Number of foreground pixels. */
export function maskArea(mask: Mask): number {
  return areaOfRuns(mask.runs, 0, mask.runs.length);
}

/** The smallest box around the foreground, [x, y, width, height] in pixels; four zeros when there is none. */
export function maskBox(mask: Mask): readonly [x: number, y: number, width: number, height: number] {
  const box = new Float64Array(4);
  writeBoxOfRuns(mask.runs, 0, mask.runs.length, mask.height, box, 0);
  return [box[0]!, box[1]!, box[2]!, box[3]!];
}

/** Foreground pixels of the mask whose runs are runs[from] to runs[to - 1]. */
export function areaOfRuns(runs: Uint32Array, from: number, to: number): number {
  let area = 0;
  for (let i = from + 1; i < to; i += 2) area += runs[i]!;
  return area;
}

/** Writes the box of the mask whose runs are runs[from] to runs[to - 1] to boxes[at] to boxes[at + 3]. */
export function writeBoxOfRuns(
  runs: Uint32Array,
  from: number,
  to: number,
  height: number,
  boxes: Float64Array,
  at: number,
): void {
  let left = -1;
  let right = 0;
  let top = height;
  let bottom = 0;
  let position = 0;
  for (let i = from; i + 1 < to; i += 2) {
    const start = position + runs[i]!;
    const end = start + runs[i + 1]!;
    position = end;
    if (end === start) continue;
    const firstColumn = Math.floor(start / height);
    const lastColumn = Math.floor((end - 1) / height);
    if (left < 0) left = firstColumn;
    right = lastColumn;
    if (firstColumn === lastColumn) {
      top = Math.min(top, start - firstColumn * height);
      bottom = Math.max(bottom, end - 1 - firstColumn * height);
    } else {
      top = 0; // the run goes round the foot of one column and the head of the next
      bottom = height - 1;
    }
  }
  const empty = left < 0;
  boxes[at] = empty ? 0 : left;
  boxes[at + 1] = empty ? 0 : top;
  boxes[at + 2] = empty ? 0 : right - left + 1;
  boxes[at + 3] = empty ? 0 : bottom - top + 1;
}

/** The pixels row by row, [height, width], 1 for foreground: height * width bytes. */
export function decodeMask({height, width, runs}: Mask): Uint8Array {
  const pixels = new Uint8Array(height * width);
  let column = 0;
  let row = 0;
  for (let i = 0; i < runs.length; i++) {
    let left = runs[i]!;
    while (left > 0) {
      const length = Math.min(left, height - row);
      if (i % 2 === 1) {
        for (let at = row * width + column, n = 0; n < length; n++, at += width) pixels[at] = 1;
      }
      left -= length;
      row += length;
      if (row === height) {
        row = 0;
        column++;
      }
    }
  }
  return pixels;
}

/**
 * The mask of pixels that are given row by row, [height, width]; whatever is not 0 is foreground.
 * @throws MaskError when there are not height * width pixels.
 */
export function encodeMask(pixels: ArrayLike<number>, height: number, width: number): Mask {
  if (pixels.length !== pixelCount(height, width)) {
    throw new MaskError(`${pixels.length} pixels for a mask of ${height} x ${width} (height x width)`);
  }
  const changes: number[] = [];
  let inside = false;
  for (let column = 0; column < width; column++) {
    for (let row = 0, at = column; row < height; row++, at += width) {
      if ((pixels[at] !== 0) === inside) continue;
      inside = !inside;
      changes.push(column * height + row);
    }
  }
  const runs = new Uint32Array(changes.length + 1);
  let start = 0;
  changes.forEach((position, run) => {
    runs[run] = position - start;
    start = position;
  });
  runs[changes.length] = height * width - start;
  return {height, width, runs};
}

/**
 * Union or intersection of any number of masks; of one mask, the mask itself. As in pycocotools, no masks, and masks
 * of different sizes, give the mask of 0 x 0 pixels.
 */
export function mergeMasks(masks: readonly Mask[], kind: 'union' | 'intersection'): Mask {
  const first = masks[0];
  if (first === undefined || masks.some(mask => mask.height !== first.height || mask.width !== first.width)) {
    return {height: 0, width: 0, runs: new Uint32Array(0)};
  }
  // In pairs, then pairs of pairs: a thousand masks are walked ten times and not, in turn, a thousand times.
  let runs = masks.map(mask => mask.runs);
  while (runs.length > 1) {
    const merged: Uint32Array[] = [];
    for (let i = 0; i < runs.length; i += 2) {
      const next = runs[i + 1];
      merged.push(next === undefined ? runs[i]! : mergeRuns(runs[i]!, next, kind === 'union' ? 1 : 2));
    }
    runs = merged;
  }
  return {height: first.height, width: first.width, runs: runs[0]!};
}

/** Foreground is where at least `needed` of both have foreground. */
function mergeRuns(a: Uint32Array, b: Uint32Array, needed: 1 | 2): Uint32Array {
  const merged = new Uint32Array(a.length + b.length + 1);
  let runs = 0;
  let start = 0;
  let i = 0;
  let j = 0;
  let endOfA = a.length === 0 ? 0 : a[0]!;
  let endOfB = b.length === 0 ? 0 : b[0]!;
  let inside = false;
  while (i < a.length && j < b.length) {
    const position = Math.min(endOfA, endOfB);
    while (endOfA === position && i < a.length) endOfA += ++i < a.length ? a[i]! : 0;
    while (endOfB === position && j < b.length) endOfB += ++j < b.length ? b[j]! : 0;
    if (i === a.length || j === b.length) break; // both end with the image
    if ((i % 2) + (j % 2) >= needed === inside) continue;
    inside = !inside;
    merged[runs++] = position - start;
    start = position;
  }
  merged[runs++] = Math.max(endOfA, endOfB) - start;
  return merged.slice(0, runs);
}
