/** Rows of a matrix by index, and their sum back into a matrix. */

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
