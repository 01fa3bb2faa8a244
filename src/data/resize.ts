/** Sizes of images on their way into a batch: the resizing rule of maskrcnn-benchmark, and padding to a divisor. */

export type Size = {readonly width: number; readonly height: number};

/** In pixels: what the short side becomes, and the bound on the long side. */
export type ResizeRule = {readonly shortSide: number; readonly maxLongSide: number};

/**
 * The size, in whole pixels, that an image has after resizing: the short side becomes `shortSide`, unless the long
 * side then exceeded `maxLongSide`; in that case the short side becomes round(maxLongSide * short / long), halves
 * to the even number as Python rounds. The other side follows, truncated.
 */
export function resizedSize(size: Size, resize: ResizeRule): Size {
  const {width, height} = size;
  const short = Math.min(width, height);
  const long = Math.max(width, height);
  const bounded = (long / short) * resize.shortSide > resize.maxLongSide;
  const target = bounded ? roundHalfToEven((resize.maxLongSide * short) / long) : resize.shortSide;
  // The rule would give 0 to images more than 2 * maxLongSide times as long as wide.
  if (target < 1)
    return width < height ? {width: 1, height: resize.maxLongSide} : {width: resize.maxLongSide, height: 1};
  return width < height
    ? {width: target, height: Math.trunc((target * height) / width)}
    : {width: Math.trunc((target * width) / height), height: target};
}

/** The smallest size of which either side is a multiple of `divisor` and that holds `size`. */
export function paddedSize(size: Size, divisor: number): Size {
  return {
    width: Math.ceil(size.width / divisor) * divisor,
    height: Math.ceil(size.height / divisor) * divisor,
  };
}

function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
