/**
 * Labels of points from the objects of an image: Kong et al., "FoveaBox", 2019, "Scale assignment" and "Object fovea", as
 * mmdetection has it (models/anchor_heads/fovea_head.py). An object belongs to every level whose range of scales has its
 * own, and there the points in the middle of it, its fovea, are foreground. All others are background: none is ignored.
 *
 * Where the fovea ends is decided by rounding, so it is computed in single precision as there.
 */
import type {FoveaAssignment, FoveaLevel} from '../config/foveabox.js';
import {type LevelSize, levelSizes} from './anchors.js';
import type {Canvas} from './canvas.js';
import type {Matches, Objects} from './matcher.js';

const {fround} = Math;

/**
 * Labels every point of a canvas, in the order of `pyramidPoints`. Where the foveae of several objects meet, the smallest
 * object has the point, of equal ones the last. An object whose fovea lies between the cell centres of a level has no
 * point there; nor has one without an area anywhere.
 */
export function assignFoveae(objects: Objects, canvas: Canvas, {levels, sigma}: FoveaAssignment): Matches {
  const sizes = levelSizes(canvas);
  const count = sizes.reduce((sum, {height, width}) => sum + height * width, 0);
  const matches = new Int32Array(count).fill(-1);
  const scales = scalesOf(objects.boxes);
  const largestFirst = [...scales.keys()]
    .filter(object => scales[object]! > 0)
    .sort((a, b) => scales[b]! - scales[a]!);
  let start = 0;
  for (const [level, size] of sizes.entries()) {
    for (const object of largestFirst) {
      if (!isInRange(scales[object]!, levels[level]!)) continue;
      const {left, top, right, bottom} = foveaOf(objects.boxes, object, size, sigma);
      for (let row = top; row <= bottom; row++) {
        const first = start + row * size.width;
        if (left <= right) matches.fill(object, first + left, first + right + 1);
      }
    }
    start += size.height * size.width;
  }
  return {labels: matches.map(object => (object < 0 ? 0 : objects.classes[object]!)), matches};
}

/** How many points of a canvas there are to learn from, all of them, and how many `assignFoveae` labels as foreground. */
export function countFoveae(
  objects: Objects,
  canvas: Canvas,
  assignment: FoveaAssignment,
): {readonly examples: number; readonly foreground: number} {
  const {labels} = assignFoveae(objects, canvas, assignment);
  return {examples: labels.length, foreground: labels.filter(label => label > 0).length};
}

/** The root of every object's area; 0 where a side is not positive. */
function scalesOf(boxes: Float32Array): Float32Array {
  return Float32Array.from({length: boxes.length / 4}, (_, i) => {
    const width = fround(boxes[4 * i + 2]! - boxes[4 * i]!);
    const height = fround(boxes[4 * i + 3]! - boxes[4 * i + 1]!);
    return width > 0 && height > 0 ? Math.sqrt(fround(width * height)) : 0;
  });
}

function isInRange(scale: number, {scales: [smallest, largest]}: FoveaLevel): boolean {
  return scale >= smallest && scale <= largest;
}

/** Cells from the first to the last one, both included; none where the last comes before the first. */
type CellRange = {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
};

/** The cells of a level whose centres lie in the middle part of an object, clamped to the map. */
function foveaOf(boxes: Float32Array, object: number, level: LevelSize, sigma: number): CellRange {
  const range = (axis: 0 | 1, cells: number) => {
    const near = fround(boxes[4 * object + axis]! / level.stride);
    const far = fround(boxes[4 * object + axis + 2]! / level.stride);
    const half = fround(fround(far - near) * 0.5);
    /** The coordinate of a cell's centre is its index + 0.5. */
    const at = (share: number) => fround(fround(near + fround(fround(share) * half)) - 0.5);
    const clamp = (cell: number) => Math.min(Math.max(cell, 0), cells - 1);
    return {first: clamp(Math.ceil(at(1 - sigma))), last: clamp(Math.floor(at(1 + sigma)))};
  };
  const columns = range(0, level.width);
  const rows = range(1, level.height);
  return {left: columns.first, right: columns.last, top: rows.first, bottom: rows.last};
}
