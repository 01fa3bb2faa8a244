/** Windows of pixels as the packed rows of a tile. */
import {interleave4} from './tile';

/**
 * Packs the windows of four pixels as [depth][4].
 *
 * @param lanes for each pixel the address of its window's origin, and the origin's row and column (may be outside)
 * @param zeros `channels` zeros, read wherever a window is outside of the image
 */
export function packWindows(
  lanes: usize, kernelHeight: i32, kernelWidth: i32, channels: i32, height: i32, width: i32, zeros: usize, to: usize,
): void {
  const o0 = load<usize>(lanes), o1 = load<usize>(lanes, 12), o2 = load<usize>(lanes, 24), o3 = load<usize>(lanes, 36);
  const y0 = load<i32>(lanes, 4), y1 = load<i32>(lanes, 16), y2 = load<i32>(lanes, 28), y3 = load<i32>(lanes, 40);
  const x0 = load<i32>(lanes, 8), x1 = load<i32>(lanes, 20), x2 = load<i32>(lanes, 32), x3 = load<i32>(lanes, 44);
  const pixel = <usize>channels << 2;
  const last = width - kernelWidth;
  const inside = x0 >= 0 && x1 >= 0 && x2 >= 0 && x3 >= 0 && x0 <= last && x1 <= last && x2 <= last && x3 <= last;
  for (let r = 0; r < kernelHeight; r++) {
    const row = <usize>r * <usize>width * pixel;
    const in0 = <u32>(y0 + r) < <u32>height, in1 = <u32>(y1 + r) < <u32>height;
    const in2 = <u32>(y2 + r) < <u32>height, in3 = <u32>(y3 + r) < <u32>height;
    if (inside && in0 && in1 && in2 && in3) {
      interleave4(o0 + row, o1 + row, o2 + row, o3 + row, kernelWidth * channels, to);
      to += <usize>kernelWidth * (pixel << 2);
      continue;
    }
    for (let s = 0; s < kernelWidth; s++) {
      const at = row + <usize>s * pixel;
      interleave4(
        in0 && <u32>(x0 + s) < <u32>width ? o0 + at : zeros,
        in1 && <u32>(x1 + s) < <u32>width ? o1 + at : zeros,
        in2 && <u32>(x2 + s) < <u32>width ? o2 + at : zeros,
        in3 && <u32>(x3 + s) < <u32>width ? o3 + at : zeros,
        channels, to,
      );
      to += pixel << 2;
    }
  }
}
