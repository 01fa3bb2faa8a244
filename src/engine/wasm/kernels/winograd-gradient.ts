/**
 * The filter gradient of 3x3 convolutions at stride 1, as the transpose of Winograd's identity (winograd.ts): a tile of
 * 2x2 outputs is Y = A^T [U . (B^T d B)] A with U = G g G^T, so over all tiles
 *
 *     dU = sum of (A dY A^T) . (B^T d B),     dg = G^T dU G
 *
 * and each of the 16 positions of dU is a matrix product [channels, tiles] x [tiles, out].
 */
import {multiplyTile} from './tile';
import {loadPart, storePart} from './vector';
import {POSITIONS, suitsWinograd} from './winograd';

// @ts-ignore: decorator
@inline
function ceilDivide(a: i32, b: i32): i32 {
  return (a + b - 1) / b;
}

/** Below eight channels the transforms cost more than they save; input channels are taken by fours. */
export function suitsWinogradGradient(
  kernelHeight: i32, kernelWidth: i32, stride: i32, channels: i32, outChannels: i32,
): bool {
  return suitsWinograd(kernelHeight, kernelWidth, stride, channels, outChannels) && (channels & 3) == 0;
}

/** Bytes between the planes of two positions, which are written side by side: without a gap they share cache sets. */
const PLANE_GAP: usize = 192;

/** Patches over which the filter gradient sums at a time. */
// @ts-ignore: decorator
@inline
function tilesOfGradient(channels: i32, outChannels: i32): i32 {
  return max(16, min(128, 32768 / (channels + outChannels)));
}

export function filterGradientWinogradScratch(channels: i32, outChannels: i32): usize {
  const tiles = <usize>tilesOfGradient(channels, outChannels);
  const quads = <usize>channels >> 2, panels = <usize>ceilDivide(outChannels, 8);
  const sums = POSITIONS * quads * panels << 7;
  const planes = (PLANE_GAP << 1) + (tiles * quads << 4) + (tiles * panels << 5);
  return sums + POSITIONS * planes + (<usize>channels << 2) + 64;
}

/** Stores A dY A^T of a 2x2 tile of one vector of channels, at 16 positions `plane` bytes apart. */
// @ts-ignore: decorator
@inline
function storeTransformedGradient(y00: v128, y01: v128, y10: v128, y11: v128, to: usize, plane: usize): void {
  storeGradientRow(y00, y01, to, plane);
  storeGradientRow(f32x4.add(y00, y10), f32x4.add(y01, y11), to + plane * 4, plane);
  storeGradientRow(f32x4.sub(y00, y10), f32x4.sub(y01, y11), to + plane * 8, plane);
  storeGradientRow(f32x4.neg(y10), f32x4.neg(y11), to + plane * 12, plane);
}

// @ts-ignore: decorator
@inline
function storeGradientRow(y0: v128, y1: v128, to: usize, plane: usize): void {
  v128.store(to, y0);
  v128.store(to + plane, f32x4.add(y0, y1));
  v128.store(to + plane * 2, f32x4.sub(y0, y1));
  v128.store(to + plane * 3, f32x4.neg(y1));
}

/** dfilter [3, 3, channels, out] from x [B, H, W, channels] and dy [B, H', W', out]; channels a multiple of 4. */
export function filterGradientWinograd(
  x: usize, dy: usize, dfilter: usize, scratch: usize,
  batch: i32, height: i32, width: i32, channels: i32, outHeight: i32, outWidth: i32, outChannels: i32,
  padTop: i32, padLeft: i32,
): void {
  const tilesMost = tilesOfGradient(channels, outChannels);
  const quads = channels >> 2, panels = ceilDivide(outChannels, 8);
  const sumsBytes = POSITIONS * <usize>(quads * panels) << 7;
  const sums = scratch; // [16][quads][panels][4][8]
  const patches = sums + sumsBytes; // [16][quads][tiles][4]
  const gradients = patches + POSITIONS * (PLANE_GAP + (<usize>(tilesMost * quads) << 4)); // [16][panels][tiles][8]
  const zeros = gradients + POSITIONS * (PLANE_GAP + (<usize>(tilesMost * panels) << 5));
  const addresses = zeros + (<usize>channels << 2);
  memory.fill(sums, 0, sumsBytes);
  memory.fill(zeros, 0, <usize>channels << 2);

  const tilesX = ceilDivide(outWidth, 2), tilesY = ceilDivide(outHeight, 2);
  const tilesAll = batch * tilesY * tilesX;
  for (let first = 0; first < tilesAll; first += tilesMost) {
    const tiles = min(tilesMost, tilesAll - first);
    const patchPlane = PLANE_GAP + (<usize>(quads * tiles) << 4);
    const gradientPlane = PLANE_GAP + (<usize>(panels * tiles) << 5);
    for (let tile = 0; tile < tiles; tile++) {
      const index = first + tile;
      const image = index / (tilesX * tilesY), i = (index / tilesX) % tilesY, j = index % tilesX;
      for (let r = 0; r < 4; r++) {
        for (let s = 0; s < 4; s++) {
          const y = 2 * i + r - padTop, column = 2 * j + s - padLeft;
          const inside = <u32>y < <u32>height && <u32>column < <u32>width;
          const at = x + (<usize>(((image * height + y) * width + column) * channels) << 2);
          store<usize>(addresses + (<usize>(r * 4 + s) << 2), inside ? at : zeros);
        }
      }
      transformPatch(addresses, quads, patches + (<usize>tile << 4), <usize>tiles << 4, patchPlane);

      const pixel = <usize>outChannels << 2, line = <usize>outWidth * pixel;
      const right = 2 * j + 1 < outWidth, below = 2 * i + 1 < outHeight;
      let from = dy + <usize>((image * outHeight + 2 * i) * outWidth + 2 * j) * pixel;
      let to = gradients + (<usize>tile << 5);
      for (let column = 0; column < outChannels; column += 8) {
        for (let part = 0; part < 8; part += 4) {
          const count = outChannels - column - part;
          const at = from + (<usize>part << 2);
          storeTransformedGradient(
            loadPart(at, count), loadPart(at + pixel, right ? count : 0), loadPart(at + line, below ? count : 0),
            loadPart(at + line + pixel, right && below ? count : 0), to + (<usize>part << 2), gradientPlane,
          );
        }
        from += 32;
        to += <usize>tiles << 5;
      }
    }
    let sum = sums;
    for (let position: usize = 0; position < POSITIONS; position++) {
      for (let quad = 0; quad < quads; quad++) {
        const a = patches + patchPlane * position + (<usize>(quad * tiles) << 4);
        let b = gradients + gradientPlane * position;
        for (let panel = 0; panel < panels; panel++) {
          multiplyTile(a, b, tiles, sum, true);
          sum += 128;
          b += <usize>tiles << 5;
        }
      }
    }
  }
  storeFilterGradient(sums, dfilter, channels, outChannels);
}

