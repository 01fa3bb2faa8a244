/**
 * Group normalisation of NHWC tensors and its gradient (the formulas are in ops/group-norm.ts). Statistics are taken per
 * channel first, eight channels at a time down the pixels, and joined to groups in double precision.
 */
import {leakyRelu} from './tile';

/** Pixels that are summed in float32 before the sum goes to a double. */
const BLOCK_PIXELS: i32 = 128;

/** Bytes of scratch of both directions: four doubles and five floats a channel. */
export function groupNormScratch(channels: i32): usize {
  return <usize>channels * 52 + 16;
}

/** Adds the lanes of `sum` to four doubles. */
// @ts-ignore: decorator
@inline
function addToDoubles(at: usize, sum: v128): void {
  v128.store(at, f64x2.add(v128.load(at), f64x2.promote_low_f32x4(sum)));
  const upper = f64x2.promote_low_f32x4(v128.shuffle<f32>(sum, sum, 2, 3, 2, 3));
  v128.store(at, f64x2.add(v128.load(at, 16), upper), 16);
}

/**
 * Per channel the sums of x - x0 and (x - x0)^2 with x0 the channel's first pixel: the shift keeps the difference of
 * squares, from which the variance comes, free of cancellation.
 */
function momentsOfChannels(x: usize, pixels: i32, channels: i32, sums: usize, squares: usize): void {
  const stride = <usize>channels << 2;
  memory.fill(sums, 0, <usize>channels << 3);
  memory.fill(squares, 0, <usize>channels << 3);
  for (let pixel = 0; pixel < pixels; pixel += BLOCK_PIXELS) {
    const from = x + <usize>pixel * stride;
    const end = from + <usize>min(BLOCK_PIXELS, pixels - pixel) * stride;
    let channel: usize = 0;
    for (; channel + 8 <= <usize>channels; channel += 8) {
      const shift0 = v128.load(x + (channel << 2)), shift1 = v128.load(x + (channel << 2), 16);
      let sum0 = f32x4.splat(0), sum1 = f32x4.splat(0), square0 = f32x4.splat(0), square1 = f32x4.splat(0);
      for (let at = from + (channel << 2); at < end; at += stride) {
        const d0 = f32x4.sub(v128.load(at), shift0), d1 = f32x4.sub(v128.load(at, 16), shift1);
        sum0 = f32x4.add(sum0, d0);
        sum1 = f32x4.add(sum1, d1);
        square0 = f32x4.add(square0, f32x4.mul(d0, d0));
        square1 = f32x4.add(square1, f32x4.mul(d1, d1));
      }
      addToDoubles(sums + (channel << 3), sum0);
      addToDoubles(sums + (channel << 3) + 32, sum1);
      addToDoubles(squares + (channel << 3), square0);
      addToDoubles(squares + (channel << 3) + 32, square1);
    }
    for (; channel < <usize>channels; channel++) {
      const shift = load<f32>(x + (channel << 2));
      let sum: f64 = 0, square: f64 = 0;
      for (let at = from + (channel << 2); at < end; at += stride) {
        const d = <f64>(load<f32>(at) - shift);
        sum += d;
        square += d * d;
      }
      store<f64>(sums + (channel << 3), load<f64>(sums + (channel << 3)) + sum);
      store<f64>(squares + (channel << 3), load<f64>(squares + (channel << 3)) + square);
    }
  }
}

/** y = x scale + shift has scale = gamma inverse and shift = beta - mean scale; both directions compute them alike. */
function affineOfChannels(
  gamma: usize, beta: usize, mean: usize, inverse: usize, channels: i32, groups: i32, scales: usize, shifts: usize,
): void {
  const channelsOfGroup = channels / groups;
  for (let channel = 0; channel < channels; channel++) {
    const group = <usize>(channel / channelsOfGroup) << 2, at = <usize>channel << 2;
    const scale = load<f32>(gamma + at) * load<f32>(inverse + group);
    store<f32>(scales + at, scale);
    store<f32>(shifts + at, load<f32>(beta + at) - load<f32>(mean + group) * scale);
  }
}

