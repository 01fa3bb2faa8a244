/**
 * The one inner loop of all convolutions and matrix products: a tile of 4 rows and 8 columns,
 *
 *     c[i][j] += sum over k of a[k][i] * b[k][j],     a: [depth][4], b: [depth][8], both packed
 *
 * 8 accumulators, 2 vectors of b and one splat of a are what the 16 registers of x86-64 hold. Packed operands need one
 * pointer each, and the packing is where padding, strides and transposes are dealt with.
 */
import {storePart} from './vector';

/** Stores the product to a tile in memory, [4][8] and contiguous, or adds it to what is there. */
export function multiplyTile(a: usize, b: usize, depth: usize, c: usize, add: bool): void {
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  if (add) {
    c00 = v128.load(c); c01 = v128.load(c, 16); c10 = v128.load(c, 32); c11 = v128.load(c, 48);
    c20 = v128.load(c, 64); c21 = v128.load(c, 80); c30 = v128.load(c, 96); c31 = v128.load(c, 112);
  }
  const end = b + (depth << 5);
  while (b < end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let s = v128.load32_splat(a);
    c00 = f32x4.add(c00, f32x4.mul(s, b0));
    c01 = f32x4.add(c01, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 4);
    c10 = f32x4.add(c10, f32x4.mul(s, b0));
    c11 = f32x4.add(c11, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 8);
    c20 = f32x4.add(c20, f32x4.mul(s, b0));
    c21 = f32x4.add(c21, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 12);
    c30 = f32x4.add(c30, f32x4.mul(s, b0));
    c31 = f32x4.add(c31, f32x4.mul(s, b1));
    a += 16;
    b += 32;
  }
  v128.store(c, c00); v128.store(c, c01, 16); v128.store(c, c10, 32); v128.store(c, c11, 48);
  v128.store(c, c20, 64); v128.store(c, c21, 80); v128.store(c, c30, 96); v128.store(c, c31, 112);
}

/**
 * Stores bias + product behind leaky ReLU (of slope 1: nothing) to four rows.
 *
 * @param b a panel: 8 biases, then [depth][8]
 * @param rows the addresses of the four output rows
 * @param column bytes from the start of a row to its first column here
 * @param columns how many of the 8 columns exist
 */
export function storeTile(
  a: usize, b: usize, depth: usize, rows: usize, column: usize, columns: i32, slope: f32,
): void {
  let c00 = v128.load(b), c01 = v128.load(b, 16);
  let c10 = c00, c11 = c01, c20 = c00, c21 = c01, c30 = c00, c31 = c01;
  b += 32;
  const end = b + (depth << 5);
  while (b < end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let s = v128.load32_splat(a);
    c00 = f32x4.add(c00, f32x4.mul(s, b0));
    c01 = f32x4.add(c01, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 4);
    c10 = f32x4.add(c10, f32x4.mul(s, b0));
    c11 = f32x4.add(c11, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 8);
    c20 = f32x4.add(c20, f32x4.mul(s, b0));
    c21 = f32x4.add(c21, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 12);
    c30 = f32x4.add(c30, f32x4.mul(s, b0));
    c31 = f32x4.add(c31, f32x4.mul(s, b1));
    a += 16;
    b += 32;
  }
  storeRow(load<usize>(rows) + column, c00, c01, columns, slope);
  storeRow(load<usize>(rows, 4) + column, c10, c11, columns, slope);
  storeRow(load<usize>(rows, 8) + column, c20, c21, columns, slope);
  storeRow(load<usize>(rows, 12) + column, c30, c31, columns, slope);
}

/** x above zero, slope x below, 0 <= slope <= 1. */
// @ts-ignore: decorator
@inline
export function leakyRelu(x: v128, slope: f32): v128 {
  // pmax(x, y) = x < y ? y : x keeps a NaN in x: a diverged value must not hide behind the ReLU.
  return f32x4.pmax(x, slope == 0 ? f32x4.splat(0) : f32x4.mul(x, f32x4.splat(slope)));
}

