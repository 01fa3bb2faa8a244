/** Colours of a generated scene: a blurred random background, clutter, and shapes with a texture of their own. */
import type {Random} from '../../random/random.js';
import type {PlacedShape} from './layout.js';
import type {Polygon} from './outlines.js';
import {type Coverage, polygonCoverage} from './raster.js';

/** Red, green and blue, 0..255. */
export type Colour = readonly [number, number, number];

/** Colours while a scene is painted: [size, size, 3]. */
export type Canvas = {readonly size: number; readonly values: Float32Array};

/** Grid cells across the image and strength (of 255) of each layer of background blobs. */
const BACKGROUND_LAYERS = [
  {cells: 3, strength: 55},
  {cells: 7, strength: 35},
  {cells: 18, strength: 14},
] as const;
const MIN_LINES = 3;
const MAX_LINES = 8;
/** Euclidean distance in RGB that a shape keeps from the mean colour behind it. */
const MIN_CONTRAST = 85;
const COLOUR_ATTEMPTS = 24;
/** How far the second colour of a texture is from the first. */
const TEXTURE_CONTRAST = 35;

/** A random muted colour with smooth blobs of a few sizes, as if seen out of focus. */
export function paintBackground(random: Random, size: number): Canvas {
  const values = new Float32Array(size * size * 3);
  const base = mutedColour(random, random.uniform(70, 185), 30);
  for (let i = 0; i < values.length; i += 3) values.set(base, i);
  for (const {cells, strength} of BACKGROUND_LAYERS) addBlobs(random, {size, values}, cells, strength);
  return {size, values};
}

/** A grey with each channel moved by up to `chroma`. */
function mutedColour(random: Random, grey: number, chroma: number): Colour {
  const channel = () => grey + random.uniform(-chroma, chroma);
  return [channel(), channel(), channel()];
}

/** Adds a grid of random colours, more bright or dark than colourful, interpolated smoothly between its points. */
function addBlobs(random: Random, {size, values}: Canvas, cells: number, strength: number): void {
  const points = cells + 1;
  const grid = Float32Array.from(
    Array.from({length: points * points}, () =>
      mutedColour(random, random.uniform(-strength, strength), 0.4 * strength),
    ).flat(),
  );
  const at = Array.from({length: size}, (_, i) => {
    const position = ((i + 0.5) / size) * cells;
    const cell = Math.floor(position);
    return {cell, weight: smoothStep(position - cell)};
  });
  // Columns are interpolated once a grid row, then rows between the two grid rows around them.
  const rows = Array.from({length: points}, (_, gridRow) => {
    const row = new Float32Array(size * 3);
    at.forEach(({cell, weight}, x) => {
      const from = (gridRow * points + cell) * 3;
      for (let c = 0; c < 3; c++) row[x * 3 + c] = mix(grid[from + c]!, grid[from + 3 + c]!, weight);
    });
    return row;
  });
  at.forEach(({cell, weight}, y) => {
    const above = rows[cell]!;
    const below = rows[cell + 1]!;
    const start = y * size * 3;
    for (let i = 0; i < size * 3; i++)
      values[start + i] = values[start + i]! + mix(above[i]!, below[i]!, weight);
  });
}

/** Bent lines of random colours across the background: edges that belong to no object. */
export function paintClutter(random: Random, canvas: Canvas): void {
  const {size} = canvas;
  const lines = MIN_LINES + random.int(MAX_LINES - MIN_LINES + 1);
  for (let i = 0; i < lines; i++) {
    const colour = randomColour(random);
    const thickness = random.uniform(0.004, 0.016) * size;
    let [x, y, angle] = [random.uniform(0, size), random.uniform(0, size), random.uniform(0, 2 * Math.PI)];
    for (let segment = 0; segment < 2; segment++) {
      const length = random.uniform(0.1, 0.4) * size;
      const [toX, toY] = [x + length * Math.cos(angle), y + length * Math.sin(angle)];
      blend(canvas, polygonCoverage(bar(x, y, toX, toY, thickness), size), () => colour);
      [x, y, angle] = [toX, toY, angle + random.uniform(-1, 1)];
    }
  }
}

/** The rectangle of a line from one point to another. */
function bar(fromX: number, fromY: number, toX: number, toY: number, thickness: number): Polygon {
  const length = Math.hypot(toX - fromX, toY - fromY);
  const offsetX = ((toY - fromY) / length) * (thickness / 2);
  const offsetY = ((fromX - toX) / length) * (thickness / 2);
  return [
    ...[fromX + offsetX, fromY + offsetY, toX + offsetX, toY + offsetY],
    ...[toX - offsetX, toY - offsetY, fromX - offsetX, fromY - offsetY],
  ];
}

