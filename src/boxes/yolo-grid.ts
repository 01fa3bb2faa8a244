/**
 * Where YOLOv3 predicts boxes (Redmon and Farhadi, "YOLOv3: an incremental improvement", 2018, Sec. 2.1 and 2.3): every
 * cell of three maps has a few anchors, which are no boxes but sizes; the place of a box is that of its cell.
 *
 * A predictions over all levels of a canvas, in the order of level, row, column, anchor of the cell.
 */
import type {Canvas} from './canvas.js';

/** Strides of the three maps, finest first. */
export const YOLO_STRIDES = [8, 16, 32] as const;

export type AnchorSize = readonly [width: number, height: number];

/** Sizes in pixels of the canvas, of every level, finest first. Not every level needs as many. */
export type YoloAnchors = readonly (readonly AnchorSize[])[];

/** One map of a canvas. */
export type GridLevel = {
  readonly stride: number;
  /** In cells. */
  readonly height: number;
  readonly width: number;
  readonly anchors: readonly AnchorSize[];
  /** Index of its first prediction. */
  readonly start: number;
};

export type YoloGrid = {
  readonly canvas: Canvas;
  readonly levels: readonly GridLevel[];
  /** A. */
  readonly predictions: number;
};

/** The maps of a canvas: ceil(side / stride) cells a side. */
export function yoloGrid(anchors: YoloAnchors, canvas: Canvas): YoloGrid {
  let predictions = 0;
  const levels = YOLO_STRIDES.map((stride, i) => {
    const sizes = anchors[i] ?? [];
    const start = predictions;
    const height = Math.ceil(canvas.height / stride);
    const width = Math.ceil(canvas.width / stride);
    predictions += height * width * sizes.length;
    return {stride, height, width, anchors: sizes, start};
  });
  return {canvas, levels, predictions};
}

/** Predictions of a level. */
export function levelCount({height, width, anchors}: GridLevel): number {
  return height * width * anchors.length;
}

/** Numbers that describe a cell with one of its anchors: `CELL` says which is which. */
export const CELL_NUMBERS = 5;

/** Left and top side of the cell, its side (the stride), and the anchor's sides; in pixels of the canvas. */
export const CELL = {left: 0, top: 1, side: 2, width: 3, height: 4} as const;

/**
 * The cells and anchors of some predictions.
 * @param indices of predictions, 0..A - 1 [n]
 * @returns [n, 5], rows as `CELL` says
 */
export function cellsOf({levels}: YoloGrid, indices: Int32Array): Float32Array {
  const cells = new Float32Array(CELL_NUMBERS * indices.length);
  for (const [i, index] of indices.entries()) {
    let level = levels[0]!;
    for (const next of levels) if (index >= next.start) level = next;
    const offset = index - level.start;
    const cell = Math.floor(offset / level.anchors.length);
    const [width, height] = level.anchors[offset % level.anchors.length]!;
    const o = CELL_NUMBERS * i;
    cells[o + CELL.left] = (cell % level.width) * level.stride;
    cells[o + CELL.top] = Math.floor(cell / level.width) * level.stride;
    cells[o + CELL.side] = level.stride;
    cells[o + CELL.width] = width;
    cells[o + CELL.height] = height;
  }
  return cells;
}
