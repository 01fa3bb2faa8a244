/**
 * Convolution and its input gradient on NHWC tensors, as matrix products over packed tiles (tile.ts). Depth runs over
 * (kernel row, kernel column, channel), which is the order of a filter [kh, kw, in, out].
 */
import {packColumns, packTransposed, storeTile} from './tile';
import {packWindows} from './windows';
import {correlateWinograd, packWinograd, suitsWinograd, winogradScratch} from './winograd';

/** Bytes of packed pixels that are held while all output channels are computed from them: half of a level-2 cache. */
const BLOCK_BYTES: usize = 131072;
/** And at most this many tiles of four pixels. */
const BLOCK_TILES: i32 = 256;

// @ts-ignore: decorator
@inline
function ceilDivide(a: i32, b: i32): i32 {
  return (a + b - 1) / b;
}

// @ts-ignore: decorator
@inline
function tilesOfBlock(depth: i32): i32 {
  return max(1, min(BLOCK_TILES, <i32>(BLOCK_BYTES / (<usize>depth << 4))));
}

/**
 * Bytes of scratch of `convolution`, and of `convolutionInputGradient` with the two numbers of channels exchanged.
 *
 * @param taps kh * kw
 * @param channels those that are summed over
 */
export function convolutionScratch(taps: i32, stride: i32, channels: i32, outChannels: i32): usize {
  const depth = taps * channels;
  const panels = <usize>ceilDivide(outChannels, 8) * ((<usize>depth + 1) << 5);
  // A phase of the input gradient has fewer taps, so more tiles: the bounds hold for every depth up to this one.
  const direct = (<usize>channels << 2) + 48 + (<usize>BLOCK_TILES << 4) + max(BLOCK_BYTES, <usize>depth << 4);
  if (taps != 9 || !suitsWinograd(3, 3, stride, channels, outChannels)) return panels + direct;
  return panels + max(direct, winogradScratch(channels, outChannels)); // 9 taps may also be 1x9
}

/** The filter as panels [out / 8][bias 8, then depth][8]. */
function packFilter(filter: usize, bias: usize, depth: i32, outChannels: i32, to: usize): void {
  const panelBytes = (<usize>depth + 1) << 5;
  for (let column = 0; column < outChannels; column += 8) {
    const columns = min(8, outChannels - column);
    for (let j = 0; j < 8; j++) {
      const value: f32 = bias != 0 && j < columns ? load<f32>(bias + (<usize>(column + j) << 2)) : 0;
      store<f32>(to + (<usize>j << 2), value);
    }
    packColumns(filter + (<usize>column << 2), <usize>outChannels << 2, depth, columns, to + 32);
    to += panelBytes;
  }
}

/**
 * Correlates windows of `source` with packed panels, for the output pixels (outY + i outStep, outX + j outStep) of a grid.
 * The window of grid pixel (i, j) starts at row i * step + originY and column j * step + originX of the source.
 */
function correlate(
  source: usize, batch: i32, height: i32, width: i32, channels: i32,
  kernelHeight: i32, kernelWidth: i32, step: i32, originY: i32, originX: i32,
  panels: usize, scratch: usize,
  out: usize, outHeight: i32, outWidth: i32, outChannels: i32,
  gridHeight: i32, gridWidth: i32, outStep: i32, outY: i32, outX: i32, slope: f32,
): void {
  const depth = kernelHeight * kernelWidth * channels;
  const panelBytes = (<usize>depth + 1) << 5;
  const tileBytes = <usize>depth << 4;
  const tilesMost = tilesOfBlock(depth);
  const zeros = scratch;
  const lanes = zeros + (<usize>channels << 2);
  const rows = lanes + 48;
  const block = rows + (<usize>tilesMost << 4);
  memory.fill(zeros, 0, <usize>channels << 2);

  const pixels = batch * gridHeight * gridWidth;
  const pixelBytes = <usize>channels << 2;
  let image = 0, i = 0, j = 0;
  for (let pixel = 0; pixel < pixels; pixel += tilesMost << 2) {
    const tiles = min(tilesMost, ceilDivide(pixels - pixel, 4));
    for (let tile = 0; tile < tiles; tile++) {
      for (let lane: usize = 0; lane < 4; lane++) {
        const y = i * step + originY, x = j * step + originX;
        store<usize>(lanes + lane * 12, source + <usize>((image * height + y) * width + x) * pixelBytes);
        store<i32>(lanes + lane * 12, y, 4);
        store<i32>(lanes + lane * 12, x, 8);
        const to = <usize>((image * outHeight + outY + i * outStep) * outWidth + outX + j * outStep);
        store<usize>(rows + (<usize>tile << 4) + (lane << 2), out + to * (<usize>outChannels << 2));
        // The last tile repeats the last pixel: it stores the same values twice.
        if (pixel + (tile << 2) + <i32>lane + 1 < pixels && ++j == gridWidth) {
          j = 0;
          if (++i == gridHeight) {
            i = 0;
            image++;
          }
        }
      }
      packWindows(
        lanes, kernelHeight, kernelWidth, channels, height, width, zeros, block + <usize>tile * tileBytes,
      );
    }
    let panel = panels;
    for (let column = 0; column < outChannels; column += 8) {
      const columns = min(8, outChannels - column);
      for (let tile = 0; tile < tiles; tile++) {
        storeTile(
          block + <usize>tile * tileBytes, panel, depth, rows + (<usize>tile << 4), <usize>column << 2, columns, slope,
        );
      }
      panel += panelBytes;
    }
  }
}

