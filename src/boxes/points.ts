/**
 * Points of a feature pyramid, what detectors without anchors predict boxes from: one a cell, A over all levels (Kong et
 * al., "FoveaBox", 2019).
 */
import {levelSizes, RETINANET_STRIDES} from './anchors.js';
import type {Canvas} from './canvas.js';

export type Points = {
  /** Centres of the cells in pixels of the canvas. */
  readonly centres: Float32Array; // [A, 2] x, y
  /** Base edge of the point's level, in pixels. */
  readonly edges: Float32Array; // [A]
  /** Points of every level, in order. */
  readonly levelCounts: readonly number[]; // sum: A
};

/**
 * Points by level, row and column; those in the padding are there too. The cell in row i and column j of a level with
 * stride s spans s j to s (j + 1) and s i to s (i + 1).
 *
 * @param edges base edge of every level
 * @throws Error when there is not one edge a stride
 */
export function pyramidPoints(
  canvas: Canvas,
  edges: readonly number[],
  strides: readonly number[] = RETINANET_STRIDES,
): Points {
  if (edges.length !== strides.length) {
    throw new Error(`pyramidPoints: ${edges.length} base edges for ${strides.length} levels`);
  }
  const levels = levelSizes(canvas, strides);
  const levelCounts = levels.map(({height, width}) => height * width);
  const count = levelCounts.reduce((sum, ofLevel) => sum + ofLevel, 0);
  const centres = new Float32Array(2 * count);
  const edgeOf = new Float32Array(count);
  let point = 0;
  for (const [level, {stride, height, width}] of levels.entries()) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        centres[2 * point] = stride * (column + 0.5);
        centres[2 * point + 1] = stride * (row + 0.5);
        edgeOf[point] = edges[level]!;
        point++;
      }
    }
  }
  return {centres, edges: edgeOf, levelCounts};
}
