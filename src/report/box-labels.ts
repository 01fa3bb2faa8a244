/**
 * Where the labels of boxes go in a drawing: beside the box they name, in letters that follow its size. A label that would lie
 * on another label, or hide a box, is left out: an image of a hundred small objects shows the objects.
 */
import {textWidth} from './svg.js';

/** XYXY in pixels of the drawing. */
export type DrawnBox = readonly [x1: number, y1: number, x2: number, y2: number];

export type BoxLabel = {
  readonly text: string;
  readonly fontSize: number;
  /** The background of the text. */
  readonly box: DrawnBox;
};

/** Font sizes in pixels. */
export type FontSizes = {readonly least: number; readonly most: number};

/** Of the geometric mean of a box's sides. */
const FONT_SHARE = 0.25;

/** How much of a box a label may cover. */
const MOST_COVERED = 0.1;

/** Space around the text, in font sizes: left and right of it, and above and below the height of a line. */
const PADDING = {x: 0.2, y: 0.08};

/**
 * A label for each of `texts`, or none where the text is empty or there is no room: neither at the size that suits its box, nor at
 * the least one. The first text chooses first.
 * @param boxes what the texts name
 * @param canvas sides of the drawing, which labels do not leave
 */
export function placeLabels(
  texts: readonly string[],
  boxes: readonly DrawnBox[],
  canvas: {readonly width: number; readonly height: number},
  sizes: FontSizes,
): readonly (BoxLabel | undefined)[] {
  const taken: DrawnBox[] = [];
  const isFree = (place: DrawnBox): boolean =>
    taken.every(other => overlap(place, other) === 0) &&
    boxes.every(box => overlap(place, box) <= MOST_COVERED * area(box));
  return texts.map((text, index) => {
    if (text === '') return undefined;
    const named = boxes[index]!;
    const suitable = Math.min(sizes.most, Math.max(sizes.least, FONT_SHARE * Math.sqrt(area(named))));
    for (const fontSize of [...new Set([suitable, sizes.least])]) {
      const box = placesBeside(named, sizeOf(text, fontSize), canvas).find(isFree);
      if (box === undefined) continue;
      taken.push(box);
      return {text, fontSize, box};
    }
    return undefined;
  });
}

type Sides = {readonly width: number; readonly height: number};

function sizeOf(text: string, fontSize: number): Sides {
  return {
    width: Math.ceil(textWidth([text], fontSize) + 2 * PADDING.x * fontSize),
    height: Math.ceil((1 + 2 * PADDING.y) * fontSize),
  };
}

/** Places in the order of preference: above, below, inside at the top, and to the sides; those in the canvas. */
function placesBeside([x1, y1, x2, y2]: DrawnBox, {width, height}: Sides, canvas: Sides): DrawnBox[] {
  const inside = (x: number) => Math.max(0, Math.min(x, canvas.width - width));
  const corners: readonly (readonly [x: number, y: number])[] = [
    [inside(x1), y1 - height],
    [inside(x2 - width), y1 - height],
    [inside(x1), y2],
    [inside(x2 - width), y2],
    [inside(x1), y1],
    [x2, y1],
    [x1 - width, y1],
  ];
  return corners
    .filter(([x, y]) => x >= 0 && y >= 0 && x + width <= canvas.width && y + height <= canvas.height)
    .map(([x, y]) => [x, y, x + width, y + height]);
}

function area([x1, y1, x2, y2]: DrawnBox): number {
  return Math.max(0, x2 - x1) * Math.max(0, y2 - y1);
}

function overlap(a: DrawnBox, b: DrawnBox): number {
  return area([Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])]);
}
