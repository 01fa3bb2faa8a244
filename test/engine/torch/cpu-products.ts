/**
 * What the CPU's own products give and what they should give, in float64 by their definitions. Run as a program, it
 * prints the largest error of all: the tests do so with ATEN_CPU_CAPABILITY set, which selects other instructions.
 */
import {pathToFileURL} from 'node:url';
import {type CoreFunctions, functionsOf, type Handle} from '../../../src/engine/torch/addon.js';

export type ProductFunctions = {
  cpuMatrixProduct(a: Handle, b: Handle, transposeA: boolean, transposeB: boolean): Handle;
  winogradSuits(
    inChannels: number,
    outChannels: number,
    height: number,
    width: number,
    batch: number,
  ): boolean;
  winogradConvolution(
    x: Handle,
    filter: Handle,
    bias: Handle | undefined,
    slope: number,
    padding: number,
    residual: Handle | undefined,
  ): Handle;
  winogradInputGradient(dy: Handle, filter: Handle, padding: number, height: number, width: number): Handle;
  winogradFilterGradient(x: Handle, dy: Handle, padding: number): Handle;
};

export const native = (): CoreFunctions & ProductFunctions => functionsOf();

export type Values = {readonly values: Float32Array; readonly shape: readonly number[]};
export type Layer = {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly padding: number;
};

/** One image of one tile, edges in both directions, channels that fill no line, no padding, one pixel, many channels. */
export const LAYERS: readonly Layer[] = [
  {batch: 1, height: 4, width: 4, inChannels: 16, outChannels: 16, padding: 1},
  {batch: 2, height: 13, width: 6, inChannels: 32, outChannels: 48, padding: 1},
  {batch: 1, height: 9, width: 11, inChannels: 20, outChannels: 36, padding: 0},
  {batch: 3, height: 5, width: 2, inChannels: 3, outChannels: 17, padding: 1},
  {batch: 1, height: 1, width: 1, inChannels: 16, outChannels: 8, padding: 1},
  {batch: 1, height: 8, width: 20, inChannels: 130, outChannels: 70, padding: 1},
  // The filter's gradient takes its 575 tiles in three blocks, the last one shorter.
  {batch: 1, height: 92, width: 97, inChannels: 3, outChannels: 40, padding: 1},
];

/** Rows, columns, depth: smaller than a tile, over its edges, a depth in several pieces, one that is cut for threads. */
export const PRODUCTS: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [3, 5, 7],
  [14, 32, 16],
  [15, 33, 17],
  [29, 70, 300],
  [530, 20, 33],
  [7, 520, 40],
  [12, 18, 2100],
];

/** Normal numbers, the same ones at every call with the same seed (Box and Muller on a linear congruence). */
export function normalValues(shape: readonly number[], seed: number): Values {
  let state = seed;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let i = 0; i < values.length; i++)
    values[i] = Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  return {values, shape};
}

/** Calls a native function with tensors of these values and returns the result's. */
export function computed(
  call: (...handles: Handle[]) => Handle,
  length: number,
  ...operands: Values[]
): Float32Array {
  const handles = operands.map(({values, shape}) => native().fromValues(values, shape));
  const into = new Float32Array(length);
  try {
    const result = call(...handles);
    native().read(result, into);
    native().release(result);
  } finally {
    for (const handle of handles) native().release(handle);
  }
  return into;
}

/** The largest difference, as a part of the root mean square of what is expected. */
export function relativeError(values: Float32Array, expected: Float64Array): number {
  let squares = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    squares += expected[i]! ** 2;
    largest = Math.max(largest, Math.abs(values[i]! - expected[i]!));
  }
  return largest / Math.sqrt(squares / expected.length);
}

export function outputShape({
  batch,
  height,
  width,
  outChannels,
  padding,
}: Layer): [number, number, number, number] {
  return [batch, height + 2 * padding - 2, width + 2 * padding - 2, outChannels];
}

