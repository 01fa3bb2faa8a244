/**
 * Convolutions of 3x3 at stride 1 by Winograd's minimal filtering F(2x2, 3x3) (Lavin and Gray, "Fast algorithms for
 * convolutional neural networks", 2016, section 4.1): 16 multiplications instead of 36 for four output pixels.
 *
 *     Y = A^T [(G g G^T) . (B^T d B)] A        d: a 4x4 patch of the input, g: the filter, Y: 2x2 outputs, . elementwise
 *
 *     B^T = 1  0 -1  0     G = 1    0    0     A^T = 1  1  1  0
 *           0  1  1  0         1/2  1/2  1/2         0  1 -1 -1
 *           0 -1  1  0         1/2 -1/2  1/2
 *           0  1  0 -1         0    0    1
 *
 * Summed over channels, each of the 16 positions is a matrix product over the packed tiles of tile.ts.
 */
import {multiplyTile, storeRow} from './tile';
import {packWindows} from './windows';

/** Positions of the transformed 4x4 patch. */
export const POSITIONS: usize = 16;
/** Bytes of transformed patches that are held while all output channels are computed from them. */
const BLOCK_BYTES: usize = 524288;
/** And at most this many groups of four patches. */
const BLOCK_GROUPS: i32 = 64;

/** Below eight channels the transforms cost more than they save. */
export function suitsWinograd(
  kernelHeight: i32, kernelWidth: i32, stride: i32, channels: i32, outChannels: i32,
): bool {
  return kernelHeight == 3 && kernelWidth == 3 && stride == 1 && channels >= 8 && outChannels >= 8;
}

// @ts-ignore: decorator
@inline
function ceilDivide(a: i32, b: i32): i32 {
  return (a + b - 1) / b;
}

// @ts-ignore: decorator
@inline
function groupsOfBlock(channels: i32): i32 {
  return max(1, min(BLOCK_GROUPS, <i32>(BLOCK_BYTES / (<usize>channels << 8))));
}

// @ts-ignore: decorator
@inline
function panelBytes(channels: i32): usize {
  return 32 + <usize>channels * (POSITIONS << 5);
}

/** Bytes behind the packed filter: transformed panels, zeros, tables, transformed patches, one tile of products. */
export function winogradScratch(channels: i32, outChannels: i32): usize {
  const groups = <usize>groupsOfBlock(channels);
  const panels = <usize>ceilDivide(outChannels, 8) * panelBytes(channels);
  return panels + (<usize>channels << 2) + 48 + groups * 48 + groups * (<usize>channels << 8) + (POSITIONS << 7);
}

/** Transforms panels [out / 8][bias 8, then 9][channels][8] to [out / 8][bias 8, then 16][channels][8]: G g G^T. */
export function packWinograd(panels: usize, channels: i32, outChannels: i32, to: usize): void {
  const plane = <usize>channels << 5;
  const half = f32x4.splat(0.5);
  for (let panel = ceilDivide(outChannels, 8); panel > 0; panel--) {
    v128.store(to, v128.load(panels));
    v128.store(to, v128.load(panels, 16), 16);
    panels += 32;
    to += 32;
    for (const end = panels + plane; panels < end; panels += 16, to += 16) {
      // Columns of G g are made one after the other; each gives a column of four, which G^T then mixes along rows.
      for (let i: usize = 0; i < 4; i++) {
        let g0: v128, g1: v128, g2: v128;
        if (i == 0) {
          g0 = v128.load(panels);
          g1 = v128.load(panels + plane);
          g2 = v128.load(panels + plane * 2);
        } else if (i == 3) {
          g0 = v128.load(panels + plane * 6);
          g1 = v128.load(panels + plane * 7);
          g2 = v128.load(panels + plane * 8);
        } else {
          g0 = mixRows(panels, plane, i == 1);
          g1 = mixRows(panels + plane, plane, i == 1);
          g2 = mixRows(panels + plane * 2, plane, i == 1);
        }
        const at = to + plane * (i << 2);
        const outer = f32x4.add(g0, g2);
        v128.store(at, g0);
        v128.store(at + plane, f32x4.mul(half, f32x4.add(outer, g1)));
        v128.store(at + plane * 2, f32x4.mul(half, f32x4.sub(outer, g1)));
        v128.store(at + plane * 3, g2);
      }
    }
    panels += plane * 8;
    to += plane * 15;
  }
}

/** (g0 + g1 + g2) / 2 or (g0 - g1 + g2) / 2 of the three rows of one filter column. */
// @ts-ignore: decorator
@inline
function mixRows(at: usize, plane: usize, plus: bool): v128 {
  const outer = f32x4.add(v128.load(at), v128.load(at + plane * 6));
  const middle = v128.load(at + plane * 3);
  return f32x4.mul(f32x4.splat(0.5), plus ? f32x4.add(outer, middle) : f32x4.sub(outer, middle));
}

/** B^T d B in place, for patches [16][count] of vectors. */
function transformPatches(at: usize, count: usize): void {
  const plane = count << 4;
  for (const end = at + plane; at < end; at += 16) {
    for (let j: usize = 0; j < 4; j++) {
      const column = at + plane * j;
      const d0 = v128.load(column), d1 = v128.load(column + plane * 4);
      const d2 = v128.load(column + plane * 8), d3 = v128.load(column + plane * 12);
      v128.store(column, f32x4.sub(d0, d2));
      v128.store(column + plane * 4, f32x4.add(d1, d2));
      v128.store(column + plane * 8, f32x4.sub(d2, d1));
      v128.store(column + plane * 12, f32x4.sub(d1, d3));
    }
    for (let i: usize = 0; i < 4; i++) {
      const row = at + plane * (i << 2);
      const d0 = v128.load(row), d1 = v128.load(row + plane);
      const d2 = v128.load(row + plane * 2), d3 = v128.load(row + plane * 3);
      v128.store(row, f32x4.sub(d0, d2));
      v128.store(row + plane, f32x4.add(d1, d2));
      v128.store(row + plane * 2, f32x4.sub(d2, d1));
      v128.store(row + plane * 3, f32x4.sub(d1, d3));
    }
  }
}

