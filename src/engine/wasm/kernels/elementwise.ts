/** Passes over one or two tensors: ReLU's gradient, the residual join, the bias gradient, the SGD step, the squared norm. */
import {leakyRelu} from './tile';

/** y = leaky ReLU of a + b over n floats. */
export function addRelu(a: usize, b: usize, y: usize, n: i32, slope: f32): void {
  const end = y + (<usize>n << 2), vectors = y + (<usize>(n & ~3) << 2);
  while (y < vectors) {
    v128.store(y, leakyRelu(f32x4.add(v128.load(a), v128.load(b)), slope));
    a += 16; b += 16; y += 16;
  }
  while (y < end) {
    const sum = load<f32>(a) + load<f32>(b);
    store<f32>(y, sum < 0 ? (slope == 0 ? 0 : slope * sum) : sum);
    a += 4; b += 4; y += 4;
  }
}

/** dx = dy where y > 0, else slope dy, over n floats. */
export function reluGradient(dy: usize, y: usize, dx: usize, n: i32, slope: f32): void {
  const zero = f32x4.splat(0), one = f32x4.splat(1), below = f32x4.splat(slope);
  const end = dx + (<usize>n << 2), vectors = dx + (<usize>(n & ~3) << 2);
  while (dx < vectors) {
    const factor = v128.bitselect(one, below, f32x4.gt(v128.load(y), zero));
    v128.store(dx, f32x4.mul(v128.load(dy), factor));
    dy += 16; y += 16; dx += 16;
  }
  while (dx < end) {
    store<f32>(dx, load<f32>(dy) * (load<f32>(y) > 0 ? <f32>1 : slope));
    dy += 4; y += 4; dx += 4;
  }
}

/** Rows that are summed before the sum is added to the total: keeps float32 exact enough and the rows in cache. */
const BLOCK_ROWS: i32 = 128;

/** sums [columns] of x [rows, columns]. */
export function columnSums(x: usize, sums: usize, rows: i32, columns: i32): void {
  const stride = <usize>columns << 2;
  memory.fill(sums, 0, stride);
  for (let row = 0; row < rows; row += BLOCK_ROWS) {
    const from = x + <usize>row * stride;
    const end = from + <usize>min(BLOCK_ROWS, rows - row) * stride;
    let column = 0;
    for (; column + 8 <= columns; column += 8) {
      let low = f32x4.splat(0), high = f32x4.splat(0);
      const offset = <usize>column << 2;
      for (let at = from + offset; at < end; at += stride) {
        low = f32x4.add(low, v128.load(at));
        high = f32x4.add(high, v128.load(at, 16));
      }
      v128.store(sums + offset, f32x4.add(v128.load(sums + offset), low));
      v128.store(sums + offset, f32x4.add(v128.load(sums + offset, 16), high), 16);
    }
    for (; column < columns; column++) {
      let sum: f32 = 0;
      const offset = <usize>column << 2;
      for (let at = from + offset; at < end; at += stride) sum += load<f32>(at);
      store<f32>(sums + offset, load<f32>(sums + offset) + sum);
    }
  }
}

/** velocity' = momentum velocity + gradient + decay parameter; parameter' = parameter - lr velocity'. */
export function sgdUpdate(
  parameter: usize, gradient: usize, velocity: usize, nextParameter: usize, nextVelocity: usize,
  n: i32, lr: f32, momentum: f32, decay: f32,
): void {
  const lrs = f32x4.splat(lr), momenta = f32x4.splat(momentum), decays = f32x4.splat(decay);
  const size = <usize>n << 2, vectors = <usize>(n & ~3) << 2;
  let i: usize = 0;
  for (; i < vectors; i += 16) {
    const p = v128.load(parameter + i);
    const v = f32x4.add(
      f32x4.mul(momenta, v128.load(velocity + i)),
      f32x4.add(v128.load(gradient + i), f32x4.mul(decays, p)),
    );
    v128.store(nextVelocity + i, v);
    v128.store(nextParameter + i, f32x4.sub(p, f32x4.mul(lrs, v)));
  }
  for (; i < size; i += 4) {
    const p = load<f32>(parameter + i);
    const v = momentum * load<f32>(velocity + i) + (load<f32>(gradient + i) + decay * p);
    store<f32>(nextVelocity + i, v);
    store<f32>(nextParameter + i, p - lr * v);
  }
}

/** The sum of squares of n floats, in double precision. */
export function squaredNorm(x: usize, n: i32): f64 {
  let low = f64x2.splat(0), high = f64x2.splat(0);
  const end = x + (<usize>n << 2), vectors = x + (<usize>(n & ~3) << 2);
  while (x < vectors) {
    const a = v128.load(x);
    const first = f64x2.promote_low_f32x4(a);
    const second = f64x2.promote_low_f32x4(v128.shuffle<f32>(a, a, 2, 3, 2, 3));
    low = f64x2.add(low, f64x2.mul(first, first));
    high = f64x2.add(high, f64x2.mul(second, second));
    x += 16;
  }
  low = f64x2.add(low, high);
  let sum = f64x2.extract_lane(low, 0) + f64x2.extract_lane(low, 1);
  while (x < end) {
    const value = <f64>load<f32>(x);
    sum += value * value;
    x += 4;
  }
  return sum;
}