/** Calls visit(i of x, j of the filter, k of y) for every product x[i] filter[j] that y[k] is the sum of. */
function eachProduct(layer: Layer, visit: (i: number, j: number, k: number) => void): void {
  const {batch, height, width, inChannels, outChannels, padding} = layer;
  const [, outHeight, outWidth] = outputShape(layer);
  for (let b = 0; b < batch; b++)
    for (let y = 0; y < outHeight; y++)
      for (let x = 0; x < outWidth; x++)
        for (let tap = 0; tap < 9; tap++) {
          const row = y - padding + Math.floor(tap / 3);
          const column = x - padding + (tap % 3);
          if (row < 0 || row >= height || column < 0 || column >= width) continue;
          const from = ((b * height + row) * width + column) * inChannels;
          const to = ((b * outHeight + y) * outWidth + x) * outChannels;
          for (let i = 0; i < inChannels; i++)
            for (let o = 0; o < outChannels; o++)
              visit(from + i, (tap * inChannels + i) * outChannels + o, to + o);
        }
}

export type LayerErrors = {
  readonly forward: number;
  readonly fused: number;
  readonly leaky: number;
  readonly dx: number;
  readonly df: number;
};

/** Errors of the convolution and its gradients on normal numbers. */
export function layerErrors(layer: Layer): LayerErrors {
  const {batch, height, width, inChannels, outChannels, padding} = layer;
  const x = normalValues([batch, height, width, inChannels], 1);
  const filter = normalValues([3, 3, inChannels, outChannels], 2);
  const dy = normalValues(outputShape(layer), 3);
  const bias = normalValues([outChannels], 4);
  const residual = normalValues(outputShape(layer), 5);
  const y = new Float64Array(dy.values.length);
  const dx = new Float64Array(x.values.length);
  const df = new Float64Array(filter.values.length);
  eachProduct(layer, (i, j, k) => {
    y[k]! += x.values[i]! * filter.values[j]!;
    dx[i]! += dy.values[k]! * filter.values[j]!;
    df[j]! += dy.values[k]! * x.values[i]!;
  });
  const finished = (slope: number): Float64Array =>
    y
      .map((value, i) => value + bias.values[i % outChannels]! + residual.values[i]!)
      .map(z => (z < 0 ? slope * z : z));
  const forward = (...handles: Handle[]): Handle =>
    native().winogradConvolution(handles[0]!, handles[1]!, undefined, 1, padding, undefined);
  const withAll =
    (slope: number) =>
    (...handles: Handle[]): Handle =>
      native().winogradConvolution(handles[0]!, handles[1]!, handles[2], slope, padding, handles[3]);
  const finishedError = (slope: number): number =>
    relativeError(computed(withAll(slope), y.length, x, filter, bias, residual), finished(slope));
  const inputGradient = (...handles: Handle[]): Handle =>
    native().winogradInputGradient(handles[0]!, handles[1]!, padding, height, width);
  const filterGradient = (...handles: Handle[]): Handle =>
    native().winogradFilterGradient(handles[0]!, handles[1]!, padding);
  return {
    forward: relativeError(computed(forward, y.length, x, filter), y),
    fused: finishedError(0),
    leaky: finishedError(0.1),
    dx: relativeError(computed(inputGradient, dx.length, dy, filter), dx),
    df: relativeError(computed(filterGradient, df.length, x, dy), df),
  };
}

/** The error of a product of normal matrices. */
export function productError(
  [rows, columns, depth]: readonly [number, number, number],
  transposeA: boolean,
  transposeB: boolean,
): number {
  const a = normalValues(transposeA ? [depth, rows] : [rows, depth], 6);
  const b = normalValues(transposeB ? [columns, depth] : [depth, columns], 7);
  const c = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++)
      for (let k = 0; k < depth; k++) {
        const left = a.values[transposeA ? k * rows + i : i * depth + k]!;
        const right = b.values[transposeB ? j * depth + k : k * columns + j]!;
        c[i * columns + j]! += left * right;
      }
  const product = (...handles: Handle[]): Handle =>
    native().cpuMatrixProduct(handles[0]!, handles[1]!, transposeA, transposeB);
  return relativeError(computed(product, c.length, a, b), c);
}

/** The largest of all errors of LAYERS and PRODUCTS. */
export function largestError(): number {
  const layers = LAYERS.flatMap(layer => Object.values(layerErrors(layer)));
  const products = PRODUCTS.flatMap(size =>
    [false, true].flatMap(transposeA =>
      [false, true].map(transposeB => productError(size, transposeA, transposeB)),
    ),
  );
  return Math.max(...layers, ...products);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(largestError());