/** The first `columns` <= 8 floats of a row behind leaky ReLU. */
// @ts-ignore: decorator
@inline
export function storeRow(to: usize, low: v128, high: v128, columns: i32, slope: f32): void {
  if (slope != 1) {
    low = leakyRelu(low, slope);
    high = leakyRelu(high, slope);
  }
  storePart(to, low, columns);
  storePart(to + 16, high, columns - 4);
}

/** Four rows of `count` floats as [count][4]. */
export function interleave4(r0: usize, r1: usize, r2: usize, r3: usize, count: usize, to: usize): void {
  const vectors = r0 + ((count & ~3) << 2);
  const end = r0 + (count << 2);
  while (r0 < vectors) {
    const x0 = v128.load(r0), x1 = v128.load(r1), x2 = v128.load(r2), x3 = v128.load(r3);
    const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5), high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
    const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5), high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f64>(low01, low23, 0, 2));
    v128.store(to, v128.shuffle<f64>(low01, low23, 1, 3), 16);
    v128.store(to, v128.shuffle<f64>(high01, high23, 0, 2), 32);
    v128.store(to, v128.shuffle<f64>(high01, high23, 1, 3), 48);
    r0 += 16; r1 += 16; r2 += 16; r3 += 16;
    to += 64;
  }
  while (r0 < end) {
    store<f32>(to, load<f32>(r0));
    store<f32>(to, load<f32>(r1), 4);
    store<f32>(to, load<f32>(r2), 8);
    store<f32>(to, load<f32>(r3), 12);
    r0 += 4; r1 += 4; r2 += 4; r3 += 4;
    to += 16;
  }
}

/**
 * Eight columns of a matrix with rows of `stride` bytes as [depth][8]; columns that do not exist become 0.
 *
 * @param from address of the first row's first column here
 */
export function packColumns(from: usize, stride: usize, depth: usize, columns: i32, to: usize): void {
  const end = to + (depth << 5);
  if (columns == 8) {
    while (to < end) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      from += stride;
      to += 32;
    }
    return;
  }
  while (to < end) {
    v128.store(to, f32x4.splat(0));
    v128.store(to, f32x4.splat(0), 16);
    for (let j: usize = 0; j < <usize>columns; j++) store<f32>(to + (j << 2), load<f32>(from + (j << 2)));
    from += stride;
    to += 32;
  }
}

/** As packColumns for the transposed matrix: `count` <= 8 rows of `depth` floats, `stride` bytes apart, as [depth][8]. */
export function packTransposed(from: usize, stride: usize, depth: i32, count: i32, to: usize): void {
  let d = 0;
  if (count == 8) {
    for (; d + 4 <= depth; d += 4) {
      transpose4(from, stride, to);
      transpose4(from + (stride << 2), stride, to + 16);
      from += 16;
      to += 128;
    }
  }
  for (; d < depth; d++) {
    for (let j = 0; j < 8; j++) {
      const value: f32 = j < count ? load<f32>(from + <usize>j * stride) : 0;
      store<f32>(to + (<usize>j << 2), value);
    }
    from += 4;
    to += 32;
  }
}

/** Four rows of four floats, `stride` bytes apart, as columns in four rows of eight floats. */
// @ts-ignore: decorator
@inline
function transpose4(from: usize, stride: usize, to: usize): void {
  const x0 = v128.load(from), x1 = v128.load(from + stride);
  const x2 = v128.load(from + (stride << 1)), x3 = v128.load(from + stride * 3);
  const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5), high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
  const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5), high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f64>(low01, low23, 0, 2));
  v128.store(to, v128.shuffle<f64>(low01, low23, 1, 3), 32);
  v128.store(to, v128.shuffle<f64>(high01, high23, 0, 2), 64);
  v128.store(to, v128.shuffle<f64>(high01, high23, 1, 3), 96);
}
