/** Colour distortion in hue, saturation and value, as darknet's `distort_image` does. */
import type {Random} from '../random/random.js';

export type ColourRange = {
  /** The largest turn of the hue, in turns of the colour circle. */
  readonly hue: number;
  /** The largest factors, at least 1; their inverses are the smallest. */
  readonly saturation: number;
  readonly exposure: number;
};

/** What happens to every pixel of an image. */
export type ColourShift = {readonly hue: number; readonly saturation: number; readonly exposure: number};

/** A turn of the hue up to the range on either side; each factor from [1, range], or the inverse of such a one. */
export function drawColours(range: ColourRange, random: Random): ColourShift {
  const factor = (most: number): number => {
    const drawn = random.uniform(1, most);
    return random.uniform() < 0.5 ? drawn : 1 / drawn;
  };
  const hue = random.uniform(-range.hue, range.hue);
  return {hue, saturation: factor(range.saturation), exposure: factor(range.exposure)};
}

/**
 * Changes the RGB values [n, 3] in place, 0 to 255 before and after: hue turned, saturation and value multiplied, and what
 * leaves the range cut off at last. Grey has no hue and no saturation.
 */
export function shiftColours(rgb: Float32Array, {hue, saturation, exposure}: ColourShift): void {
  // In sixths of the circle, 0 to 6.
  const turn = (((6 * hue) % 6) + 6) % 6;
  for (let i = 0; i < rgb.length; i += 3) {
    const red = rgb[i]!;
    const green = rgb[i + 1]!;
    const blue = rgb[i + 2]!;
    const most = red > green ? (red > blue ? red : blue) : green > blue ? green : blue;
    const least = red < green ? (red < blue ? red : blue) : green < blue ? green : blue;
    const spread = most - least;
    const value = most * exposure;
    if (spread === 0) {
      rgb[i] = rgb[i + 1] = rgb[i + 2] = value > 255 ? 255 : value;
      continue;
    }
    let angle =
      (most === red
        ? (green - blue) / spread + (green < blue ? 6 : 0)
        : most === green
          ? 2 + (blue - red) / spread
          : 4 + (red - green) / spread) + turn;
    if (angle >= 6) angle -= 6;
    const strength = (value * saturation * spread) / most;
    const sector = Math.floor(angle);
    const part = angle - sector;
    // The strongest channel has the value, the weakest is `strength` below it; the third lies between them.
    const middle = cut(sector % 2 === 0 ? value - strength * (1 - part) : value - strength * part);
    const low = cut(value - strength);
    const high = cut(value);
    rgb[i] = sector === 0 || sector === 5 ? high : sector === 1 || sector === 4 ? middle : low;
    rgb[i + 1] = sector === 1 || sector === 2 ? high : sector === 0 || sector === 3 ? middle : low;
    rgb[i + 2] = sector === 3 || sector === 4 ? high : sector === 2 || sector === 5 ? middle : low;
  }
}

const cut = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value);
