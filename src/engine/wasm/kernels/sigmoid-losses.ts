/**
 * Sums of sigmoid losses over [examples, C] from integer labels, without one-hot targets, and their gradients.
 *
 * Both losses are functions of v = z for the classes that an example is not and v = -z for the one it is:
 *
 *     cross-entropy = softplus(v),             d/dv = sigmoid(v)
 *     focal = alpha_t sigmoid(v)^gamma softplus(v),
 *                                              d/dv = alpha_t sigmoid(v)^gamma (gamma sigmoid(-v) softplus(v) + sigmoid(v))
 *
 * and both come from e = e^-|v| in (0, 1]: softplus(v) = max(v, 0) + log1p(e), sigmoid(-|v|) = e / (1 + e).
 */
import {loadPart, storePart} from './vector';

/**
 * e^x for x <= 0, to 2 units in the last place; x below -87 counts as -87 (1.6e-38).
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2, ln 2 in two parts so that n times the first is exact; the Taylor series of e^r
 * to r^7 / 7! leaves 5e-9.
 */
// @ts-ignore: decorator
@inline
function exponential(x: v128): v128 {
  x = f32x4.max(x, f32x4.splat(-87));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504)));
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let p = f32x4.splat(1.0 / 5040.0);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0 / 720.0));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0 / 120.0));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0 / 24.0));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0 / 6.0));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(0.5));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(p, power);
}

/**
 * log(1 + e) for 0 <= e <= 1, with a small relative error even where e is tiny.
 *
 * 1 + e = (1 + s) / (1 - s) for s = e / (2 + e) <= 1/3, so log(1 + e) = 2 (s + s^3/3 + s^5/5 + ...); the terms to
 * s^15 leave 2 (1/3)^17 / 17 / (1 - 1/9) = 1e-9.
 */
// @ts-ignore: decorator
@inline
function logOnePlus(e: v128): v128 {
  const s = f32x4.div(e, f32x4.add(e, f32x4.splat(2)));
  const q = f32x4.mul(s, s);
  let p = f32x4.splat(2.0 / 15.0);
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(2.0 / 13.0));
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(2.0 / 11.0));
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(2.0 / 9.0));
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(2.0 / 7.0));
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(2.0 / 5.0));
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(2.0 / 3.0));
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(2.0));
  return f32x4.mul(p, s);
}

/** sigmoid(v) from e = e^-|v|: 1 / (1 + e) for v >= 0, e / (1 + e) below. */
// @ts-ignore: decorator
@inline
function sigmoid(v: v128, e: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(v128.bitselect(e, one, f32x4.lt(v, f32x4.splat(0))), f32x4.add(one, e));
}

/** sigmoid(v)^gamma from e: a square for the usual gamma, else e^(-gamma softplus(-v)), which takes no logarithm of 0. */
// @ts-ignore: decorator
@inline
function modulation(v: v128, e: v128, gamma: f32): v128 {
  if (gamma == 2) {
    const p = sigmoid(v, e);
    return f32x4.mul(p, p);
  }
  const softplus = f32x4.add(f32x4.max(f32x4.neg(v), f32x4.splat(0)), logOnePlus(e));
  return exponential(f32x4.mul(f32x4.splat(-gamma), softplus));
}

/** All ones in the lanes that exist. */
// @ts-ignore: decorator
@inline
function existing(count: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count));
}

/** All ones in the lane of the example's class, if it is among the classes c .. c + 3. */
// @ts-ignore: decorator
@inline
function ofClass(label: i32, c: i32): v128 {
  return i32x4.eq(i32x4(0, 1, 2, 3), i32x4.splat(label - 1 - c));
}

