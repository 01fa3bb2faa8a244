/**
 * The filter gradient of a convolution of NHWC tensors: the product of all windows [depth, pixels] and the gradients
 * [pixels, out], over packed tiles (tile.ts).
 */
import {multiplyTile, packColumns} from './tile';
import {
  filterGradientWinograd, filterGradientWinogradScratch, suitsWinogradGradient,
} from './winograd-gradient';

/** Pixels over which a tile is summed before the next channels: their packed windows fit the level-1 cache. */
const BLOCK_PIXELS: i32 = 512;

// @ts-ignore: decorator
@inline
function ceilDivide(a: i32, b: i32): i32 {
  return (a + b - 1) / b;
}

/** Bytes of scratch of `convolutionFilterGradient`. */
export function filterGradientScratch(
  kernelHeight: i32, kernelWidth: i32, stride: i32, channels: i32, outWidth: i32, outChannels: i32,
): usize {
  if (suitsWinogradGradient(kernelHeight, kernelWidth, stride, channels, outChannels)) {
    return filterGradientWinogradScratch(channels, outChannels);
  }
  const segment = kernelWidth * channels;
  const panels = <usize>ceilDivide(outChannels, 8);
  const pixels = <usize>(rowsOfBlock(outWidth) * outWidth);
  return panels * (<usize>(kernelHeight * ceilDivide(segment, 4)) << 7) + (panels * pixels << 5) + (pixels << 4);
}

// @ts-ignore: decorator
@inline
function rowsOfBlock(outWidth: i32): i32 {
  return max(1, BLOCK_PIXELS / outWidth);
}

/**
 * Packs four neighbouring floats of the windows of one row of output pixels, as [outWidth][4]; the windows of one kernel
 * row are contiguous in NHWC, whatever the number of channels. Floats outside of the input row become 0.
 *
 * @param row address of the input row, 0 when it is outside of the image
 * @param column index, in floats, of the first of the four in the input row for output pixel 0 (may be negative)
 * @param step floats from one output pixel's window to the next
 */
function packRow(row: usize, column: i32, step: i32, rowFloats: i32, outWidth: i32, to: usize): void {
  if (row == 0) {
    memory.fill(to, 0, <usize>outWidth << 4);
    return;
  }
  const end = to + (<usize>outWidth << 4);
  for (; to < end && column < 0; column += step, to += 16) packEdge(row, column, rowFloats, to);
  let from = row + (<usize>column << 2);
  const stride = <usize>step << 2;
  for (; to < end && column <= rowFloats - 4; column += step, to += 16) {
    v128.store(to, v128.load(from));
    from += stride;
  }
  for (; to < end; column += step, to += 16) packEdge(row, column, rowFloats, to);
}

/** As packRow, for one pixel whose four floats need not all be inside. */
function packEdge(row: usize, column: i32, rowFloats: i32, to: usize): void {
  for (let lane = 0; lane < 4; lane++) {
    const inside = <u32>(column + lane) < <u32>rowFloats;
    store<f32>(to + (<usize>lane << 2), inside ? load<f32>(row + (<usize>(column + lane) << 2)) : 0);
  }
}

/**
 * dfilter [kh, kw, in, out] from x [B, H, W, in] and dy [B, H', W', out]: for every block of output rows the product of
 * the windows [depth, pixels] and the gradients [pixels, out], added to tiles that stay in scratch until the end.
 */
export function convolutionFilterGradient(
  x: usize, dy: usize, dfilter: usize, scratch: usize,
  batch: i32, height: i32, width: i32, channels: i32, kernelHeight: i32, kernelWidth: i32,
  outHeight: i32, outWidth: i32, outChannels: i32, stride: i32, padTop: i32, padLeft: i32,
): void {
  if (suitsWinogradGradient(kernelHeight, kernelWidth, stride, channels, outChannels)) {
    filterGradientWinograd(
      x, dy, dfilter, scratch, batch, height, width, channels, outHeight, outWidth, outChannels, padTop, padLeft,
    );
    return;
  }
  const segment = kernelWidth * channels, tilesOfRow = ceilDivide(segment, 4);
  const panels = ceilDivide(outChannels, 8);
  const rowsMost = rowsOfBlock(outWidth);
  const sumsBytes = <usize>(kernelHeight * tilesOfRow * panels) << 7;
  const sums = scratch; // [kernelHeight][tilesOfRow][panels][4][8]
  const windows = sums + sumsBytes; // [pixels][4]
  const gradients = windows + (<usize>(rowsMost * outWidth) << 4); // [panels][pixels][8]
  const rowFloats = width * channels;
  const outPixel = <usize>outChannels << 2;
  memory.fill(sums, 0, sumsBytes);

  const rowsAll = batch * outHeight;
  for (let row = 0; row < rowsAll; row += rowsMost) {
    const rows = min(rowsMost, rowsAll - row);
    const pixels = rows * outWidth;
    const from = dy + <usize>(row * outWidth) * outPixel;
    for (let panel = 0; panel < panels; panel++) {
      packColumns(
        from + (<usize>panel << 5), outPixel, pixels, min(8, outChannels - (panel << 3)),
        gradients + (<usize>(panel * pixels) << 5),
      );
    }
    let tile = sums;
    for (let r = 0; r < kernelHeight; r++) {
      for (let quad = 0; quad < tilesOfRow; quad++) {
        let image = row / outHeight, outY = row % outHeight;
        let to = windows;
        for (let k = 0; k < rows; k++) {
          const y = outY * stride + r - padTop;
          const at = <u32>y < <u32>height ? x + (<usize>((image * height + y) * rowFloats) << 2) : 0;
          packRow(at, (quad << 2) - padLeft * channels, stride * channels, rowFloats, outWidth, to);
          to += <usize>outWidth << 4;
          if (++outY == outHeight) {
            outY = 0;
            image++;
          }
        }
        for (let panel = 0; panel < panels; panel++) {
          multiplyTile(windows, gradients + (<usize>(panel * pixels) << 5), pixels, tile, true);
          tile += 128;
        }
      }
    }
  }

  for (let r = 0; r < kernelHeight; r++) {
    for (let index = 0; index < segment; index++) {
      const tile = (r * tilesOfRow + (index >> 2)) * panels;
      const from = sums + (<usize>tile << 7) + (<usize>(index & 3) << 5);
      for (let column = 0; column < outChannels; column++) {
        store<f32>(dfilter, load<f32>(from + (<usize>(column >> 3) << 7) + (<usize>(column & 7) << 2)));
        dfilter += 4;
      }
    }
  }
}
