/** Matrix products with either operand transposed, over packed tiles (tile.ts). */
import {interleave4, packColumns, packTransposed, storeTile} from './tile';

/** Bytes of packed rows of the left operand that are held while all columns are computed from them. */
const BLOCK_BYTES: usize = 131072;
const BLOCK_TILES: i32 = 256;

export function matMulScratch(depth: i32, columns: i32): usize {
  const panels = <usize>((columns + 7) >> 3) * ((<usize>depth + 1) << 5);
  return panels + (<usize>BLOCK_TILES << 4) + max(BLOCK_BYTES, <usize>depth << 4);
}

/** c [rows, columns] = a [rows, depth] b [depth, columns]; a transposed operand is stored [depth, rows], [columns, depth]. */
export function matMul(
  a: usize, b: usize, c: usize, scratch: usize,
  rows: i32, depth: i32, columns: i32, transposeA: bool, transposeB: bool,
): void {
  const panelBytes = (<usize>depth + 1) << 5, tileBytes = <usize>depth << 4;
  const tilesMost = max(1, min(BLOCK_TILES, <i32>(BLOCK_BYTES / max(16, tileBytes))));
  const addresses = scratch + <usize>((columns + 7) >> 3) * panelBytes;
  const block = addresses + (<usize>BLOCK_TILES << 4);
  let panel = scratch;
  for (let column = 0; column < columns; column += 8) {
    const count = min(8, columns - column);
    v128.store(panel, f32x4.splat(0));
    v128.store(panel, f32x4.splat(0), 16);
    if (transposeB) packTransposed(b + (<usize>(column * depth) << 2), <usize>depth << 2, depth, count, panel + 32);
    else packColumns(b + (<usize>column << 2), <usize>columns << 2, depth, count, panel + 32);
    panel += panelBytes;
  }
  for (let row = 0; row < rows; row += tilesMost << 2) {
    const tiles = min(tilesMost, (rows - row + 3) >> 2);
    for (let tile = 0; tile < tiles; tile++) {
      const first = row + (tile << 2), last = rows - 1;
      const to = block + <usize>tile * tileBytes;
      // The last tile repeats the last row: it stores the same values twice.
      const r1 = min(first + 1, last), r2 = min(first + 2, last), r3 = min(first + 3, last);
      if (transposeA) packQuads(a + (<usize>first << 2), <usize>rows << 2, depth, r1 - first, r2 - first, r3 - first, to);
      else {
        const stride = <usize>depth << 2;
        interleave4(
          a + <usize>first * stride, a + <usize>r1 * stride, a + <usize>r2 * stride, a + <usize>r3 * stride, depth, to,
        );
      }
      const table = addresses + (<usize>tile << 4), line = <usize>columns << 2;
      store<usize>(table, c + <usize>first * line);
      store<usize>(table, c + <usize>r1 * line, 4);
      store<usize>(table, c + <usize>r2 * line, 8);
      store<usize>(table, c + <usize>r3 * line, 12);
    }
    panel = scratch;
    for (let column = 0; column < columns; column += 8) {
      for (let tile = 0; tile < tiles; tile++) {
        storeTile(
          block + <usize>tile * tileBytes, panel, depth, addresses + (<usize>tile << 4), <usize>column << 2,
          min(8, columns - column), 1,
        );
      }
      panel += panelBytes;
    }
  }
}

/** Four columns (this one and those at three distances) of a matrix with rows of `stride` bytes, as [depth][4]. */
function packQuads(from: usize, stride: usize, depth: i32, d1: i32, d2: i32, d3: i32, to: usize): void {
  const whole = d3 == 3;
  for (let k = 0; k < depth; k++) {
    if (whole) v128.store(to, v128.load(from));
    else {
      store<f32>(to, load<f32>(from));
      store<f32>(to, load<f32>(from + (<usize>d1 << 2)), 4);
      store<f32>(to, load<f32>(from + (<usize>d2 << 2)), 8);
      store<f32>(to, load<f32>(from + (<usize>d3 << 2)), 12);
    }
    from += stride;
    to += 16;
  }
}
