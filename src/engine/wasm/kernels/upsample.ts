/** Nearest-neighbour upsampling by two of NHWC tensors, its sum with another map, and its gradient. */

/** y [B, 2H, 2W, C] = upsampled x [B, H, W, C], plus lateral [B, 2H, 2W, C] unless that is 0. */
export function upsample(x: usize, lateral: usize, y: usize, rows: i32, width: i32, channels: i32): void {
  const pixel = <usize>channels << 2, vectors = pixel & ~15, outRow = (<usize>width * pixel) << 1;
  // Rows of all images follow one another, in the input and, doubled, in the output.
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      let c: usize = 0;
      if (lateral == 0) {
        memory.copy(y, x, pixel);
        memory.copy(y + pixel, x, pixel);
      } else {
        for (; c < vectors; c += 16) {
          const value = v128.load(x + c);
          v128.store(y + c, f32x4.add(value, v128.load(lateral + c)));
          v128.store(y + pixel + c, f32x4.add(value, v128.load(lateral + pixel + c)));
          v128.store(y + outRow + c, f32x4.add(value, v128.load(lateral + outRow + c)));
          v128.store(y + outRow + pixel + c, f32x4.add(value, v128.load(lateral + outRow + pixel + c)));
        }
        for (; c < pixel; c += 4) {
          const value = load<f32>(x + c);
          store<f32>(y + c, value + load<f32>(lateral + c));
          store<f32>(y + pixel + c, value + load<f32>(lateral + pixel + c));
          store<f32>(y + outRow + c, value + load<f32>(lateral + outRow + c));
          store<f32>(y + outRow + pixel + c, value + load<f32>(lateral + outRow + pixel + c));
        }
        lateral += pixel << 1;
      }
      x += pixel;
      y += pixel << 1;
    }
    if (lateral == 0) memory.copy(y, y - outRow, outRow);
    else lateral += outRow;
    y += outRow;
  }
}

/** dx [B, H, W, C]: the sum of the four copies in dy [B, 2H, 2W, C]. */
export function upsampleGradient(dy: usize, dx: usize, rows: i32, width: i32, channels: i32): void {
  const pixel = <usize>channels << 2, vectors = pixel & ~15, outRow = (<usize>width * pixel) << 1;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      const below = dy + outRow;
      let c: usize = 0;
      for (; c < vectors; c += 16) {
        const upper = f32x4.add(v128.load(dy + c), v128.load(dy + pixel + c));
        v128.store(dx + c, f32x4.add(upper, f32x4.add(v128.load(below + c), v128.load(below + pixel + c))));
      }
      for (; c < pixel; c += 4) {
        const upper = load<f32>(dy + c) + load<f32>(dy + pixel + c);
        store<f32>(dx + c, upper + (load<f32>(below + c) + load<f32>(below + pixel + c)));
      }
      dx += pixel;
      dy += pixel << 1;
    }
    dy += outRow;
  }
}
