/** The k largest of many values: what a level passes on to decoding and NMS. */

/**
 * Positions of the `k` largest values, ascending by position; among values equal to the smallest kept one the first
 * positions win. All positions if there are at most `k`. O(n) on average. Values must not be NaN.
 */
export function topK(values: Float32Array, k: number): Int32Array {
  if (values.length <= k) return Int32Array.from(values, (_, index) => index);
  const kept = new Int32Array(k);
  if (k <= 0) return kept;
  const bound = kthLargest(values.slice(), k);
  let above = 0;
  for (const value of values) if (value > bound) above++;
  let ties = k - above;
  let count = 0;
  for (let index = 0; index < values.length && count < k; index++) {
    const value = values[index]!;
    if (value > bound || (value === bound && ties-- > 0)) kept[count++] = index;
  }
  return kept;
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
        const held = values[left]!;
        values[left] = values[right]!;
        values[right] = held;
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