/** y [B, H', W', out] = leaky ReLU(x [B, H, W, in] * filter [kh, kw, in, out] + bias [out]); bias 0 for none. */
export function convolution(
  x: usize, filter: usize, bias: usize, y: usize, scratch: usize,
  batch: i32, height: i32, width: i32, channels: i32, kernelHeight: i32, kernelWidth: i32,
  outHeight: i32, outWidth: i32, outChannels: i32, stride: i32, padTop: i32, padLeft: i32, slope: f32,
): void {
  const depth = kernelHeight * kernelWidth * channels;
  packFilter(filter, bias, depth, outChannels, scratch);
  if (suitsWinograd(kernelHeight, kernelWidth, stride, channels, outChannels)) {
    const rest = scratch + <usize>ceilDivide(outChannels, 8) * ((<usize>depth + 1) << 5);
    packWinograd(scratch, channels, outChannels, rest);
    correlateWinograd(
      x, batch, height, width, channels, -padTop, -padLeft, rest, y, outHeight, outWidth, outChannels, slope,
    );
    return;
  }
  correlate(
    x, batch, height, width, channels, kernelHeight, kernelWidth, stride, -padTop, -padLeft,
    scratch, scratch + <usize>ceilDivide(outChannels, 8) * ((<usize>depth + 1) << 5),
    y, outHeight, outWidth, outChannels, outHeight, outWidth, 1, 0, 0, slope,
  );
}

/**
 * The filter rotated by half a turn, with input and output channels exchanged, as panels [in / 8][bias 8, depth][8];
 * only the taps of one phase: rows firstRow, firstRow + stride, ..., columns likewise.
 */
function packRotated(
  filter: usize, kernelWidth: i32, channels: i32, outChannels: i32, stride: i32,
  firstRow: i32, rows: i32, firstColumn: i32, columns: i32, to: usize,
): void {
  const row = <usize>outChannels << 2;
  for (let channel = 0; channel < channels; channel += 8) {
    const count = min(8, channels - channel);
    v128.store(to, f32x4.splat(0));
    v128.store(to, f32x4.splat(0), 16);
    to += 32;
    for (let r = rows - 1; r >= 0; r--) {
      for (let s = columns - 1; s >= 0; s--) {
        const tap = (firstRow + r * stride) * kernelWidth + firstColumn + s * stride;
        packTransposed(filter + <usize>(tap * channels + channel) * row, row, outChannels, count, to);
        to += row << 3;
      }
    }
  }
}

/**
 * dx [B, H, W, in] from dy [B, H', W', out].
 *
 * A pixel of dx in row y meets dy through the kernel rows r = y + pad (mod stride) only. So dx falls into stride x stride
 * phases, each of which is a correlation of dy, at stride 1, with the rotated filter of that phase's taps.
 */
export function convolutionInputGradient(
  dy: usize, filter: usize, dx: usize, scratch: usize,
  batch: i32, height: i32, width: i32, channels: i32, kernelHeight: i32, kernelWidth: i32,
  outHeight: i32, outWidth: i32, outChannels: i32, stride: i32, padTop: i32, padLeft: i32,
): void {
  const panelsBytes =
    <usize>ceilDivide(channels, 8) * ((<usize>(kernelHeight * kernelWidth * outChannels) + 1) << 5);
  if (suitsWinograd(kernelHeight, kernelWidth, stride, outChannels, channels)) {
    packRotated(filter, 3, channels, outChannels, 1, 0, 3, 0, 3, scratch);
    packWinograd(scratch, outChannels, channels, scratch + panelsBytes);
    correlateWinograd(
      dy, batch, outHeight, outWidth, outChannels, padTop - 2, padLeft - 2, scratch + panelsBytes,
      dx, height, width, channels, 1,
    );
    return;
  }
  if (stride > kernelHeight || stride > kernelWidth) {
    memory.fill(dx, 0, <usize>(batch * height * width * channels) << 2);
  }
  for (let y = 0; y < min(stride, height); y++) {
    const firstRow = (y + padTop) % stride;
    const rows = ceilDivide(kernelHeight - firstRow, stride);
    if (firstRow >= kernelHeight) continue;
    for (let x = 0; x < min(stride, width); x++) {
      const firstColumn = (x + padLeft) % stride;
      const columns = ceilDivide(kernelWidth - firstColumn, stride);
      if (firstColumn >= kernelWidth) continue;
      packRotated(
        filter, kernelWidth, channels, outChannels, stride, firstRow, rows, firstColumn, columns, scratch,
      );
      correlate(
        dy, batch, outHeight, outWidth, outChannels, rows, columns, 1,
        (y + padTop - firstRow) / stride - (rows - 1), (x + padLeft - firstColumn) / stride - (columns - 1),
        scratch, scratch + panelsBytes,
        dx, height, width, channels, ceilDivide(height - y, stride), ceilDivide(width - x, stride), stride, y, x, 1,
      );
    }
  }
}
