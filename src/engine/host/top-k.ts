/** The k largest of many values on typed arrays: what a pyramid level passes on to decoding and NMS. */

export type TopKOptions = {
  /** Only values above this are taken; default: all, and NaN counts as -Infinity. */
  readonly above?: number;
  /** Looks at positions start .. end - 1 only; default: all. */
  readonly start?: number;
  readonly end?: number;
};

/** More than k candidates are held before the weakest are thrown out, so that throwing out is rare. */
const SPARE = 1024;

/**
 * Positions of the `k` largest values by falling value, of equal values the first positions first. Fewer where there
 * are not so many. One pass: a value is held only if it exceeds the k-th largest of those seen at the last clearing.
 */
export function topK(values: Float32Array, k: number, options: TopKOptions = {}): Int32Array {
  const {above, start = 0, end = values.length} = options;
  const wanted = Math.min(k, end - start);
  if (!(wanted > 0)) return new Int32Array(0);
  const capacity = Math.min(end - start, 2 * wanted + SPARE);
  const positions = new Int32Array(capacity);
  const held = new Float32Array(capacity);
  let bound = above ?? Number.NEGATIVE_INFINITY;
  let count = 0;
  for (let position = start; position < end; position++) {
    const value = values[position]!;
    if (!(value > bound)) continue;
    if (count === capacity) {
      bound = keepLargest(held, positions, wanted);
      count = wanted;
      if (!(value > bound)) continue;
    }
    held[count] = value;
    positions[count++] = position;
  }
  if (count > wanted) {
    keepLargest(held.subarray(0, count), positions, wanted);
    count = wanted;
  }
  const found = positions
    .subarray(0, count)
    // The position breaks ties, also between two infinite values, whose difference is NaN.
    .sort((a, b) => values[b]! - values[a]! || a - b);
  return above === undefined && count < wanted ? withLowest(values, found, wanted, start) : found.slice();
}

/** Adds the first positions that hold -Infinity or NaN, until there are `wanted`. */
function withLowest(values: Float32Array, found: Int32Array, wanted: number, start: number): Int32Array {
  const all = new Int32Array(wanted);
  all.set(found);
  let count = found.length;
  for (let position = start; count < wanted; position++) {
    if (!(values[position]! > Number.NEGATIVE_INFINITY)) all[count++] = position;
  }
  return all;
}

/**
 * Moves the `k` largest of `held`, with their positions, to the front in the order they are in; of values equal to the
 * smallest kept one the first win. @returns that smallest one
 */
function keepLargest(held: Float32Array, positions: Int32Array, k: number): number {
  const bound = kthLargest(held.slice(), k);
  let above = 0;
  for (const value of held) if (value > bound) above++;
  let ties = k - above;
  let count = 0;
  for (let i = 0; count < k; i++) {
    const value = held[i]!;
    if (!(value > bound || (value === bound && ties-- > 0))) continue;
    held[count] = value;
    positions[count++] = positions[i]!;
  }
  return bound;
}

/** Hoare's selection with the middle of three as pivot; reorders `values`. */
function kthLargest(values: Float32Array, k: number): number {
  let low = 0;
  let high = values.length - 1;
  const target = k - 1;
  while (low < high) {
    const pivot = middleOfThree(values[low]!, values[(low + high) >> 1]!, values[high]!);
    let left = low;
    let right = high;
    while (left <= right) {
      while (values[left]! > pivot) left++;
      while (values[right]! < pivot) right--;
      if (left <= right) {
        const value = values[left]!;
        values[left] = values[right]!;
        values[right] = value;
        left++;
        right--;
      }
    }
    if (target <= right) high = right;
    else if (target >= left) low = left;
    else return values[target]!;
  }
  return values[target]!;
}

function middleOfThree(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