/** y [B, pixels, C], mean and inverse [B, groups] from x [B, pixels, C], gamma [C], beta [C]. */
export function groupNorm(
  x: usize, gamma: usize, beta: usize, y: usize, mean: usize, inverse: usize, scratch: usize,
  batch: i32, pixels: i32, channels: i32, groups: i32, epsilon: f64, slope: f32,
): void {
  const sums = scratch, squares = sums + (<usize>channels << 3);
  const scales = squares + (<usize>channels << 3), shifts = scales + (<usize>channels << 2);
  const channelsOfGroup = channels / groups;
  const row = <usize>channels << 2, image = <usize>pixels * row;
  for (let b = 0; b < batch; b++) {
    momentsOfChannels(x, pixels, channels, sums, squares);
    for (let group = 0; group < groups; group++) {
      const first = group * channelsOfGroup;
      let groupMean: f64 = 0;
      for (let channel = first; channel < first + channelsOfGroup; channel++) {
        groupMean += <f64>load<f32>(x + (<usize>channel << 2)) + load<f64>(sums + (<usize>channel << 3)) / <f64>pixels;
      }
      groupMean /= <f64>channelsOfGroup;
      let variance: f64 = 0;
      for (let channel = first; channel < first + channelsOfGroup; channel++) {
        const offset = load<f64>(sums + (<usize>channel << 3)) / <f64>pixels;
        const distance = <f64>load<f32>(x + (<usize>channel << 2)) + offset - groupMean;
        variance += load<f64>(squares + (<usize>channel << 3)) / <f64>pixels - offset * offset + distance * distance;
      }
      variance /= <f64>channelsOfGroup;
      store<f32>(mean + (<usize>group << 2), <f32>groupMean);
      store<f32>(inverse + (<usize>group << 2), <f32>(1 / Math.sqrt(max(variance, 0) + epsilon)));
    }
    affineOfChannels(gamma, beta, mean, inverse, channels, groups, scales, shifts);
    normalise(x, y, image, row, scales, shifts, slope);
    x += image;
    y += image;
    mean += <usize>groups << 2;
    inverse += <usize>groups << 2;
  }
}

/** y = leaky ReLU of x scale + shift over the pixels of an image; all lengths in bytes. */
function normalise(
  x: usize, y: usize, image: usize, row: usize, scales: usize, shifts: usize, slope: f32,
): void {
  const vectors = row & ~15;
  for (const end = x + image; x < end; x += row, y += row) {
    let c: usize = 0;
    for (; c < vectors; c += 16) {
      const value = f32x4.add(f32x4.mul(v128.load(x + c), v128.load(scales + c)), v128.load(shifts + c));
      v128.store(y + c, leakyRelu(value, slope));
    }
    for (; c < row; c += 4) {
      const value = load<f32>(x + c) * load<f32>(scales + c) + load<f32>(shifts + c);
      store<f32>(y + c, value < 0 ? (slope == 0 ? 0 : slope * value) : value);
    }
  }
}

/**
 * dx, dgamma and dbeta. dx = inverse (gamma dz - <gamma dz> - xhat <gamma dz xhat>) is computed as slope dz + pull x + offset
 * with a slope per channel and pull = -inverse^2 <gamma dz xhat>, offset = -inverse <gamma dz> - pull mean per group.
 */
export function groupNormGradient(
  dy: usize, x: usize, gamma: usize, beta: usize, mean: usize, inverse: usize,
  dx: usize, dgamma: usize, dbeta: usize, scratch: usize,
  batch: i32, pixels: i32, channels: i32, groups: i32, slope: f32,
): void {
  const doubles = <usize>channels << 3, floats = <usize>channels << 2;
  const sums = scratch, products = sums + doubles, allSums = products + doubles, allProducts = allSums + doubles;
  const scales = allProducts + doubles, shifts = scales + floats;
  const slopes = shifts + floats, pulls = slopes + floats, offsets = pulls + floats;
  const channelsOfGroup = channels / groups;
  const row = <usize>channels << 2, image = <usize>pixels * row;
  const count = <f64>pixels * <f64>channelsOfGroup;
  memory.fill(allSums, 0, doubles << 1);
  for (let b = 0; b < batch; b++) {
    affineOfChannels(gamma, beta, mean, inverse, channels, groups, scales, shifts);
    // The means per channel, where the pulls go later.
    for (let channel = 0; channel < channels; channel++) {
      store<f32>(pulls + (<usize>channel << 2), load<f32>(mean + (<usize>(channel / channelsOfGroup) << 2)));
    }
    sumsOfChannels(dy, x, pixels, channels, scales, shifts, pulls, slope, sums, products);
    for (let group = 0; group < groups; group++) {
      const first = group * channelsOfGroup;
      const groupInverse = <f64>load<f32>(inverse + (<usize>group << 2));
      let meanG: f64 = 0, meanProduct: f64 = 0;
      for (let channel = <usize>first; channel < <usize>(first + channelsOfGroup); channel++) {
        const sum = load<f64>(sums + (channel << 3)), product = load<f64>(products + (channel << 3)) * groupInverse;
        store<f64>(allSums + (channel << 3), load<f64>(allSums + (channel << 3)) + sum);
        store<f64>(allProducts + (channel << 3), load<f64>(allProducts + (channel << 3)) + product);
        const multiplier = <f64>load<f32>(gamma + (channel << 2));
        meanG += multiplier * sum;
        meanProduct += multiplier * product;
      }
      const pull = (-groupInverse * groupInverse * meanProduct) / count;
      const offset = (-groupInverse * meanG) / count - pull * <f64>load<f32>(mean + (<usize>group << 2));
      for (let channel = <usize>first; channel < <usize>(first + channelsOfGroup); channel++) {
        store<f32>(slopes + (channel << 2), load<f32>(scales + (channel << 2)));
        store<f32>(pulls + (channel << 2), <f32>pull);
        store<f32>(offsets + (channel << 2), <f32>offset);
      }
    }
    inputGradient(dy, x, dx, image, row, scales, shifts, slopes, pulls, offsets, slope);
    dy += image;
    x += image;
    dx += image;
    mean += <usize>groups << 2;
    inverse += <usize>groups << 2;
  }
  for (let channel: usize = 0; channel < <usize>channels; channel++) {
    store<f32>(dbeta + (channel << 2), <f32>load<f64>(allSums + (channel << 3)));
    store<f32>(dgamma + (channel << 2), <f32>load<f64>(allProducts + (channel << 3)));
  }
}

