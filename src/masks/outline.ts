/**
 * Outlines of objects as a mask head trains on them: in the pixels of a resized and perhaps mirrored image. Polygons
 * are moved as numbers. Masks are sampled at the centres of the new pixels, as PIL's nearest filter does and detectron2
 * with it; torchvision's samples lie up to half a pixel off when the size changes.
 */
import {type Mask, MaskError} from './mask.js';
import {MAX_OUTLINE_CROSSINGS} from './rasterize.js';
import {RunWriter} from './run-writer.js';

/** The outline of one object in an image of height x width pixels. */
export type Outline =
  | {
      readonly kind: 'polygons';
      readonly height: number;
      readonly width: number;
      /** [x0, y0, x1, y1, ...]; the object is their union. */
      readonly polygons: readonly Float64Array[];
    }
  | {readonly kind: 'mask'; readonly mask: Mask};

export type OutlineView = {
  readonly height: number;
  readonly width: number;
  /** Mirrored left to right. */
  readonly flip: boolean;
};

/** How far outside of the image, in pixels, an outline may go: it can then be drawn in the grid of any box of a pixel. */
export const MAX_OUTLINE_REACH = 2 ** 14;

/** How far, in pixels, an object's outline may go from side to side in all: no real one goes a hundredth of it. */
const MAX_OUTLINE_SWAY = MAX_OUTLINE_CROSSINGS / 32;

/**
 * Polygons of an image of height x width pixels, in the pixels of `view`.
 * @throws MaskError when a coordinate is no number or farther out than MAX_OUTLINE_REACH, or there are too many edges.
 */
export function polygonsInView(
  polygons: readonly ArrayLike<number>[],
  height: number,
  width: number,
  view: OutlineView,
): Outline {
  const scaleX = (view.flip ? -1 : 1) * (view.width / width);
  const shiftX = view.flip ? view.width : 0;
  const scaleY = view.height / height;
  let sway = 0;
  const moved = polygons.map((polygon, index) => {
    const points = new Float64Array(polygon.length);
    let before = Number.NaN;
    for (let i = 0; i < points.length; i++) {
      const isX = i % 2 === 0;
      const value = isX ? polygon[i]! * scaleX + shiftX : polygon[i]! * scaleY;
      const extent = isX ? view.width : view.height;
      if (!(value >= -MAX_OUTLINE_REACH && value <= extent + MAX_OUTLINE_REACH)) {
        throw new MaskError(
          `coordinate ${i} of polygon ${index} is ${polygon[i]}: too far outside of the image`,
        );
      }
      points[i] = value;
      if (!isX) continue;
      sway += 1 + (i === 0 ? 0 : Math.abs(value - before));
      before = value;
    }
    return points;
  });
  if (sway > MAX_OUTLINE_SWAY) {
    throw new MaskError(`its outline goes ${Math.round(sway)} pixels from side to side and is no object's`);
  }
  return {kind: 'polygons', height: view.height, width: view.width, polygons: moved};
}

/** A mask in the pixels of `view`: pixel (x, y) is that of the file whose area holds its centre. */
export function maskInView(mask: Mask, view: OutlineView): Outline {
  if (!view.flip && view.height === mask.height && view.width === mask.width) return {kind: 'mask', mask};
  const {starts, tops, bottoms} = piecesByColumn(mask);
  const firstRow = rowsAbove(mask.height, view.height);
  const writer = new RunWriter();
  for (let x = 0; x < view.width; x++) {
    const column = sourceOf(view.flip ? view.width - 1 - x : x, mask.width, view.width);
    for (let piece = starts[column]!; piece < starts[column + 1]!; piece++) {
      writer.add(x * view.height + firstRow[tops[piece]!]!, x * view.height + firstRow[bottoms[piece]!]!);
    }
  }
  return {kind: 'mask', mask: writer.take(view.height, view.width)};
}

/** The pixel of `from` that holds the centre of pixel `index` of `to`, along one axis. */
function sourceOf(index: number, from: number, to: number): number {
  return Math.floor(((2 * index + 1) * from) / (2 * to));
}

/** For each row of `from` and the one after the last: how many rows of `to` are sampled above it. */
function rowsAbove(from: number, to: number): Int32Array {
  const above = new Int32Array(from + 1);
  for (let row = 0; row < to; row++) above[sourceOf(row, from, to) + 1]!++;
  for (let row = 0; row < from; row++) above[row + 1]! += above[row]!;
  return above;
}

/** Foreground cut at the ends of columns: pieces starts[x] .. starts[x + 1] - 1 are rows top .. bottom - 1 of column x. */
function piecesByColumn({height, width, runs}: Mask): {
  readonly starts: Int32Array; // [width + 1]
  readonly tops: readonly number[];
  readonly bottoms: readonly number[];
} {
  const starts = new Int32Array(width + 1);
  const tops: number[] = [];
  const bottoms: number[] = [];
  let end = 0;
  for (let i = 0; i + 1 < runs.length; i += 2) {
    let start = end + runs[i]!;
    end = start + runs[i + 1]!;
    while (start < end) {
      const column = Math.floor(start / height);
      const top = start - column * height;
      const bottom = Math.min(top + end - start, height);
      tops.push(top);
      bottoms.push(bottom);
      starts[column + 1]!++;
      start += bottom - top;
    }
  }
  for (let column = 0; column < width; column++) starts[column + 1]! += starts[column]!;
  return {starts, tops, bottoms};
}
