/** The last one to three floats of a row. */

/** Up to four floats; lanes that do not exist are 0. */
// @ts-ignore: decorator
@inline
export function loadPart(at: usize, count: i32): v128 {
  if (count >= 4) return v128.load(at);
  if (count <= 0) return f32x4.splat(0);
  let values = v128.load32_zero(at);
  if (count > 1) values = f32x4.replace_lane(values, 1, load<f32>(at, 4));
  if (count > 2) values = f32x4.replace_lane(values, 2, load<f32>(at, 8));
  return values;
}

// @ts-ignore: decorator
@inline
export function storePart(at: usize, values: v128, count: i32): void {
  if (count >= 4) {
    v128.store(at, values);
    return;
  }
  if (count > 0) v128.store_lane<f32>(at, values, 0);
  if (count > 1) v128.store_lane<f32>(at, values, 1, 4);
  if (count > 2) v128.store_lane<f32>(at, values, 2, 8);
}
