/** Rows of a matrix by index and by sparse weights, and their sum back into a matrix. */

/** y [count, D] = x [rows, D] at the indices. @returns the first index out of range, else -1 */
export function gatherRows(x: usize, indices: usize, y: usize, count: i32, rows: i32, columns: i32): i32 {
  const row = <usize>columns << 2;
  for (let i = 0; i < count; i++) {
    const index = load<i32>(indices + (<usize>i << 2));
    if (<u32>index >= <u32>rows) return i;
    memory.copy(y, x + <usize>index * row, row);
    y += row;
  }
  return -1;
}

/** y [rows, D] = sums of the rows of x [count, D] at their indices; indices out of range are left out. */
export function scatterRows(x: usize, indices: usize, y: usize, count: i32, rows: i32, columns: i32): void {
  const row = <usize>columns << 2, vectors = row & ~15;
  memory.fill(y, 0, <usize>rows * row);
  for (let i = 0; i < count; i++, x += row) {
    const index = load<i32>(indices + (<usize>i << 2));
    if (<u32>index >= <u32>rows) continue;
    const to = y + <usize>index * row;
    let c: usize = 0;
    for (; c < vectors; c += 16) v128.store(to + c, f32x4.add(v128.load(to + c), v128.load(x + c)));
    for (; c < row; c += 4) store<f32>(to + c, load<f32>(to + c) + load<f32>(x + c));
  }
}

/**
 * y [count, D] of one source of a sparse matrix: the sums of weight x row over the elements starts[i] .. starts[i + 1] - 1
 * of each row i whose source it is. A column of -1 makes the row NaN.
 */
export function sparseRows(
  x: usize, source: i32, sources: usize, starts: usize, columns: usize, weights: usize, y: usize, count: i32, depth: i32,
): void {
  const row = <usize>depth << 2, vectors = row & ~15;
  for (let i = 0; i < count; i++, y += row) {
    const at = <usize>i << 2;
    if (load<i32>(sources + at) != source) continue;
    memory.fill(y, 0, row);
    for (let element = load<i32>(starts + at), end = load<i32>(starts + at, 4); element < end; element++) {
      const column = load<i32>(columns + (<usize>element << 2));
      if (column < 0) {
        for (let c: usize = 0; c < row; c += 4) store<f32>(y + c, NaN);
      } else {
        addScaled(y, x + <usize>column * row, load<f32>(weights + (<usize>element << 2)), vectors, row);
      }
    }
  }
}

/** dx [rows, D] = the transpose of that source's rows times dy [count, D]. */
export function sparseRowsTransposed(
  dy: usize, source: i32, sources: usize, starts: usize, columns: usize, weights: usize, dx: usize, count: i32, depth: i32,
  rows: i32,
): void {
  const row = <usize>depth << 2, vectors = row & ~15;
  memory.fill(dx, 0, <usize>rows * row);
  for (let i = 0; i < count; i++, dy += row) {
    const at = <usize>i << 2;
    if (load<i32>(sources + at) != source) continue;
    for (let element = load<i32>(starts + at), end = load<i32>(starts + at, 4); element < end; element++) {
      const column = load<i32>(columns + (<usize>element << 2));
      if (column < 0) continue;
      addScaled(dx + <usize>column * row, dy, load<f32>(weights + (<usize>element << 2)), vectors, row);
    }
  }
}

/** y += weight x over `row` bytes, the first `vectors` of them in steps of 16. */
// @ts-ignore: decorator
@inline
function addScaled(y: usize, x: usize, weight: f32, vectors: usize, row: usize): void {
  const factor = f32x4.splat(weight);
  let c: usize = 0;
  for (; c < vectors; c += 16) v128.store(y + c, f32x4.add(v128.load(y + c), f32x4.mul(factor, v128.load(x + c))));
  for (; c < row; c += 4) store<f32>(y + c, load<f32>(y + c) + weight * load<f32>(x + c));
}
