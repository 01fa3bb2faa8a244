/** How much of every pixel a polygon covers. */
import type {Polygon} from './outlines.js';

/** Coverage 0..1 of the pixels in a window whose top left pixel is (left, top). */
export type Coverage = {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array; // [height, width]
};

export type Box = readonly [left: number, top: number, right: number, bottom: number];

/** Scanlines a pixel row: coverage is exact along x, and sampled four times along y. */
const SCANLINES = 4;

/** The least and largest coordinates of a polygon. */
export function polygonBox(polygon: Polygon): Box {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < polygon.length; i += 2) {
    left = Math.min(left, polygon[i]!);
    right = Math.max(right, polygon[i]!);
    top = Math.min(top, polygon[i + 1]!);
    bottom = Math.max(bottom, polygon[i + 1]!);
  }
  return [left, top, right, bottom];
}

/** Area by the shoelace formula; a hole that is reached through a seam counts as hole. */
export function polygonArea(polygon: Polygon): number {
  let twice = 0;
  for (let i = 0; i < polygon.length; i += 2) {
    const next = (i + 2) % polygon.length;
    twice += polygon[i]! * polygon[next + 1]! - polygon[next]! * polygon[i + 1]!;
  }
  return Math.abs(twice) / 2;
}

/** Coverage of the pixels of a size x size image by a polygon, even-odd; outside of the image is cut off. */
export function polygonCoverage(polygon: Polygon, size: number): Coverage {
  const box = polygonBox(polygon);
  const left = clampInt(Math.floor(box[0]), size);
  const top = clampInt(Math.floor(box[1]), size);
  const width = clampInt(Math.ceil(box[2]), size) - left;
  const height = clampInt(Math.ceil(box[3]), size) - top;
  const values = new Float32Array(Math.max(width * height, 0));
  for (let line = 0; line < height * SCANLINES; line++) {
    const crossings = crossingsAt(polygon, top + (line + 0.5) / SCANLINES);
    const row = values.subarray(Math.floor(line / SCANLINES) * width);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      addSpan(row, Math.max(crossings[i]! - left, 0), Math.min(crossings[i + 1]! - left, width));
    }
  }
  return {left, top, width, height, values};
}

/** Ascending x at which the outline crosses the horizontal line y. */
function crossingsAt(polygon: Polygon, y: number): number[] {
  const crossings: number[] = [];
  let fromX = polygon[polygon.length - 2]!;
  let fromY = polygon[polygon.length - 1]!;
  for (let i = 0; i < polygon.length; i += 2) {
    const toX = polygon[i]!;
    const toY = polygon[i + 1]!;
    if (fromY <= y !== toY <= y) crossings.push(fromX + ((y - fromY) / (toY - fromY)) * (toX - fromX));
    fromX = toX;
    fromY = toY;
  }
  return crossings.sort((a, b) => a - b);
}

/** Adds one scanline's share of the pixels between x = from and x = to. */
function addSpan(row: Float32Array, from: number, to: number): void {
  if (to <= from) return;
  const first = Math.floor(from);
  const last = Math.ceil(to) - 1;
  for (let x = first; x <= last; x++) {
    row[x] = row[x]! + (Math.min(to, x + 1) - Math.max(from, x)) / SCANLINES;
  }
}

function clampInt(value: number, most: number): number {
  return Math.min(Math.max(value, 0), most);
}
