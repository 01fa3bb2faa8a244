/**
 * Predicted masks into the image (He et al., "Mask R-CNN", Sec. 3.1, Inference): the M x M probabilities of a box are
 * resized to it, and pixels above a threshold are the object. Probabilities have a border of zeros. `padded`
 * (maskrcnn-benchmark, torchvision): the box grows with the border by (M + 2) / M, is cut to whole pixels, and the padded
 * map is resized to those; above is greater. `centred` (detectron2): the map is sampled where the centres of pixels lie in
 * the box; above is greater or equal.
 *
 * Along a column of the image the interpolated probability is linear between one row of bins and the next. Where
 * both of them are above, or neither, so is everything between; elsewhere the one change is searched for. No pixel
 * is stored, and few are computed.
 */
import type {MaskConfig} from '../config/two-stage.js';
import type {Mask} from './mask.js';
import {RunWriter} from './run-writer.js';

export type PasteConfig = Pick<MaskConfig, 'paste' | 'threshold'>;

/** An image file's size in pixels. */
export type ImageSides = {readonly height: number; readonly width: number};

/**
 * Pixels first .. first + N - 1 along one axis of the image: of pixel first + i, bin bins[i] + 1 has a share of
 * weights[i] and bin bins[i] the rest. Bins are counted with the border: 0 and M + 1 are zeros.
 */
type Axis = {
  readonly first: number;
  readonly bins: Int32Array; // [N]
  readonly weights: Float64Array; // [N], rising where bins are the same
};

/** Pixels start .. end - 1 of an axis, which lie between bins `bin` and bin + 1. */
type Segment = {readonly bin: number; readonly start: number; readonly end: number};

const BORDER = 1;

/**
 * Masks of the detections of an image, at the size of its file. A box that is not finite, or for `centred` has no area,
 * has no pixels.
 * @param probabilities [D, M, M] row by row, 0..1
 * @param boxes [D, 4] XYXY in pixels of the image
 * @throws RangeError when the lengths do not fit, MaskError when the image is larger than a mask can be.
 */
export function pasteMasks(
  probabilities: Float32Array,
  boxes: Float32Array,
  image: ImageSides,
  config: PasteConfig,
): readonly Mask[] {
  const count = boxes.length / 4;
  const size = Math.sqrt(probabilities.length / count);
  if (count > 0 && !(Number.isInteger(count) && Number.isInteger(size))) {
    throw new RangeError(
      `${probabilities.length} probabilities of ${count} boxes: they are [D, M, M] and [D, 4]`,
    );
  }
  return Array.from({length: count}, (_, d) =>
    pasteMask(
      probabilities.subarray(d * size * size, (d + 1) * size * size),
      boxes.subarray(4 * d, 4 * d + 4),
      image,
      config,
    ),
  );
}

/** The mask of one box, as `pasteMasks` gives it. @param probabilities [M, M] */
export function pasteMask(
  probabilities: Float32Array,
  box: Float32Array,
  {height, width}: ImageSides,
  {paste, threshold}: PasteConfig,
): Mask {
  const size = Math.sqrt(probabilities.length);
  const axis = paste === 'padded' ? paddedAxis : centredAxis;
  const columns = axis(box[0]!, box[2]!, size, width);
  const rows = axis(box[1]!, box[3]!, size, height);
  const segments = segmentsOf(rows);
  const map = withBorder(probabilities, size);
  const inclusive = paste === 'centred';
  const isAbove = (value: number) => value > threshold || (inclusive && value === threshold);
  const profile = new Float64Array(size + 3); // of the column of the image, by rows of bins
  const writer = new RunWriter();
  for (let x = 0; x < columns.bins.length; x++) {
    const share = columns.weights[x]!;
    const left = columns.bins[x]! * profile.length;
    const right = left + profile.length;
    for (let bin = 0; bin < profile.length; bin++) {
      profile[bin] = (1 - share) * map[left + bin]! + share * map[right + bin]!;
    }
    const column = (columns.first + x) * height;
    for (const {bin, start, end} of segments) {
      const before = profile[bin]!;
      const after = profile[bin + 1]!;
      const startsIn = isAbove(before);
      const endsIn = isAbove(after);
      if (!startsIn && !endsIn) continue;
      let [from, to] = [start, end];
      if (startsIn !== endsIn) {
        // The first row that is as the bin after.
        let [low, high] = [start, end];
        while (low < high) {
          const middle = (low + high) >> 1;
          const weight = rows.weights[middle]!;
          if (isAbove((1 - weight) * before + weight * after) === endsIn) high = middle;
          else low = middle + 1;
        }
        if (endsIn) from = low;
        else to = low;
      }
      writer.add(column + rows.first + from, column + rows.first + to);
    }
  }
  return writer.take(height, width);
}

/** The map column by column, with its border, and zeros behind it so that every bin has one after it. */
function withBorder(probabilities: Float32Array, size: number): Float32Array {
  const side = size + 3;
  const map = new Float32Array(side * side);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      map[(column + BORDER) * side + row + BORDER] = probabilities[row * size + column]!;
    }
  }
  return map;
}

function segmentsOf({bins}: Axis): readonly Segment[] {
  const segments: Segment[] = [];
  let start = 0;
  for (let end = 1; end <= bins.length; end++) {
    if (end < bins.length && bins[end] === bins[start]) continue;
    segments.push({bin: bins[start]!, start, end});
    start = end;
  }
  return segments;
}

const fround = Math.fround;

/**
 * Whole pixels of the box grown by the border, and bilinear resizing of the map to them without aligned corners. The
 * box is computed in single precision, so that it is cut where the references cut it.
 */
function paddedAxis(near: number, far: number, size: number, extent: number): Axis {
  const scale = fround((size + 2 * BORDER) / size);
  const half = fround(fround(fround(far - near) * 0.5) * scale);
  const centre = fround(fround(far + near) * 0.5);
  const first = Math.trunc(fround(centre - half));
  const last = Math.trunc(fround(centre + half));
  const ratio = (size + 2 * BORDER) / Math.max(last - first + 1, 1);
  return axisOf(Math.max(first, 0), Math.min(last + 1, extent), pixel =>
    Math.max((pixel - first + 0.5) * ratio - 0.5, 0),
  );
}

/**
 * Pixels whose centres lie less than half a bin outside of the box: farther out everything is 0. There is nothing above
 * one half beyond the box itself; for lower thresholds detectron2 cuts at the box plus a pixel on the CPU, not on a GPU.
 */
function centredAxis(near: number, far: number, size: number, extent: number): Axis {
  const ratio = size / (far - near);
  if (!(ratio > 0)) return axisOf(0, 0, () => 0);
  const fringe = 0.5 / ratio;
  const first = Math.floor(near - fringe + 0.5);
  const end = Math.ceil(far + fringe - 0.5);
  return axisOf(Math.max(first, 0), Math.min(end, extent), pixel => {
    const position = (pixel + 0.5 - near) * ratio - 0.5 + BORDER;
    return Math.min(Math.max(position, 0), size + BORDER);
  });
}

/** Pixels first .. end - 1, at these positions among the bins. Empty where a bound is not a number. */
function axisOf(first: number, end: number, positionOf: (pixel: number) => number): Axis {
  const count = end > first ? end - first : 0;
  const bins = new Int32Array(count);
  const weights = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const position = positionOf(first + i);
    bins[i] = Math.floor(position);
    weights[i] = position - bins[i]!;
  }
  return {first, bins, weights};
}
