/** Stable order by falling score: equal scores keep their order, which decides matches in every AP protocol. */

/** Runs of this length are sorted by insertion before they are merged. */
const RUN = 16;

/**
 * Sorts records[from, to) by falling scores[record], stably and in place.
 * `scratch` is at least as long as `records`. Scores are not NaN.
 */
export function sortByFallingScore(
  records: Int32Array,
  scores: Float64Array,
  scratch: Int32Array,
  from = 0,
  to = records.length,
): void {
  for (let start = from; start < to; start += RUN) {
    insertionSort(records, scores, start, Math.min(start + RUN, to));
  }
  let source = records;
  let target = scratch;
  for (let width = RUN; width < to - from; width *= 2) {
    for (let start = from; start < to; start += 2 * width) {
      merge(source, target, scores, start, Math.min(start + width, to), Math.min(start + 2 * width, to));
    }
    [source, target] = [target, source];
  }
  if (source !== records) records.set(source.subarray(from, to), from);
}

function insertionSort(records: Int32Array, scores: Float64Array, from: number, to: number): void {
  for (let i = from + 1; i < to; i++) {
    const record = records[i]!;
    const score = scores[record]!;
    let j = i;
    while (j > from && scores[records[j - 1]!]! < score) {
      records[j] = records[j - 1]!;
      j--;
    }
    records[j] = record;
  }
}

/** Merges source[from, middle) and source[middle, to), both sorted, into target[from, to). */
function merge(
  source: Int32Array,
  target: Int32Array,
  scores: Float64Array,
  from: number,
  middle: number,
  to: number,
): void {
  let left = from;
  let right = middle;
  for (let i = from; i < to; i++) {
    const takeLeft = left < middle && (right >= to || scores[source[left]!]! >= scores[source[right]!]!);
    target[i] = takeLeft ? source[left++]! : source[right++]!;
  }
}
