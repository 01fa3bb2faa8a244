/**
 * Detections drawn on their image: boxes with class name and score, and masks where there are any. Lines and letters scale
 * with the image, so that a drawing looks the same at 500 and at 4000 pixels.
 */
import sharp from 'sharp';
import {decodeFile} from '../data/image.js';
import type {Detections} from '../detectors/detector.js';
import {type Contour, maskContours} from '../masks/contours.js';
import {type BoxLabel, type DrawnBox, placeLabels} from './box-labels.js';
import {classColour, objectColours} from './object-colours.js';
import {escapeXml} from './xml.js';

export const DRAWN_PARTS = ['boxes', 'masks', 'labels'] as const;
export type DrawnPart = (typeof DRAWN_PARTS)[number];

export type DrawingOptions = {
  readonly classNames: readonly string[]; // [C]
  /** Detections below this score are not drawn. */
  readonly minScore: number;
  /** Default: all that the detections have. */
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
 * A PNG of the image at `path`, as the network sees it: upright, in RGB, without alpha; with the detections on it, strongest
 * on top. Where all objects are of one class every object has a colour of its own and its label is its score.
 * @param detections boxes in pixels of the image file
 * @throws RunError when the file cannot be decoded.
 */
export async function drawDetections(
  path: string,
  detections: Detections,
  options: DrawingOptions,
): Promise<Buffer> {
  const {data, width, height} = await decodeFile(path);
  const scale = enlargementOf({width, height});
  const canvas = {width: scale * width, height: scale * height};
  const overlay = Buffer.from(overlaySvg(canvas, scale, detections, options));
  return sharp(data, {raw: {width, height, channels: 3}})
    .resize({...canvas, fit: 'fill'})
    .composite([{input: overlay, left: 0, top: 0}])
    .png()
    .toBuffer();
}

/** A detection in pixels of the drawing. */
type Drawn = {
  readonly box: DrawnBox;
  readonly colour: string;
  readonly text: string;
  readonly line: number;
  readonly contours: readonly Contour[];
};

function overlaySvg(
  canvas: {readonly width: number; readonly height: number},
  scale: number,
  detections: Detections,
  {classNames, minScore, parts = new Set(DRAWN_PARTS)}: DrawingOptions,
): string {
  const short = Math.min(canvas.width, canvas.height);
  const thickest = Math.max(1, LINE * short);
  const oneClass = classNames.length === 1;
  /** By falling score. */
  const indices = [...detections.scores.keys()].filter(i => detections.scores[i]! >= minScore);
  const boxes = indices.map(i => boxOf(detections.boxes, i, scale));
  const ofObjects = oneClass
    ? objectColours(boxes.map(([x1, y1, x2, y2]) => [(x1 + x2) / 2, (y1 + y2) / 2]))
    : [];
  const drawn = indices.map((i, rank): Drawn => {
    const cls = detections.classes[i]!;
    const box = boxes[rank]!;
    const side = Math.sqrt((box[2] - box[0]) * (box[3] - box[1]));
    const score = detections.scores[i]!.toFixed(2);
    return {
      box,
      colour: ofObjects[rank] ?? classColour(cls),
      text: oneClass ? score : `${classNames[cls - 1] ?? `class ${cls}`} ${score}`,
      line: Math.min(thickest, Math.max(1, LINE_OF_BOX * side)),
      contours: parts.has('masks') ? maskContours(detections.masks?.[i] ?? NO_MASK) : [],
    };
  });
  const most = Math.max(LEAST_FONT, LARGEST_FONT * short);
  const labels = parts.has('labels')
    ? placeLabels(
        drawn.map(({text}) => text),
        boxes,
        canvas,
        {least: Math.max(LEAST_FONT, 0.6 * most), most},
      )
    : [];
  const weakestFirst = drawn.toReversed();
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${canvas.width}" height="${canvas.height}" `,
    'font-family="DejaVu Sans, Helvetica, Arial, sans-serif">',
    ...weakestFirst.map(object => maskPath(object, scale)),
    ...(parts.has('boxes') ? weakestFirst.map(boxFrame) : []),
    ...labels.map((label, i) => (label === undefined ? '' : labelText(label, drawn[i]!.colour))),
    '</svg>',
  ].join('');
}

const NO_MASK = {height: 0, width: 0, runs: new Uint32Array(0)};

function boxOf(boxes: Float32Array, i: number, scale: number): DrawnBox {
  const [x1, y1, x2, y2] = [boxes[4 * i]!, boxes[4 * i + 1]!, boxes[4 * i + 2]!, boxes[4 * i + 3]!];
  return [scale * x1, scale * y1, scale * x2, scale * y2];
}

function maskPath({contours, colour, line}: Drawn, scale: number): string {
  if (contours.length === 0) return '';
  const path = contours.map(contour => `M${contour.map(value => scale * value).join(' ')}Z`).join('');
  return (
    `<path d="${path}" fill="${colour}" fill-opacity="${MASK_OPACITY}" ` +
    `stroke="${colour}" stroke-width="${line.toFixed(1)}" stroke-linejoin="round"/>`
  );
}

/** Of an object with a mask the box is the lesser information. */
function boxFrame({box: [x1, y1, x2, y2], colour, line, contours}: Drawn): string {
  const width = contours.length === 0 ? line : Math.max(1, line / 2);
  return (
    `<rect x="${x1}" y="${y1}" width="${x2 - x1}" height="${y2 - y1}" fill="none" ` +
    `stroke="${colour}" stroke-width="${width.toFixed(1)}"${contours.length === 0 ? '' : ' stroke-opacity="0.6"'}/>`
  );
}

function labelText({text, fontSize, box: [x1, y1, x2, y2]}: BoxLabel, colour: string): string {
  return (
    `<rect x="${x1}" y="${y1}" width="${x2 - x1}" height="${y2 - y1}" fill="${colour}" fill-opacity="0.9"/>` +
    `<text x="${(x1 + x2) / 2}" y="${y1 + 0.92 * fontSize}" font-size="${fontSize.toFixed(1)}" text-anchor="middle" ` +
    `fill="#111">${escapeXml(text)}</text>`
  );
}
