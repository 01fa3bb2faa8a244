/**
 * Polygons and boxes to masks, bit by bit as pycocotools' frPoly and frBbox. An outline is drawn on a grid five times
 * as fine, one grid point a step along the longer side of each edge. Where a step goes from the grid's column 5x + 2
 * to 5x + 3 it crosses the centres of the image's column x, and all pixels of the column from there down change sides.
 * pycocotools draws every step and drops those that cross nothing; here the crossings are computed, so that edges far
 * outside the image cost nothing.
 */
import {type Mask, MaskError, mergeMasks, pixelCount} from './mask.js';

/** Grid points a pixel. */
const SCALE = 5;

/**
 * Farthest from the image's corner that an outline may go, in pixels. Up to 2^24 on the grid a step in double precision
 * never leaves out a grid column, so that the crossings computed are those of edges drawn.
 */
export const MAX_OUTLINE_COORDINATE = 3_000_000;

/** Columns that the edges of one object may cross, together: 16 MB. Objects of real files cross some hundreds. */
export const MAX_OUTLINE_CROSSINGS = 2 ** 22;

/**
 * The mask inside a polygon [x0, y0, x1, y1, ...] in pixels, even-odd. An odd last number is left out, and fewer than
 * three points enclose nothing. The numbers may come from anywhere.
 * @throws MaskError when one is no number or above MAX_OUTLINE_COORDINATE, or the edges cross too many columns.
 */
export function polygonMask(points: ArrayLike<unknown>, height: number, width: number): Mask {
  return polygonsMask([points], height, width);
}

/**
 * The union of several polygons, as one object is annotated.
 * @throws MaskError as polygonMask does, naming the polygon where there are several.
 */
export function polygonsMask(polygons: readonly ArrayLike<unknown>[], height: number, width: number): Mask {
  const pixels = pixelCount(height, width);
  if (polygons.length === 0) return {height, width, runs: Uint32Array.of(pixels)};
  let crossed = 0;
  const masks = polygons.map((polygon, index) => {
    try {
      const corners = toGrid(polygon);
      const columns = crossedColumns(corners, width);
      crossed += placeColumns(corners, columns, MAX_OUTLINE_CROSSINGS - crossed);
      placeCrossings(corners, columns, height);
      return {height, width, runs: runsOfCrossings(columns, height, pixels)};
    } catch (error) {
      if (!(error instanceof MaskError) || polygons.length === 1) throw error;
      throw new MaskError(`polygon ${index}: ${error.message}`);
    }
  });
  return mergeMasks(masks, 'union');
}

/**
 * The mask of a box [x, y, width, height] in pixels: the polygon of its corners.
 * @throws MaskError as polygonMask does.
 */
export function boxMask(xywh: ArrayLike<number>, height: number, width: number): Mask {
  const left = xywh[0]!;
  const top = xywh[1]!;
  const right = left + xywh[2]!;
  const bottom = top + xywh[3]!;
  return polygonMask([left, top, left, bottom, right, bottom, right, top], height, width);
}

/** Memory that one polygon after the other works in; only its runs are new. */
let grid: Int32Array = new Int32Array(256); // [2 * corners]: x, y on the grid
let ends: Int32Array = new Int32Array(256); // [columns + 1]: where the crossings of a column end in `rows`
let rows: Int32Array = new Int32Array(256); // [crossings]: the first row below a crossing, column by column

const atLeast = (memory: Int32Array, length: number): Int32Array =>
  memory.length >= length ? memory : new Int32Array(2 * length);

/** Columns of the image, from `first` to `last`; none where `first` is the larger. */
type Columns = {readonly first: number; readonly last: number};

/** Columns whose centres are crossed on the way from x = `left` to `right` on the grid. */
const firstColumn = (left: number) => Math.max(Math.ceil((left - 2) / SCALE), 0);
const lastColumn = (right: number, width: number) => Math.min(Math.floor((right - 3) / SCALE), width - 1);

/** Puts the corners on the grid, rounded as C rounds: cut toward zero after half a step. Returns their number. */
function toGrid(points: ArrayLike<unknown>): number {
  const corners = Math.floor(points.length / 2);
  grid = atLeast(grid, 2 * corners);
  for (let i = 0; i < 2 * corners; i++) {
    const value = points[i];
    if (typeof value !== 'number' || !(Math.abs(value) <= MAX_OUTLINE_COORDINATE)) {
      throw new MaskError(
        `coordinate ${i} is ${typeof value === 'number' ? value : `a ${typeof value}`}: ` +
          `numbers from -${MAX_OUTLINE_COORDINATE} to ${MAX_OUTLINE_COORDINATE} are drawn`,
      );
    }
    grid[i] = Math.trunc(SCALE * value + 0.5);
  }
  return corners;
}

function crossedColumns(corners: number, width: number): Columns {
  let left = Number.POSITIVE_INFINITY;
  let right = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < 2 * corners; i += 2) {
    left = Math.min(left, grid[i]!);
    right = Math.max(right, grid[i]!);
  }
  return {first: firstColumn(left), last: lastColumn(right, width)};
}

