/** Stable order by falling score: equal scores keep their order, which decides matches in every AP protocol. */

/** Runs of this length are sorted by insertion before they are merged. */
const RUN = 16;

/** From this length on records are first put into buckets by the leading bits of their scores: 4 times as fast at 500,000. */
const MANY = 2048;

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
  if (to - from < MANY) mergeSort(records, scores, scratch, from, to);
  else bucketSort(records, scores, scratch, from, to);
}

function mergeSort(
  records: Int32Array,
  scores: Float64Array,
  scratch: Int32Array,
  from: number,
  to: number,
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

/** Which half of a double has its sign. */
const LEADING_WORD = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0;
const SIGN = 0x80000000;

/** Sign, exponent and 20 bits of every score as a number that falls as the score rises; that of -0 is that of 0. */
function leadingKeys(records: Int32Array, scores: Float64Array, from: number, to: number): Uint32Array {
  const words = new Uint32Array(scores.buffer, scores.byteOffset, 2 * scores.length);
  const keys = new Uint32Array(to - from);
  for (let i = 0; i < keys.length; i++) {
    const word = words[2 * records[from + i]! + LEADING_WORD]!;
    keys[i] = word <= SIGN ? SIGN - 1 - (word & (SIGN - 1)) : word;
  }
  return keys;
}

const DIGIT_BITS = 11;

/** Stable counting sorts by digits of the leading keys, last digit first; records with equal keys are then merged. */
function bucketSort(
  records: Int32Array,
  scores: Float64Array,
  scratch: Int32Array,
  from: number,
  to: number,
): void {
  let keys: Uint32Array = leadingKeys(records, scores, from, to);
  let sortedKeys: Uint32Array = new Uint32Array(keys.length);
  const sorted = records.subarray(from, to);
  let source = sorted;
  let target = scratch.subarray(from, to);
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    const next = digitStarts(keys, shift);
    for (let i = 0; i < keys.length; i++) {
      const place = next[(keys[i]! >>> shift) & (next.length - 1)]!++;
      sortedKeys[place] = keys[i]!;
      target[place] = source[i]!;
    }
    [keys, sortedKeys] = [sortedKeys, keys];
    [source, target] = [target, source];
  }
  if (source !== sorted) sorted.set(source);
  for (let start = 0; start < keys.length; ) {
    let end = start + 1;
    while (end < keys.length && keys[end] === keys[start]) end++;
    if (end - start > 1) mergeSort(records, scores, scratch, from + start, from + end);
    start = end;
  }
}

/** Where each value of the digit begins. */
function digitStarts(keys: Uint32Array, shift: number): Uint32Array {
  const starts = new Uint32Array(2 ** DIGIT_BITS);
  for (let i = 0; i < keys.length; i++) starts[(keys[i]! >>> shift) & (starts.length - 1)]!++;
  for (let digit = 0, sum = 0; digit < starts.length; digit++) {
    const count = starts[digit]!;
    starts[digit] = sum;
    sum += count;
  }
  return starts;
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