/** Sum of weight * softplus(v); with `focal` every term is multiplied by alpha_t sigmoid(v)^gamma. */
// @ts-ignore: decorator
@inline
function lossSum(
  logits: usize, labels: usize, weights: usize, examples: i32, classes: i32, focal: bool, alpha: f32, gamma: f32,
): f64 {
  const zero = f32x4.splat(0), sign = i32x4.splat(<i32>0x80000000);
  let total: f64 = 0;
  for (let example: usize = 0; example < <usize>examples; example++) {
    const label = load<i32>(labels + (example << 2));
    const weight = load<f32>(weights + (example << 2));
    if (label < 0 || weight == 0) {
      logits += <usize>classes << 2;
      continue;
    }
    let sum = zero;
    for (let c = 0; c < classes; c += 4) {
      const count = classes - c;
      const hit = ofClass(label, c);
      const v = v128.xor(loadPart(logits, count), v128.and(hit, sign));
      const e = exponential(f32x4.neg(f32x4.abs(v)));
      let loss = f32x4.add(f32x4.max(v, zero), logOnePlus(e));
      if (focal) {
        const alphas = v128.bitselect(f32x4.splat(alpha), f32x4.splat(1 - alpha), hit);
        loss = f32x4.mul(loss, f32x4.mul(alphas, modulation(v, e, gamma)));
      }
      sum = f32x4.add(sum, count < 4 ? v128.and(loss, existing(count)) : loss);
      logits += <usize>min(4, count) << 2;
    }
    const halves = f32x4.add(sum, v128.shuffle<f32>(sum, sum, 2, 3, 0, 1));
    total += <f64>weight * <f64>(f32x4.extract_lane(halves, 0) + f32x4.extract_lane(halves, 1));
  }
  return total;
}

/** dlogits = dy * weight * d loss / dv, with the sign of v in z. */
// @ts-ignore: decorator
@inline
function lossGradient(
  dy: f32, logits: usize, labels: usize, weights: usize, dlogits: usize, examples: i32, classes: i32,
  focal: bool, alpha: f32, gamma: f32,
): void {
  const zero = f32x4.splat(0), sign = i32x4.splat(<i32>0x80000000);
  const row = <usize>classes << 2;
  for (let example: usize = 0; example < <usize>examples; example++) {
    const label = load<i32>(labels + (example << 2));
    const weight = load<f32>(weights + (example << 2));
    if (label < 0 || weight == 0) {
      memory.fill(dlogits, 0, row);
      logits += row;
      dlogits += row;
      continue;
    }
    const scale = f32x4.splat(dy * weight);
    for (let c = 0; c < classes; c += 4) {
      const count = classes - c;
      const hit = ofClass(label, c);
      const flip = v128.and(hit, sign);
      const v = v128.xor(loadPart(logits, count), flip);
      const e = exponential(f32x4.neg(f32x4.abs(v)));
      let slope = sigmoid(v, e);
      if (focal) {
        const softplus = f32x4.add(f32x4.max(v, zero), logOnePlus(e));
        const rest = f32x4.mul(f32x4.splat(gamma), f32x4.mul(sigmoid(f32x4.neg(v), e), softplus));
        const alphas = v128.bitselect(f32x4.splat(alpha), f32x4.splat(1 - alpha), hit);
        slope = f32x4.mul(f32x4.mul(alphas, modulation(v, e, gamma)), f32x4.add(rest, slope));
      }
      storePart(dlogits, v128.xor(f32x4.mul(scale, slope), flip), count);
      const step = <usize>min(4, count) << 2;
      logits += step;
      dlogits += step;
    }
  }
}

export function sigmoidCrossEntropy(logits: usize, labels: usize, weights: usize, examples: i32, classes: i32): f64 {
  return lossSum(logits, labels, weights, examples, classes, false, 0, 0);
}

export function sigmoidCrossEntropyGradient(
  dy: usize, logits: usize, labels: usize, weights: usize, dlogits: usize, examples: i32, classes: i32,
): void {
  lossGradient(load<f32>(dy), logits, labels, weights, dlogits, examples, classes, false, 0, 0);
}

export function sigmoidFocal(
  logits: usize, labels: usize, weights: usize, examples: i32, classes: i32, alpha: f32, gamma: f32,
): f64 {
  return lossSum(logits, labels, weights, examples, classes, true, alpha, gamma);
}

export function sigmoidFocalGradient(
  dy: usize, logits: usize, labels: usize, weights: usize, dlogits: usize, examples: i32, classes: i32,
  alpha: f32, gamma: f32,
): void {
  lossGradient(load<f32>(dy), logits, labels, weights, dlogits, examples, classes, true, alpha, gamma);
}
