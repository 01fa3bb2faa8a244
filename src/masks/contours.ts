/**
 * The contours of a mask as closed lines, for drawing. A line runs through the middles of the pixel edges between foreground
 * and background, so that a step of one pixel becomes a slope: the level 1/2 of the mask between its pixel centres (marching
 * squares: Lorensen and Cline 1987, in two dimensions).
 */
import {type Mask, maskBox} from './mask.js';

/** x, y, x, y ... in pixels of the image; the last point joins the first. */
export type Contour = Float64Array;

/** Directions of a walk with the foreground on the right: east, south, west, north. */
const DX = [1, 0, -1, 0] as const;
const DY = [0, 1, 0, -1] as const;
type Direction = 0 | 1 | 2 | 3;

const turned = (direction: Direction, by: 1 | 3): Direction => ((direction + by) % 4) as Direction;

/**
 * Outer contours clockwise (y points down), those of holes the other way: filled by the even-odd rule or by the non-zero one they
 * are the mask. Pixels that touch at a corner only are of different contours. No contours where there is no foreground.
 */
export function maskContours(mask: Mask): readonly Contour[] {
  const [left, top, width, height] = maskBox(mask);
  const pixels = new PixelGrid(mask, left, top, width, height);
  /** Northern pixel edges that a contour has passed. */
  const passed = new Uint8Array(width * height);
  const contours: Contour[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (passed[y * width + x] === 1 || !pixels.has(x, y) || pixels.has(x, y - 1)) continue;
      contours.push(walk(pixels, x, y, passed));
    }
  }
  return contours;
}

/** The contour whose walk begins eastward from the north-western corner of pixel x, y. */
function walk(pixels: PixelGrid, startX: number, startY: number, passed: Uint8Array): Contour {
  const points: number[] = [];
  let [x, y] = [startX, startY];
  let direction: Direction = 0;
  let before: Direction = directionBefore(pixels, startX, startY);
  do {
    if (direction === 0) passed[y * pixels.width + x] = 1;
    const toX: number = x + DX[direction];
    const toY: number = y + DY[direction];
    const after: Direction = nextDirection(pixels, toX, toY, direction);
    // Between two straight steps the middle of the edge lies on the line of its neighbours.
    if (before !== direction || after !== direction) {
      points.push(pixels.left + (x + toX) / 2, pixels.top + (y + toY) / 2);
    }
    [x, y, before, direction] = [toX, toY, direction, after];
  } while (x !== startX || y !== startY || direction !== 0);
  return Float64Array.from(points);
}

/** Where the walk goes on from corner x, y: around the pixel on its right if that is the last one, else on or to the left. */
function nextDirection(pixels: PixelGrid, x: number, y: number, direction: Direction): Direction {
  const right = turned(direction, 1);
  if (!pixels.has(...pixelBetween(x, y, direction, right))) return right;
  const left = turned(direction, 3);
  return pixels.has(...pixelBetween(x, y, direction, left)) ? left : direction;
}

/** How a walk comes to the north-western corner of a pixel that it leaves eastward. */
function directionBefore(pixels: PixelGrid, x: number, y: number): Direction {
  const candidates: readonly Direction[] = [0, 1, 3];
  const found = candidates.find(
    direction =>
      isEdge(pixels, x - DX[direction], y - DY[direction], direction) &&
      nextDirection(pixels, x, y, direction) === 0,
  );
  if (found === undefined) throw new Error('a contour has no beginning');
  return found;
}

/** Whether the edge from corner x, y has foreground on its right and background on its left. */
function isEdge(pixels: PixelGrid, x: number, y: number, direction: Direction): boolean {
  return (
    pixels.has(...pixelBetween(x, y, direction, turned(direction, 1))) &&
    !pixels.has(...pixelBetween(x, y, direction, turned(direction, 3)))
  );
}

/** Of the four pixels at corner x, y the one that lies in both directions. */
function pixelBetween(x: number, y: number, a: Direction, b: Direction): [x: number, y: number] {
  return [x + (DX[a] + DX[b] - 1) / 2, y + (DY[a] + DY[b] - 1) / 2];
}

/** The pixels of a mask inside its box; all others are background. */
class PixelGrid {
  private readonly pixels: Uint8Array;

  constructor(
    {height: rows, runs}: Mask,
    readonly left: number,
    readonly top: number,
    readonly width: number,
    readonly height: number,
  ) {
    this.pixels = new Uint8Array(width * height);
    let position = 0;
    for (const [i, run] of runs.entries()) {
      const end = position + run;
      for (let at = position; i % 2 === 1 && at < end; at++) {
        this.pixels[((at % rows) - top) * width + Math.floor(at / rows) - left] = 1;
      }
      position = end;
    }
  }

  has(x: number, y: number): boolean {
    return x >= 0 && y >= 0 && x < this.width && y < this.height && this.pixels[y * this.width + x] === 1;
  }
}