/** A shape in a colour that stands out from what is behind it, with a gradient, stripes, checks or blotches. */
export function paintShape(random: Random, canvas: Canvas, shape: PlacedShape): void {
  const behind = meanColour(canvas, shape.coverage);
  const first = contrastingColour(random, behind);
  const second = shade(first, random.uniform() < 0.5 ? -TEXTURE_CONTRAST : TEXTURE_CONTRAST);
  const texture = randomTexture(random, shape);
  blend(canvas, shape.coverage, (x, y) => {
    const weight = texture(x, y);
    return [
      mix(first[0], second[0], weight),
      mix(first[1], second[1], weight),
      mix(first[2], second[2], weight),
    ];
  });
}

/** Weight 0..1 of the second colour at a pixel's centre. */
type Texture = (x: number, y: number) => number;

function randomTexture(random: Random, {angle, side}: PlacedShape): Texture {
  const direction = angle + random.uniform(0, Math.PI);
  const [cos, sin] = [Math.cos(direction), Math.sin(direction)];
  const phase = random.uniform(0, 1);
  switch (random.int(4)) {
    case 0: {
      const length = 1.5 * side;
      return (x, y) => 0.5 + 0.5 * Math.sin(((x * cos + y * sin) / length + phase) * 2 * Math.PI);
    }
    case 1: {
      const period = Math.max(side * random.uniform(0.18, 0.3), 4);
      return (x, y) => squareWave((x * cos + y * sin) / period + phase, period);
    }
    case 2: {
      const period = Math.max(side * random.uniform(0.25, 0.4), 5);
      return (x, y) => {
        const along = squareWave((x * cos + y * sin) / period + phase, period);
        const across = squareWave((y * cos - x * sin) / period + phase, period);
        return along + across - 2 * along * across;
      };
    }
    default:
      return blotches(random, Math.max(side * 0.15, 3));
  }
}

/** 0 in one half of each unit and 1 in the other, with edges of a pixel's width. */
function squareWave(position: number, period: number): number {
  const distance = (Math.abs(position - Math.floor(position) - 0.5) - 0.25) * period;
  return Math.min(Math.max(0.5 + distance, 0), 1);
}

/** Smooth noise: random values on a grid of `cell` pixels, which repeats after a few cells. */
function blotches(random: Random, cell: number): Texture {
  const repeat = 16;
  const grid = Float32Array.from({length: repeat * repeat}, () => random.uniform());
  const value = (column: number, row: number) => grid[(row % repeat) * repeat + (column % repeat)]!;
  return (x, y) => {
    const column = Math.floor(x / cell);
    const row = Math.floor(y / cell);
    const weight = smoothStep(x / cell - column);
    const above = mix(value(column, row), value(column + 1, row), weight);
    const below = mix(value(column, row + 1), value(column + 1, row + 1), weight);
    return mix(above, below, smoothStep(y / cell - row));
  };
}

/** Lays a colour over the canvas where the coverage says; the colour is asked at the centres of pixels. */
function blend(
  {size, values}: Canvas,
  {left, top, width, height, values: coverage}: Coverage,
  colourAt: (x: number, y: number) => Colour,
): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const share = coverage[y * width + x]!;
      if (share === 0) continue;
      const colour = colourAt(left + x + 0.5, top + y + 0.5);
      const start = ((top + y) * size + left + x) * 3;
      values[start] = mix(values[start]!, colour[0], share);
      values[start + 1] = mix(values[start + 1]!, colour[1], share);
      values[start + 2] = mix(values[start + 2]!, colour[2], share);
    }
  }
}

function meanColour({size, values}: Canvas, {left, top, width, height, values: coverage}: Coverage): Colour {
  const sum: [number, number, number] = [0, 0, 0];
  let total = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const share = coverage[y * width + x]!;
      const start = ((top + y) * size + left + x) * 3;
      total += share;
      sum[0] += share * values[start]!;
      sum[1] += share * values[start + 1]!;
      sum[2] += share * values[start + 2]!;
    }
  }
  return [sum[0] / total, sum[1] / total, sum[2] / total];
}

/** A random colour at least MIN_CONTRAST from `other`; after some attempts the farthest one found. */
function contrastingColour(random: Random, other: Colour): Colour {
  let best: Colour = [0, 0, 0];
  let bestDistance = -1;
  for (let attempt = 0; attempt < COLOUR_ATTEMPTS && bestDistance < MIN_CONTRAST; attempt++) {
    const colour = randomColour(random);
    const distance = colourDistance(colour, other);
    if (distance > bestDistance) [best, bestDistance] = [colour, distance];
  }
  return best;
}

function randomColour(random: Random): Colour {
  return [random.uniform(15, 240), random.uniform(15, 240), random.uniform(15, 240)];
}

function colourDistance(a: Colour, b: Colour): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

function shade([red, green, blue]: Colour, amount: number): Colour {
  return [red + amount, green + amount, blue + amount];
}

function mix(a: number, b: number, weight: number): number {
  return a + (b - a) * weight;
}

function smoothStep(t: number): number {
  return t * t * (3 - 2 * t);
}
