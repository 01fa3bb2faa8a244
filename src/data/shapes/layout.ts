/** Where the objects of a generated scene lie: sizes, outlines and who covers whom. */
import type {Random} from '../../random/random.js';
import {type Polygon, SHAPE_NAMES, shapeOutline} from './outlines.js';
import {type Box, type Coverage, polygonArea, polygonBox, polygonCoverage} from './raster.js';

export type PlacedShape = {
  /** 1..C, the position in SHAPE_NAMES plus one. */
  readonly class: number;
  /** The outline inside the image, in pixels, to a hundredth; occluded parts included. */
  readonly polygon: Polygon;
  readonly area: number;
  readonly coverage: Coverage;
  /** Radians that the shape's texture is turned by. */
  readonly angle: number;
  /** Longer side in pixels, before clipping. */
  readonly side: number;
};

/** Sides of the three size ranges, in sides of the image; each is varied by a factor of up to SIZE_JITTER. */
const SIZE_RANGES = [0.11, 0.2, 0.35] as const;
const SIZE_JITTER = 1.25;
const ASPECT_JITTER = 1.25;
const MAX_ROTATION = (12 / 180) * Math.PI;
const MAX_OBJECTS = 3;
/** How many of the objects are cut by an edge of the image, and how much of their side is at most outside. */
const TRUNCATED = 0.08;
const MAX_TRUNCATION = 0.3;
/** An object that others would cover by more than this is not placed there. */
const MAX_OCCLUSION = 0.35;
/** How many of the objects after the first are put beside or over another one. */
const NEIGHBOURS = 0.25;
const ATTEMPTS = 20;

/**
 * One to three objects in a size x size image, later ones in front. A place that would hide too much of an earlier
 * object is drawn again; after some attempts the object is given up, except that the first always finds one.
 */
export function layOut(random: Random, size: number, classes: number): readonly PlacedShape[] {
  const placed: PlacedShape[] = [];
  const visibility = new Visibility(size);
  const wanted = 1 + random.int(MAX_OBJECTS);
  for (let i = 0; i < wanted; i++) {
    const kind = random.int(classes);
    const side = size * SIZE_RANGES[random.int(SIZE_RANGES.length)]! * jitter(random, SIZE_JITTER);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const near =
        placed.length > 0 && random.uniform() < NEIGHBOURS ? placed[random.int(placed.length)] : undefined;
      const candidate = drawShape(random, kind, side, size, near);
      if (visibility.leastAfter(candidate.coverage) < 1 - MAX_OCCLUSION) continue;
      placed.push(candidate);
      visibility.add(candidate.coverage);
      break;
    }
  }
  return placed;
}

/** A factor between 1 / most and most, uniform in its logarithm. */
function jitter(random: Random, most: number): number {
  return most ** random.uniform(-1, 1);
}

function drawShape(
  random: Random,
  kind: number,
  side: number,
  size: number,
  near: PlacedShape | undefined,
): PlacedShape {
  const angle = random.uniform(-MAX_ROTATION, MAX_ROTATION);
  const aspect = Math.sqrt(jitter(random, ASPECT_JITTER));
  const shaped = transform(shapeOutline(SHAPE_NAMES[kind]!), side * aspect, side / aspect, angle);
  const box = polygonBox(shaped);
  const [x, y] =
    near === undefined ? freePosition(random, box, size) : besidePosition(random, box, size, near);
  const polygon = clip(
    shaped.map((value, i) => roundToHundredth(value + (i % 2 === 0 ? x : y))),
    size,
  ).map(roundToHundredth);
  return {
    class: kind + 1,
    polygon,
    area: polygonArea(polygon),
    coverage: polygonCoverage(polygon, size),
    angle,
    side,
  };
}

/** A shift that leaves the box inside the image, or now and then lets one side of the image cut it. */
function freePosition(random: Random, [left, top, right, bottom]: Box, size: number): [x: number, y: number] {
  const x = random.uniform(-left, size - right);
  const y = random.uniform(-top, size - bottom);
  if (random.uniform() >= TRUNCATED) return [x, y];
  const outside = random.uniform(0, MAX_TRUNCATION);
  switch (random.int(4)) {
    case 0:
      return [-left - outside * (right - left), y];
    case 1:
      return [size - right + outside * (right - left), y];
    case 2:
      return [x, -top - outside * (bottom - top)];
    default:
      return [x, size - bottom + outside * (bottom - top)];
  }
}