/**
 * Stores the 2x2 pixels of four patches: A^T m A plus bias, from products m [16][4 patches][8 channels].
 *
 * @param table for each patch the address of its first pixel, and whether there is a pixel right of and below it
 */
function storePatches(
  products: usize, bias: usize, table: usize, pixel: usize, line: usize, column: usize, columns: i32, slope: f32,
): void {
  for (let patch: usize = 0; patch < 4; patch++) {
    const low = products + (patch << 5);
    // A^T m, column by column, back into rows 0 and 1.
    for (let j: usize = 0; j < 4; j++) {
      for (let part: usize = 0; part < 32; part += 16) {
        const at = low + (j << 7) + part;
        const m1 = v128.load(at, 512), m2 = v128.load(at, 1024);
        v128.store(at, f32x4.add(f32x4.add(v128.load(at), m1), m2));
        v128.store(at, f32x4.sub(f32x4.sub(m1, m2), v128.load(at, 1536)), 512);
      }
    }
    const to = load<usize>(table + patch * 12) + column;
    const right = load<i32>(table + patch * 12, 4), below = load<i32>(table + patch * 12, 8);
    const bias0 = v128.load(bias), bias1 = v128.load(bias, 16);
    for (let i: usize = 0; i < 2; i++) {
      if (i == 1 && !below) break;
      const at = low + (i << 9);
      const s01 = v128.load(at, 128), s02 = v128.load(at, 256);
      const s11 = v128.load(at, 144), s12 = v128.load(at, 272);
      const y0 = f32x4.add(f32x4.add(v128.load(at), s01), f32x4.add(s02, bias0));
      const y1 = f32x4.add(f32x4.add(v128.load(at, 16), s11), f32x4.add(s12, bias1));
      storeRow(to + line * i, y0, y1, columns, slope);
      if (right) {
        const z0 = f32x4.add(f32x4.sub(s01, s02), f32x4.sub(bias0, v128.load(at, 384)));
        const z1 = f32x4.add(f32x4.sub(s11, s12), f32x4.sub(bias1, v128.load(at, 400)));
        storeRow(to + line * i + pixel, z0, z1, columns, slope);
      }
    }
  }
}

/** out [B, H', W', out] = leaky ReLU(source [B, H, W, channels] * filter + bias), windows starting at (originY, originX). */
export function correlateWinograd(
  source: usize, batch: i32, height: i32, width: i32, channels: i32, originY: i32, originX: i32, panels: usize,
  out: usize, outHeight: i32, outWidth: i32, outChannels: i32, slope: f32,
): void {
  const groupsMost = groupsOfBlock(channels);
  const zeros = panels + <usize>ceilDivide(outChannels, 8) * panelBytes(channels);
  const lanes = zeros + (<usize>channels << 2);
  const table = lanes + 48;
  const products = table + <usize>groupsMost * 48;
  const patches = products + (POSITIONS << 7);
  const groupBytes = <usize>channels << 8;
  const pixelBytes = <usize>channels << 2, outPixel = <usize>outChannels << 2;
  memory.fill(zeros, 0, <usize>channels << 2);

  const tilesX = ceilDivide(outWidth, 2), tilesY = ceilDivide(outHeight, 2);
  const tiles = batch * tilesY * tilesX;
  let image = 0, i = 0, j = 0;
  for (let tile = 0; tile < tiles; tile += groupsMost << 2) {
    const groups = min(groupsMost, ceilDivide(tiles - tile, 4));
    for (let group = 0; group < groups; group++) {
      for (let lane: usize = 0; lane < 4; lane++) {
        const y = 2 * i + originY, x = 2 * j + originX;
        store<usize>(lanes + lane * 12, source + <usize>((image * height + y) * width + x) * pixelBytes);
        store<i32>(lanes + lane * 12, y, 4);
        store<i32>(lanes + lane * 12, x, 8);
        const entry = table + <usize>group * 48 + lane * 12;
        store<usize>(entry, out + <usize>((image * outHeight + 2 * i) * outWidth + 2 * j) * outPixel);
        store<i32>(entry, 2 * j + 1 < outWidth ? 1 : 0, 4);
        store<i32>(entry, 2 * i + 1 < outHeight ? 1 : 0, 8);
        // The last group repeats the last tile: it stores the same values twice.
        if (tile + (group << 2) + <i32>lane + 1 < tiles && ++j == tilesX) {
          j = 0;
          if (++i == tilesY) {
            i = 0;
            image++;
          }
        }
      }
      packWindows(lanes, 4, 4, channels, height, width, zeros, patches + <usize>group * groupBytes);
      transformPatches(patches + <usize>group * groupBytes, channels);
    }
    let panel = panels;
    for (let column = 0; column < outChannels; column += 8) {
      for (let group = 0; group < groups; group++) {
        let a = patches + <usize>group * groupBytes, b = panel + 32;
        for (let c = products; c < patches; c += 128) {
          multiplyTile(a, b, channels, c, false);
          a += <usize>channels << 4;
          b += <usize>channels << 5;
        }
        storePatches(
          products, panel, table + <usize>group * 48, outPixel, <usize>outWidth * outPixel, <usize>column << 2,
          min(8, outChannels - column), slope,
        );
      }
      panel += panelBytes(channels);
    }
  }
}
