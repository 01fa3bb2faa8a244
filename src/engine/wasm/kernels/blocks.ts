/** Copies of equally long runs of bytes: what splitting and repeating tensors along an axis comes down to. */

/** `count` runs of `bytes`, with their own distances in source and target. */
export function copyBlocks(from: usize, fromStride: usize, to: usize, toStride: usize, bytes: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    memory.copy(to, from, bytes);
    from += fromStride;
    to += toStride;
  }
}

/** Each of `count` runs of `bytes`, `repetitions` times in a row. */
export function repeatBlocks(from: usize, to: usize, bytes: usize, count: i32, repetitions: i32): void {
  for (let i = 0; i < count; i++) {
    if (bytes == 4) {
      const value = load<u32>(from);
      for (let r = 0; r < repetitions; r++, to += 4) store<u32>(to, value);
    } else {
      for (let r = 0; r < repetitions; r++, to += bytes) memory.copy(to, from, bytes);
    }
    from += bytes;
  }
}