/** dz = dy where x scale + shift > 0, else slope dy. */
// @ts-ignore: decorator
@inline
function masked(dy: v128, x: v128, scale: v128, shift: v128, slope: f32): v128 {
  if (slope == 1) return dy;
  const above = f32x4.gt(f32x4.add(f32x4.mul(x, scale), shift), f32x4.splat(0));
  return f32x4.mul(dy, v128.bitselect(f32x4.splat(1), f32x4.splat(slope), above));
}

/** Per channel the sums of dz and of dz (x - mean). */
function sumsOfChannels(
  dy: usize, x: usize, pixels: i32, channels: i32,
  scales: usize, shifts: usize, means: usize, slope: f32, sums: usize, products: usize,
): void {
  const stride = <usize>channels << 2;
  memory.fill(sums, 0, <usize>channels << 3);
  memory.fill(products, 0, <usize>channels << 3);
  for (let pixel = 0; pixel < pixels; pixel += BLOCK_PIXELS) {
    const first = <usize>pixel * stride;
    const end = x + first + <usize>min(BLOCK_PIXELS, pixels - pixel) * stride;
    let channel: usize = 0;
    for (; channel + 8 <= <usize>channels; channel += 8) {
      const c = channel << 2;
      const scale0 = v128.load(scales + c), scale1 = v128.load(scales + c, 16);
      const shift0 = v128.load(shifts + c), shift1 = v128.load(shifts + c, 16);
      const mean0 = v128.load(means + c), mean1 = v128.load(means + c, 16);
      let sum0 = f32x4.splat(0), sum1 = f32x4.splat(0), product0 = f32x4.splat(0), product1 = f32x4.splat(0);
      let gradient = dy + first + c;
      for (let at = x + first + c; at < end; at += stride) {
        const x0 = v128.load(at), x1 = v128.load(at, 16);
        const d0 = masked(v128.load(gradient), x0, scale0, shift0, slope);
        const d1 = masked(v128.load(gradient, 16), x1, scale1, shift1, slope);
        sum0 = f32x4.add(sum0, d0);
        sum1 = f32x4.add(sum1, d1);
        product0 = f32x4.add(product0, f32x4.mul(d0, f32x4.sub(x0, mean0)));
        product1 = f32x4.add(product1, f32x4.mul(d1, f32x4.sub(x1, mean1)));
        gradient += stride;
      }
      addToDoubles(sums + (channel << 3), sum0);
      addToDoubles(sums + (channel << 3) + 32, sum1);
      addToDoubles(products + (channel << 3), product0);
      addToDoubles(products + (channel << 3) + 32, product1);
    }
    for (; channel < <usize>channels; channel++) {
      const c = channel << 2;
      const scale = load<f32>(scales + c), shift = load<f32>(shifts + c), mean = load<f32>(means + c);
      let sum: f64 = 0, product: f64 = 0;
      let gradient = dy + first + c;
      for (let at = x + first + c; at < end; at += stride) {
        const value = load<f32>(at);
        const d = <f64>(load<f32>(gradient) * (value * scale + shift > 0 ? <f32>1 : slope));
        sum += d;
        product += d * <f64>(value - mean);
        gradient += stride;
      }
      store<f64>(sums + (channel << 3), load<f64>(sums + (channel << 3)) + sum);
      store<f64>(products + (channel << 3), load<f64>(products + (channel << 3)) + product);
    }
  }
}

/** dx = slope dz + pull x + offset over the pixels of an image. */
function inputGradient(
  dy: usize, x: usize, dx: usize, image: usize, row: usize,
  scales: usize, shifts: usize, slopes: usize, pulls: usize, offsets: usize, slope: f32,
): void {
  const vectors = row & ~15;
  for (const end = x + image; x < end; x += row, dy += row, dx += row) {
    let c: usize = 0;
    for (; c < vectors; c += 16) {
      const value = v128.load(x + c);
      const dz = masked(v128.load(dy + c), value, v128.load(scales + c), v128.load(shifts + c), slope);
      const rest = f32x4.add(f32x4.mul(v128.load(pulls + c), value), v128.load(offsets + c));
      v128.store(dx + c, f32x4.add(f32x4.mul(v128.load(slopes + c), dz), rest));
    }
    for (; c < row; c += 4) {
      const value = load<f32>(x + c);
      const above = value * load<f32>(scales + c) + load<f32>(shifts + c) > 0;
      const dz = load<f32>(dy + c) * (above ? <f32>1 : slope);
      store<f32>(dx + c, load<f32>(slopes + c) * dz + (load<f32>(pulls + c) * value + load<f32>(offsets + c)));
    }
  }
}
