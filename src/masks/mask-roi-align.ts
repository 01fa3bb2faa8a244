/**
 * RoIAlign of a mask (He et al., "Mask R-CNN", Sec. 3): how much of every bin of a box the object covers. The weights
 * are those of the feature maps' RoIAlign, as many points a bin as it has pixels. A point's weights are a product over
 * the axes, so what a column of the mask gives to the bins' rows is summed first, run by run from running sums: the
 * time grows with the columns of the box and not with its pixels.
 */
import {axisWeights} from '../engine/host/roi-samples.js';
import type {Mask} from './mask.js';

/** Bins along one axis: bin i reads `counts[i]` pixels from firsts[i] on. */
type Bins = {
  readonly firsts: Int32Array;
  readonly counts: Int32Array;
  /** Element starts[i] + k is the sum of bin i's weights of its first k pixels. */
  readonly starts: Int32Array;
  readonly sums: Float64Array;
  /** Points a bin; NaN for a box that is not finite. */
  readonly samples: number;
};

/** Memory that one box after the other works in. */
let covered = new Float64Array(4096); // [columns of the box, size]

/**
 * Writes the size x size bins of `box`, 0..1 row by row, to target[at] and on; NaN for a box that is not finite.
 * @param box XYXY in the mask's pixels
 * @param aligned as RoiAlignOptions has it: false as torchvision's targets, true as detectron2's
 */
export function maskRoiAlign(
  mask: Mask,
  box: ArrayLike<number>,
  size: number,
  aligned: boolean,
  target: Float32Array,
  at: number,
): void {
  const rows = binsOf(box[1]!, box[3]!, mask.height, size, aligned);
  const columns = binsOf(box[0]!, box[2]!, mask.width, size, aligned);
  const points = Math.max(rows.samples * columns.samples, 1);
  if (Number.isNaN(points)) {
    target.fill(Number.NaN, at, at + size * size);
    return;
  }
  let left = Number.POSITIVE_INFINITY;
  let right = 0;
  for (let j = 0; j < size; j++) {
    if (columns.counts[j] === 0) continue;
    left = Math.min(left, columns.firsts[j]!);
    right = Math.max(right, columns.firsts[j]! + columns.counts[j]!);
  }
  if (left < right) coverColumns(mask, left, right, rows);
  for (let j = 0; j < size; j++) {
    const start = columns.starts[j]!;
    const first = columns.firsts[j]! - left;
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (let k = 0; k < columns.counts[j]!; k++) {
        const weight = columns.sums[start + k + 1]! - columns.sums[start + k]!;
        sum += weight * covered[(first + k) * size + i]!;
      }
      target[at + i * size + j] = sum / points;
    }
  }
}

/** What the foreground of columns left .. right - 1 gives to each row of bins, in `covered`. */
function coverColumns({height, runs}: Mask, left: number, right: number, rows: Bins): void {
  const size = rows.firsts.length;
  const length = (right - left) * size;
  if (covered.length < length) covered = new Float64Array(2 * length);
  covered.fill(0, 0, length);
  let end = 0;
  for (let i = 0; i + 1 < runs.length; i += 2) {
    const start = end + runs[i]!;
    end = start + runs[i + 1]!;
    if (start >= right * height) break;
    const stop = Math.min(end, right * height);
    for (let from = Math.max(start, left * height); from < stop; ) {
      const column = Math.floor(from / height);
      const top = from - column * height;
      const bottom = Math.min(top + stop - from, height);
      coverRows(rows, top, bottom, (column - left) * size);
      from += bottom - top;
    }
  }
}

/** Adds the weights of rows top .. bottom - 1 to the bins at covered[at] and on. */
function coverRows({firsts, counts, starts, sums}: Bins, top: number, bottom: number, at: number): void {
  for (let i = 0; i < firsts.length; i++) {
    const from = Math.max(top - firsts[i]!, 0);
    const to = Math.min(bottom - firsts[i]!, counts[i]!);
    if (from < to) covered[at + i]! += sums[starts[i]! + to]! - sums[starts[i]! + from]!;
  }
}

function binsOf(near: number, far: number, extent: number, size: number, aligned: boolean): Bins {
  const axis = axisWeights(near, far, 1, extent, size, {samplingRatio: 0, aligned});
  const firsts = new Int32Array(size);
  const counts = new Int32Array(size);
  const starts = new Int32Array(size + 1);
  for (let i = 0; i < size; i++) {
    let first = Number.POSITIVE_INFINITY;
    let last = -1;
    for (let entry = axis.starts[i]!; entry < axis.starts[i + 1]!; entry++) {
      first = Math.min(first, axis.pixels[entry]!);
      last = Math.max(last, axis.pixels[entry]!);
    }
    if (last >= 0) {
      firsts[i] = first;
      counts[i] = last - first + 1;
    }
    starts[i + 1] = starts[i]! + counts[i]! + 1;
  }
  const sums = new Float64Array(starts[size]!);
  for (let i = 0; i < size; i++) {
    const shift = starts[i]! - firsts[i]! + 1;
    for (let entry = axis.starts[i]!; entry < axis.starts[i + 1]!; entry++) {
      sums[shift + axis.pixels[entry]!]! += axis.weights[entry]!;
    }
    for (let at = starts[i]! + 1; at < starts[i + 1]!; at++) sums[at]! += sums[at - 1]!;
  }
  return {firsts, counts, starts, sums, samples: axis.samples};
}