/** B^T d B of one patch, four channels at a time: quads are `quadBytes` apart in the target, positions `plane`. */
function transformPatch(addresses: usize, quads: i32, to: usize, quadBytes: usize, plane: usize): void {
  for (let quad = 0; quad < quads; quad++) {
    const channel = <usize>quad << 4;
    for (let j: usize = 0; j < 4; j++) {
      const from = addresses + (j << 2);
      const d0 = v128.load(load<usize>(from) + channel), d1 = v128.load(load<usize>(from, 16) + channel);
      const d2 = v128.load(load<usize>(from, 32) + channel), d3 = v128.load(load<usize>(from, 48) + channel);
      const column = to + plane * j;
      v128.store(column, f32x4.sub(d0, d2));
      v128.store(column + plane * 4, f32x4.add(d1, d2));
      v128.store(column + plane * 8, f32x4.sub(d2, d1));
      v128.store(column + plane * 12, f32x4.sub(d1, d3));
    }
    for (let i: usize = 0; i < 4; i++) {
      const row = to + plane * (i << 2);
      const d0 = v128.load(row), d1 = v128.load(row + plane);
      const d2 = v128.load(row + plane * 2), d3 = v128.load(row + plane * 3);
      v128.store(row, f32x4.sub(d0, d2));
      v128.store(row + plane, f32x4.add(d1, d2));
      v128.store(row + plane * 2, f32x4.sub(d2, d1));
      v128.store(row + plane * 3, f32x4.sub(d1, d3));
    }
    to += quadBytes;
  }
}

/** G^T u of a column of four: the three rows of a filter's column. */
// @ts-ignore: decorator
@inline
function gradientRow(u0: v128, u1: v128, u2: v128, u3: v128, r: i32): v128 {
  const half = f32x4.splat(0.5);
  if (r == 1) return f32x4.mul(half, f32x4.sub(u1, u2));
  return f32x4.add(r == 0 ? u0 : u3, f32x4.mul(half, f32x4.add(u1, u2)));
}

/** dfilter = G^T sums G. */
function storeFilterGradient(sums: usize, dfilter: usize, channels: i32, outChannels: i32): void {
  const panels = ceilDivide(outChannels, 8);
  const plane = <usize>((channels >> 2) * panels) << 7;
  for (let r = 0; r < 3; r++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let column = 0; column < outChannels; column += 4) {
        const tile = (channel >> 2) * panels + (column >> 3);
        const at =
          sums + (<usize>tile << 7) + (<usize>(channel & 3) << 5) + (<usize>(column & 4) << 2);
        const u0 = columnOfSums(at, plane, r), u1 = columnOfSums(at + plane, plane, r);
        const u2 = columnOfSums(at + plane * 2, plane, r), u3 = columnOfSums(at + plane * 3, plane, r);
        const count = outChannels - column;
        const to = dfilter + (<usize>((r * 3 * channels + channel) * outChannels + column) << 2);
        const next = <usize>(channels * outChannels) << 2;
        storePart(to, gradientRow(u0, u1, u2, u3, 0), count);
        storePart(to + next, gradientRow(u0, u1, u2, u3, 1), count);
        storePart(to + next * 2, gradientRow(u0, u1, u2, u3, 2), count);
      }
    }
  }
}

/** Row r of G^T applied to one column of the 4x4 sums. */
// @ts-ignore: decorator
@inline
function columnOfSums(at: usize, plane: usize, r: i32): v128 {
  return gradientRow(
    v128.load(at), v128.load(at + plane * 4), v128.load(at + plane * 8), v128.load(at + plane * 12), r,
  );
}