/** A shift that puts the box about the edge of another object, inside the image. */
function besidePosition(
  random: Random,
  [left, top, right, bottom]: Box,
  size: number,
  near: PlacedShape,
): [x: number, y: number] {
  const [nearLeft, nearTop, nearRight, nearBottom] = polygonBox(near.polygon);
  const direction = random.uniform(0, 2 * Math.PI);
  const distance = random.uniform(0.6, 1);
  const reachX = (distance * (right - left + nearRight - nearLeft)) / 2;
  const reachY = (distance * (bottom - top + nearBottom - nearTop)) / 2;
  const x = (nearLeft + nearRight - left - right) / 2 + reachX * Math.cos(direction);
  const y = (nearTop + nearBottom - top - bottom) / 2 + reachY * Math.sin(direction);
  return [Math.min(Math.max(x, -left), size - right), Math.min(Math.max(y, -top), size - bottom)];
}

function roundToHundredth(value: number): number {
  return Math.round(value * 100) / 100;
}

function transform(outline: Polygon, scaleX: number, scaleY: number, angle: number): number[] {
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const points: number[] = [];
  for (let i = 0; i < outline.length; i += 2) {
    const x = outline[i]! * scaleX;
    const y = outline[i + 1]! * scaleY;
    points.push(x * cos - y * sin, x * sin + y * cos);
  }
  return points;
}

/**
 * The part of a polygon inside the image (Sutherland and Hodgman). Pieces of a concave shape stay joined by edges of
 * no width along the border; as only one side of the image cuts a shape, these do not widen its box.
 */
function clip(polygon: Polygon, size: number): Polygon {
  const inside = [
    (x: number, _y: number) => x,
    (x: number, _y: number) => size - x,
    (_x: number, y: number) => y,
    (_x: number, y: number) => size - y,
  ];
  return inside.reduce(clipHalfPlane, polygon);
}

/** Keeps the part of a polygon where `distance`, which is linear, is not negative. */
function clipHalfPlane(polygon: Polygon, distance: (x: number, y: number) => number): Polygon {
  const kept: number[] = [];
  for (let i = 0; i < polygon.length; i += 2) {
    const before = (i + polygon.length - 2) % polygon.length;
    const [fromX, fromY, toX, toY] = [polygon[before]!, polygon[before + 1]!, polygon[i]!, polygon[i + 1]!];
    const from = distance(fromX, fromY);
    const to = distance(toX, toY);
    if (from >= 0 !== to >= 0) {
      const t = from / (from - to);
      kept.push(fromX + t * (toX - fromX), fromY + t * (toY - fromY));
    }
    if (to >= 0) kept.push(toX, toY);
  }
  return kept;
}

/** Which object is in front at each pixel, and how many pixels of each object are left to see. */
class Visibility {
  private readonly front: Uint8Array; // number of the object in front, from 1; 0 is background
  private readonly pixels: number[] = [0];
  private readonly visible: number[] = [0];

  constructor(private readonly size: number) {
    this.front = new Uint8Array(size * size);
  }

  /** The least visible share of any object, were another one put in front of all. */
  leastAfter(coverage: Coverage): number {
    const visible = [...this.visible];
    this.forCovered(coverage, pixel => {
      visible[this.front[pixel]!]!--;
    });
    return visible.slice(1).reduce((least, count, i) => Math.min(least, count / this.pixels[i + 1]!), 1);
  }

  add(coverage: Coverage): void {
    const added = this.pixels.length;
    let count = 0;
    this.forCovered(coverage, pixel => {
      this.visible[this.front[pixel]!]!--;
      this.front[pixel] = added;
      count++;
    });
    this.pixels.push(count);
    this.visible.push(count);
  }

  /** Visits the pixels that are covered by half or more. */
  private forCovered({left, top, width, height, values}: Coverage, visit: (pixel: number) => void): void {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (values[y * width + x]! >= 0.5) visit((top + y) * this.size + left + x);
      }
    }
  }
}
