/**
 * RoIAlign as a sparse matrix: which pixels a bin reads, and how much of each (He et al., "Mask R-CNN", Sec. 3;
 * torchvision's roi_align down to the rounding of sample positions).
 *
 * A bin is the mean of samples x samples points spread evenly over it. A point is interpolated between the four pixels
 * around it, whose centres are the whole numbers; up to one pixel outside of the map it takes the border's value, farther
 * out it is 0. Points form a grid, so weights are a product over the two axes: along each axis the points of a bin are
 * gathered into weights of pixels, and a bin reads the product of its rows and its columns.
 */
const fround = Math.fround;

export type RoiGrid = {
  readonly outputHeight: number;
  readonly outputWidth: number;
  /** Points a bin and axis; 0: as many as a bin has pixels, rounded up. */
  readonly samplingRatio: number;
  /** Pixel centres at half-integer image positions; otherwise (legacy) at whole ones, and sides of at least a pixel. */
  readonly aligned: boolean;
};

/** A feature map: its size, and its pixels per pixel of the image. */
export type RoiMap = {readonly height: number; readonly width: number; readonly scale: number};

/** Row i of the matrix, a bin, holds the elements starts[i] .. starts[i + 1] - 1. */
export type RoiSamples = {
  readonly starts: Int32Array; // [R h w + 1]
  /** Pixel of the level's maps, counted over the images: (image H + y) W + x; -1: the bin is NaN. */
  readonly pixels: Int32Array;
  readonly weights: Float32Array;
};

/** Pixels and weights along one axis of a box; bin i has the entries starts[i] .. starts[i + 1] - 1. */
export type AxisWeights = {
  readonly starts: number[];
  readonly pixels: number[];
  readonly weights: number[];
  /** Points a bin; NaN for a box that is not finite. */
  readonly samples: number;
};

/**
 * All bins of all boxes; every box reads the map of its level. A box with a coordinate that is not finite has NaN bins.
 *
 * @param rois [R, 4], XYXY in pixels of the image
 * @param imageIndex [R], 0 .. images - 1
 * @param level [R], index into `maps`
 * @throws Error for an image or a level that is not there
 */
export function roiSamples(
  rois: Float32Array,
  imageIndex: Int32Array,
  level: Int32Array,
  images: number,
  maps: readonly RoiMap[],
  grid: RoiGrid,
): RoiSamples {
  const {outputHeight, outputWidth} = grid;
  const starts = new Int32Array(imageIndex.length * outputHeight * outputWidth + 1);
  const pixels: number[] = [];
  const weights: number[] = [];
  let bin = 0;
  for (const [r, image] of imageIndex.entries()) {
    const map = maps[level[r]!];
    if (map === undefined) throw new Error(`roiAlign: box ${r} is on level ${level[r]} of ${maps.length}`);
    if (!(image >= 0 && image < images))
      throw new Error(`roiAlign: box ${r} is in image ${image} of ${images}`);
    const [x1, y1, x2, y2] = [rois[4 * r]!, rois[4 * r + 1]!, rois[4 * r + 2]!, rois[4 * r + 3]!];
    const rows = axisWeights(y1, y2, map.scale, map.height, outputHeight, grid);
    const columns = axisWeights(x1, x2, map.scale, map.width, outputWidth, grid);
    const points = Math.max(rows.samples * columns.samples, 1); // NaN where either is
    for (let i = 0; i < outputHeight; i++) {
      for (let j = 0; j < outputWidth; j++) {
        if (Number.isNaN(points)) {
          pixels.push(-1);
          weights.push(0);
        }
        for (let p = rows.starts[i]!; p < rows.starts[i + 1]!; p++) {
          const row = (image * map.height + rows.pixels[p]!) * map.width;
          const rowWeight = rows.weights[p]! / points;
          for (let q = columns.starts[j]!; q < columns.starts[j + 1]!; q++) {
            pixels.push(row + columns.pixels[q]!);
            weights.push(rowWeight * columns.weights[q]!);
          }
        }
        starts[++bin] = pixels.length;
      }
    }
  }
  return {starts, pixels: Int32Array.from(pixels), weights: Float32Array.from(weights)};
}

/**
 * The bins of one axis of a box, from `near` to `far` in pixels of the image, on a map of `extent` pixels; only
 * samplingRatio and aligned of the grid count. A bin's weights add up to its points on the map.
 */
export function axisWeights(
  near: number,
  far: number,
  scale: number,
  extent: number,
  bins: number,
  {samplingRatio, aligned}: Pick<RoiGrid, 'samplingRatio' | 'aligned'>,
): AxisWeights {
  const offset = aligned ? 0.5 : 0;
  const start = fround(fround(near * fround(scale)) - offset);
  const length = fround(fround(fround(far * fround(scale)) - offset) - start);
  const bin = fround((aligned ? length : Math.max(length, 1)) / bins);
  const starts = new Array<number>(bins + 1).fill(0);
  const pixels: number[] = [];
  const weights: number[] = [];
  if (!Number.isFinite(start) || !Number.isFinite(bin)) return {starts, pixels, weights, samples: Number.NaN};
  const samples = samplingRatio > 0 ? samplingRatio : Math.max(Math.ceil(bin), 0);
  for (let i = 0; i < bins; i++) {
    const first = pixels.length;
    const origin = fround(start + fround(i * bin));
    const [from, to] = samplesOnMap(origin, bin, samples, extent);
    for (let sample = from; sample < to; sample++) {
      const position = fround(origin + fround(fround((sample + 0.5) * bin) / samples));
      if (!(position >= -1 && position <= extent)) continue;
      const inside = Math.min(Math.max(position, 0), extent - 1);
      const low = Math.floor(inside);
      const high = fround(inside - low);
      addWeight(pixels, weights, first, low, fround(1 - high));
      addWeight(pixels, weights, first, low + 1, high);
    }
    starts[i + 1] = pixels.length;
  }
  return {starts, pixels, weights, samples};
}

/** Samples from .. to - 1 of a bin include all that may lie on the map, however long a wild box is. */
function samplesOnMap(
  origin: number,
  bin: number,
  samples: number,
  extent: number,
): [from: number, to: number] {
  const step = bin / samples;
  if (!(Math.abs(step) > 1e-6)) return [0, samples];
  const [a, b] = [(-1 - origin) / step, (extent - origin) / step];
  return [Math.max(Math.floor(Math.min(a, b)) - 2, 0), Math.min(Math.ceil(Math.max(a, b)) + 2, samples)];
}

/** Points follow each other along the axis, so a pixel that was met before is among the last of the list. */
function addWeight(pixels: number[], weights: number[], first: number, pixel: number, weight: number): void {
  if (weight === 0) return;
  for (let at = pixels.length - 1; at >= Math.max(first, pixels.length - 3); at--) {
    if (pixels[at] !== pixel) continue;
    weights[at] = fround(weights[at]! + weight);
    return;
  }
  pixels.push(pixel);
  weights.push(weight);
}