/** Counts the crossings of every column, and makes room for them in `rows`. Returns their number. */
function placeColumns(corners: number, {first, last}: Columns, most: number): number {
  const columns = Math.max(last - first + 1, 0);
  ends = atLeast(ends, columns + 1);
  ends.fill(0, 0, columns + 1);
  for (let i = 0; i < 2 * corners; i += 2) {
    const x0 = grid[i]!;
    const x1 = grid[i + 2 < 2 * corners ? i + 2 : 0]!;
    const from = firstColumn(Math.min(x0, x1));
    const to = lastColumn(Math.max(x0, x1), last + 1);
    if (from > to) continue;
    ends[from - first]!++;
    ends[to - first + 1]!--;
  }
  let edges = 0;
  let crossings = 0;
  for (let column = 0; column < columns; column++) {
    edges += ends[column]!;
    ends[column] = crossings; // moves to the end as crossings are placed
    crossings += edges;
  }
  if (crossings > most) {
    throw new MaskError(
      `the outline crosses more than the ${MAX_OUTLINE_CROSSINGS} columns of pixels that are drawn`,
    );
  }
  rows = atLeast(rows, crossings);
  return crossings;
}

/** Computes every edge's crossings of the columns. */
function placeCrossings(corners: number, {first, last}: Columns, height: number): void {
  const lowest = SCALE * height;
  const place = (column: number, y: number) => {
    // The first row whose centre is at or below the crossing; pixels above and below the image are none.
    const row = y <= 0 ? 0 : y >= lowest ? height : ((y + 2) / SCALE) | 0;
    rows[ends[column - first]!++] = row;
  };
  for (let i = 0; i < 2 * corners; i += 2) {
    const next = i + 2 < 2 * corners ? i + 2 : 0;
    const x0 = grid[i]!;
    const y0 = grid[i + 1]!;
    const x1 = grid[next]!;
    const y1 = grid[next + 1]!;
    const from = firstColumn(Math.min(x0, x1));
    const to = lastColumn(Math.max(x0, x1), last + 1);
    if (from > to) continue;
    const dx = Math.abs(x1 - x0);
    const dy = Math.abs(y1 - y0);
    if (dx >= dy) {
      const y = x0 < x1 ? y0 : y1;
      const x = Math.min(x0, x1);
      const slope = (x0 < x1 ? y1 - y0 : y0 - y1) / dx;
      for (let column = from; column <= to; column++) {
        const step = SCALE * column + 2 - x;
        const before = Math.trunc(y + slope * step + 0.5);
        const after = Math.trunc(y + slope * (step + 1) + 0.5);
        place(column, Math.min(before, after));
      }
    } else {
      const x = y0 < y1 ? x0 : x1;
      const y = Math.min(y0, y1);
      const slope = (y0 < y1 ? x1 - x0 : x0 - x1) / dy;
      for (let column = from; column <= to; column++) {
        place(column, y + lastStepBefore(SCALE * column + 2, x, slope, dy));
      }
    }
  }
}

/**
 * Of an edge that goes down by `steps` from x, and by `slope` aside at each, the last step on this side of the border
 * between the grid's columns `before` and before + 1. Division says which, up to its rounding.
 */
function lastStepBefore(before: number, x: number, slope: number, steps: number): number {
  const isOver = (step: number) => Math.trunc(x + slope * step + 0.5) > before === slope > 0;
  let step = Math.min(Math.max(Math.floor((before + 0.5 - x) / slope), 0), steps - 1);
  while (step > 0 && isOver(step)) step--;
  while (step + 1 < steps && !isOver(step + 1)) step++;
  return step;
}

/** Run lengths between the crossings; two crossings at one place cancel. */
function runsOfCrossings({first, last}: Columns, height: number, pixels: number): Uint32Array {
  // Positions replace the rows that they are made of: there are never more.
  let kept = 0;
  let from = 0;
  for (let column = first; column <= last; column++) {
    const to = ends[column - first]!;
    sortRows(from, to);
    for (let i = from; i < to; i++) {
      const position = column * height + rows[i]!;
      if (kept > 0 && rows[kept - 1] === position) kept--;
      else if (position < pixels) rows[kept++] = position;
    }
    from = to;
  }
  const runs = new Uint32Array(kept + 1);
  let start = 0;
  for (let i = 0; i < kept; i++) {
    runs[i] = rows[i]! - start;
    start = rows[i]!;
  }
  runs[kept] = pixels - start;
  return runs;
}

/** Sorts rows[from] to rows[to - 1]: by insertion, a column is rarely crossed more than twice. */
function sortRows(from: number, to: number): void {
  if (to - from > 16) {
    rows.subarray(from, to).sort();
    return;
  }
  for (let i = from + 1; i < to; i++) {
    const row = rows[i]!;
    let at = i;
    while (at > from && rows[at - 1]! > row) {
      rows[at] = rows[at - 1]!;
      at--;
    }
    rows[at] = row;
  }
}
