/**
 * Objects drawn on their image: boxes with labels, and masks where there are any. Lines and letters scale with the image, so
 * that a drawing looks the same at 500 and at 4000 pixels.
 */
import sharp from 'sharp';
import type {Pixels} from '../data/image.js';
import {type Contour, maskContours} from '../masks/contours.js';
import type {Mask} from '../masks/mask.js';
import {type BoxLabel, type DrawnBox, placeLabels} from './box-labels.js';
import {classColour, objectColours} from './object-colours.js';
import {escapeXml} from './xml.js';

export const DRAWN_PARTS = ['boxes', 'masks', 'labels'] as const;
export type DrawnPart = (typeof DRAWN_PARTS)[number];

/** An object in pixels of its image. */
export type DrawnObject = {
  readonly box: DrawnBox;
  /** 1..C */
  readonly classNumber: number;
  /** Empty: none. */
  readonly label: string;
  readonly mask?: Mask | undefined;
  /** Lines are broken: something is particular about the object. */
  readonly dashed?: boolean;
};

export type DrawingOptions = {
  readonly classNames: readonly string[]; // [C]
  /** Default: all that the objects have. */
  readonly parts?: ReadonlySet<DrawnPart>;
};

/** Small images are enlarged by a whole number to about this short side, so that lines and letters have pixels to be drawn with. */
const GOOD_SIDE = 480;
const MOST_ENLARGED = 4;

/** Shares of the short side. */
const LINE = 1 / 300;
const LARGEST_FONT = 1 / 40;
/** Letters smaller than this, in pixels, cannot be read. */
const LEAST_FONT = 9;
/** Of the geometric mean of a box's sides: lines around small objects are thin. */
const LINE_OF_BOX = 1 / 20;

const MASK_OPACITY = 0.4;

/** Pixels of the drawing for one of the image. */
export function enlargementOf({width, height}: {readonly width: number; readonly height: number}): number {
  return Math.min(MOST_ENLARGED, Math.max(1, Math.round(GOOD_SIDE / Math.min(width, height))));
}

/**
 * A PNG of an image with objects on it, the first on top and the first to choose the place of its label. Where there is one
 * class only every object has a colour of its own.
 */
export async function drawObjects(
  {data, width, height}: Pixels,
  objects: readonly DrawnObject[],
  options: DrawingOptions,
): Promise<Buffer> {
  const scale = enlargementOf({width, height});
  const canvas = {width: scale * width, height: scale * height};
  const overlay = Buffer.from(overlaySvg(canvas, scale, objects, options));
  return sharp(data, {raw: {width, height, channels: 3}})
    .resize({...canvas, fit: 'fill'})
    .composite([{input: overlay, left: 0, top: 0}])
    .removeAlpha()
    .png()
    .toBuffer();
}

/** An object in pixels of the drawing. */
type Drawn = {
  readonly box: DrawnBox;
  readonly colour: string;
  readonly line: number;
  readonly dashed: boolean;
  readonly contours: readonly Contour[];
};

function overlaySvg(
  canvas: {readonly width: number; readonly height: number},
  scale: number,
  objects: readonly DrawnObject[],
  {classNames, parts = new Set(DRAWN_PARTS)}: DrawingOptions,
): string {
  const short = Math.min(canvas.width, canvas.height);
  const thickest = Math.max(1, LINE * short);
  const boxes = objects.map(({box: [x1, y1, x2, y2]}): DrawnBox => {
    return [scale * x1, scale * y1, scale * x2, scale * y2];
  });
  const ofObjects =
    classNames.length === 1
      ? objectColours(boxes.map(([x1, y1, x2, y2]) => [(x1 + x2) / 2, (y1 + y2) / 2]))
      : [];
  const drawn = objects.map(({classNumber, mask, dashed = false}, i): Drawn => {
    const box = boxes[i]!;
    const side = Math.sqrt((box[2] - box[0]) * (box[3] - box[1]));
    return {
      box,
      dashed,
      colour: ofObjects[i] ?? classColour(classNumber),
      line: Math.min(thickest, Math.max(1, LINE_OF_BOX * side)),
      contours: parts.has('masks') && mask !== undefined ? maskContours(mask) : [],
    };
  });
  const most = Math.max(LEAST_FONT, LARGEST_FONT * short);
  const labels = parts.has('labels')
    ? placeLabels(
        objects.map(({label}) => label),
        boxes,
        canvas,
        {least: Math.max(LEAST_FONT, 0.6 * most), most},
      )
    : [];
  const lastFirst = drawn.toReversed();
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${canvas.width}" height="${canvas.height}" `,
    'font-family="DejaVu Sans, Helvetica, Arial, sans-serif">',
    ...lastFirst.map(object => maskPath(object, scale)),
    ...(parts.has('boxes') ? lastFirst.map(boxFrame) : []),
    ...labels.map((label, i) => (label === undefined ? '' : labelText(label, drawn[i]!.colour))),
    '</svg>',
  ].join('');
}

/** Dashes of broken lines, and the gaps between them, in widths of the line. */
const DASH = 4;
const GAP = 3;

function dashes({dashed}: Drawn, width: number): string {
  return dashed ? ` stroke-dasharray="${(DASH * width).toFixed(1)} ${(GAP * width).toFixed(1)}"` : '';
}

function maskPath(object: Drawn, scale: number): string {
  const {contours, colour, line} = object;
  if (contours.length === 0) return '';
  const path = contours.map(contour => `M${contour.map(value => scale * value).join(' ')}Z`).join('');
  return (
    `<path d="${path}" fill="${colour}" fill-opacity="${MASK_OPACITY}" ` +
    `stroke="${colour}" stroke-width="${line.toFixed(1)}" stroke-linejoin="round"${dashes(object, line)}/>`
  );
}

/** Of an object with a mask the box is the lesser information. */
function boxFrame(object: Drawn): string {
  const {box, colour, line, contours} = object;
  const [x1, y1, x2, y2] = box;
  const width = contours.length === 0 ? line : Math.max(1, line / 2);
  return (
    `<rect x="${x1}" y="${y1}" width="${x2 - x1}" height="${y2 - y1}" fill="none" stroke="${colour}" ` +
    `stroke-width="${width.toFixed(1)}"${contours.length === 0 ? '' : ' stroke-opacity="0.6"'}${dashes(object, width)}/>`
  );
}

function labelText({text, fontSize, box: [x1, y1, x2, y2]}: BoxLabel, colour: string): string {
  return (
    `<rect x="${x1}" y="${y1}" width="${x2 - x1}" height="${y2 - y1}" fill="${colour}" fill-opacity="0.9"/>` +
    `<text x="${(x1 + x2) / 2}" y="${y1 + 0.92 * fontSize}" font-size="${fontSize.toFixed(1)}" text-anchor="middle" ` +
    `fill="#111">${escapeXml(text)}</text>`
  );
}
