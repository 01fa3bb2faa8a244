/** The masks of a whole file in a few columns: no object a mask, and threads can share them. */
import {areaOfRuns, type Mask, MaskError, writeBoxOfRuns} from './mask.js';

/** N masks; mask i has runs[starts[i]] to runs[starts[i + 1] - 1]. A row without a mask is 0 x 0 and has no runs. */
export type MaskTable = {
  readonly heights: Uint32Array; // [N]
  readonly widths: Uint32Array; // [N]
  readonly starts: Float64Array; // [N + 1]
  readonly runs: Uint32Array;
};

/** Number of rows. */
export function maskCount(table: MaskTable): number {
  return table.heights.length;
}

/** Mask `row`: a view, no copy. */
export function maskAt(table: MaskTable, row: number): Mask {
  return {
    height: table.heights[row]!,
    width: table.widths[row]!,
    runs: table.runs.subarray(table.starts[row]!, table.starts[row + 1]!),
  };
}

/** Foreground pixels of every mask, [N]. */
export function maskAreas({heights, starts, runs}: MaskTable): Float64Array {
  const areas = new Float64Array(heights.length);
  for (let row = 0; row < areas.length; row++) areas[row] = areaOfRuns(runs, starts[row]!, starts[row + 1]!);
  return areas;
}

/** Box of every mask, [N, 4]: x, y, width, height in pixels; zeros where there is no foreground. */
export function maskBoxes({heights, starts, runs}: MaskTable): Float64Array {
  const boxes = new Float64Array(4 * heights.length);
  for (let row = 0; row < heights.length; row++) {
    writeBoxOfRuns(runs, starts[row]!, starts[row + 1]!, heights[row]!, boxes, 4 * row);
  }
  return boxes;
}

const RUNS_A_CHUNK = 2 ** 18;

/** 2 GB: two million masks of 256 runs. */
export const MAX_TABLE_RUNS = 2 ** 29;

/** Gathers masks row by row. */
export class MaskTableBuilder {
  private readonly heights: number[] = [];
  private readonly widths: number[] = [];
  private readonly starts: number[] = [0];
  /** Full ones, then `chunk`, of which `used` runs are taken. */
  private chunks: Uint32Array[] = [];
  private chunk = new Uint32Array(0);
  private used = 0;
  private total = 0;

  /** @param mostRuns of all masks together */
  constructor(private readonly mostRuns = MAX_TABLE_RUNS) {}

  /** @throws MaskError when the table would have more than `mostRuns` runs; it stays as it was. */
  push({height, width, runs}: Mask): void {
    if (this.total + runs.length > this.mostRuns) {
      throw new MaskError(
        `all masks together have more than the ${this.mostRuns} runs that are kept in memory`,
      );
    }
    this.heights.push(height);
    this.widths.push(width);
    if (this.used + runs.length > this.chunk.length) {
      this.chunks.push(this.chunk.subarray(0, this.used));
      this.chunk = new Uint32Array(Math.max(runs.length, RUNS_A_CHUNK));
      this.used = 0;
    }
    this.chunk.set(runs, this.used);
    this.used += runs.length;
    this.total += runs.length;
    this.starts.push(this.total);
  }

  /** A row without a mask. */
  pushNone(): void {
    this.heights.push(0);
    this.widths.push(0);
    this.starts.push(this.total);
  }

  /** The table, `shared` in memory that worker threads see too; the builder is done with. */
  take({shared = false}: {readonly shared?: boolean} = {}): MaskTable {
    const bytes = (length: number) => (shared ? new SharedArrayBuffer(length) : new ArrayBuffer(length));
    const count = this.heights.length;
    const heights = new Uint32Array(bytes(4 * count));
    const widths = new Uint32Array(bytes(4 * count));
    const starts = new Float64Array(bytes(8 * (count + 1)));
    const runs = new Uint32Array(bytes(4 * this.total));
    heights.set(this.heights);
    widths.set(this.widths);
    starts.set(this.starts);
    let at = 0;
    for (const chunk of [...this.chunks, this.chunk.subarray(0, this.used)]) {
      runs.set(chunk, at);
      at += chunk.length;
    }
    this.chunks = [];
    this.chunk = new Uint32Array(0);
    return {heights, widths, starts, runs};
  }
}
