/** Maximum pooling of NHWC tensors with explicit padding, and its gradient; `row` and `pixel` are lengths in bytes. */

/** y [B, H', W', C] from x [B, H, W, C]. */
export function maxPool(
  x: usize, y: usize, batch: i32, height: i32, width: i32, channels: i32,
  outHeight: i32, outWidth: i32, size: i32, stride: i32, padding: i32,
): void {
  const pixel = <usize>channels << 2, vectors = pixel & ~15;
  for (let b = 0; b < batch; b++) {
    const image = x + <usize>(b * height * width) * pixel;
    for (let i = 0; i < outHeight; i++) {
      const top = max(0, i * stride - padding), bottom = min(height, i * stride - padding + size);
      for (let j = 0; j < outWidth; j++) {
        const left = max(0, j * stride - padding), right = min(width, j * stride - padding + size);
        let c: usize = 0;
        for (; c < vectors; c += 16) {
          let most = f32x4.splat(-Infinity);
          for (let r = top; r < bottom; r++) {
            let at = image + <usize>(r * width + left) * pixel + c;
            for (let s = left; s < right; s++, at += pixel) most = f32x4.max(most, v128.load(at));
          }
          v128.store(y + c, most);
        }
        for (; c < pixel; c += 4) {
          let most: f32 = -Infinity;
          for (let r = top; r < bottom; r++) {
            let at = image + <usize>(r * width + left) * pixel + c;
            for (let s = left; s < right; s++, at += pixel) most = max(most, load<f32>(at));
          }
          store<f32>(y + c, most);
        }
        y += pixel;
      }
    }
  }
}

/** dx [B, H, W, C]: every dy goes to the first pixel of its window, in row-major order, that equals y. */
export function maxPoolGradient(
  dy: usize, x: usize, y: usize, dx: usize, batch: i32, height: i32, width: i32, channels: i32,
  outHeight: i32, outWidth: i32, size: i32, stride: i32, padding: i32,
): void {
  const pixel = <usize>channels << 2, vectors = pixel & ~15;
  memory.fill(dx, 0, <usize>(batch * height * width) * pixel);
  for (let b = 0; b < batch; b++) {
    const image = <usize>(b * height * width) * pixel;
    for (let i = 0; i < outHeight; i++) {
      const top = max(0, i * stride - padding), bottom = min(height, i * stride - padding + size);
      for (let j = 0; j < outWidth; j++) {
        const left = max(0, j * stride - padding), right = min(width, j * stride - padding + size);
        let c: usize = 0;
        for (; c < vectors; c += 16) {
          const most = v128.load(y + c);
          let rest = v128.load(dy + c);
          for (let r = top; r < bottom; r++) {
            let at = image + <usize>(r * width + left) * pixel + c;
            for (let s = left; s < right; s++, at += pixel) {
              const hit = f32x4.eq(v128.load(x + at), most);
              v128.store(dx + at, f32x4.add(v128.load(dx + at), v128.and(rest, hit)));
              rest = v128.andnot(rest, hit);
            }
          }
        }
        for (; c < pixel; c += 4) {
          const most = load<f32>(y + c);
          let found = false;
          for (let r = top; r < bottom && !found; r++) {
            let at = image + <usize>(r * width + left) * pixel + c;
            for (let s = left; s < right && !found; s++, at += pixel) {
              if (load<f32>(x + at) == most) {
                store<f32>(dx + at, load<f32>(dx + at) + load<f32>(dy + c));
                found = true;
              }
            }
          }
        }
        dy += pixel;
        y += pixel;
      }
    }
  }
}
