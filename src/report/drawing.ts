/** Detections drawn on their image: boxes with class name and score, and masks where there are any. */
import sharp, {type OverlayOptions} from 'sharp';
import type {Detections} from '../detectors/detector.js';
import {decodeMask} from '../masks/mask.js';
import {escapeXml} from './xml.js';

export type DrawingOptions = {
  readonly classNames: readonly string[]; // [C]
  /** Detections below this score are not drawn. */
  readonly minScore: number;
};

/** Distinct hues, dark enough for white text; class c takes the colour c modulo their number. */
const COLOURS = [
  '#d62728',
  '#1f77b4',
  '#2ca02c',
  '#9467bd',
  '#c2570c',
  '#17808c',
  '#b5338a',
  '#5c6d1e',
  '#7a4b3a',
];

/**
 * A PNG of the image at `path`, upright and without alpha, as the network sees it, with the detections on it,
 * strongest on top.
 * @param detections boxes in pixels of the image file
 */
export async function drawDetections(
  path: string,
  detections: Detections,
  options: DrawingOptions,
): Promise<Buffer> {
  const {data, info} = await sharp(path).autoOrient().removeAlpha().png().toBuffer({resolveWithObject: true});
  const overlay = Buffer.from(overlaySvg({width: info.width, height: info.height}, detections, options));
  return sharp(data)
    .composite([...maskLayers(info, detections, options), {input: overlay, left: 0, top: 0}])
    .png()
    .toBuffer();
}

/** How much of a pixel is the mask's colour. */
const MASK_OPACITY = 0.45;

/** Masks of the detections that are drawn, as one transparent picture; of overlapping ones the strongest is seen. */
function maskLayers(
  {width, height}: {readonly width: number; readonly height: number},
  {masks, scores, classes}: Detections,
  {minScore}: DrawingOptions,
): OverlayOptions[] {
  if (masks === undefined) return [];
  const pixels = new Uint8Array(4 * width * height);
  for (let i = scores.length - 1; i >= 0; i--) {
    if (scores[i]! < minScore) continue;
    const colour = Buffer.from(COLOURS[(classes[i]! - 1) % COLOURS.length]!.slice(1), 'hex');
    const rgba = [...colour, Math.round(255 * MASK_OPACITY)];
    decodeMask(masks[i]!).forEach((inside, pixel) => {
      if (inside === 1) pixels.set(rgba, 4 * pixel);
    });
  }
  return [{input: Buffer.from(pixels.buffer), raw: {width, height, channels: 4}, left: 0, top: 0}];
}

/** Lines and letters scale with the image, so that a drawing looks the same at 160 and at 4000 pixels. */
function overlaySvg(
  {width, height}: {readonly width: number; readonly height: number},
  {boxes, scores, classes}: Detections,
  {classNames, minScore}: DrawingOptions,
): string {
  const stroke = Math.max(1, Math.round(Math.min(width, height) / 240));
  const fontSize = Math.max(9, Math.round(Math.min(width, height) / 36));
  const parts: string[] = [];
  for (let i = scores.length - 1; i >= 0; i--) {
    const score = scores[i]!;
    if (score < minScore) continue;
    const [x1, y1, x2, y2] = [boxes[4 * i]!, boxes[4 * i + 1]!, boxes[4 * i + 2]!, boxes[4 * i + 3]!];
    const label = `${classNames[classes[i]! - 1] ?? `class ${classes[i]}`} ${score.toFixed(2)}`;
    const colour = COLOURS[(classes[i]! - 1) % COLOURS.length]!;
    const labelWidth = Math.ceil(label.length * fontSize * 0.58) + 4;
    const labelHeight = fontSize + 4;
    const labelX = Math.max(0, Math.min(x1, width - labelWidth));
    const labelY = y1 >= labelHeight ? y1 - labelHeight : Math.min(y1, height - labelHeight);
    parts.push(
      `<rect x="${x1}" y="${y1}" width="${x2 - x1}" height="${y2 - y1}" fill="none" stroke="${colour}" stroke-width="${stroke}"/>`,
      `<rect x="${labelX}" y="${labelY}" width="${labelWidth}" height="${labelHeight}" fill="${colour}" fill-opacity="0.85"/>`,
      `<text x="${labelX + 2}" y="${labelY + fontSize}" font-size="${fontSize}" fill="#fff">${escapeXml(label)}</text>`,
    );
  }
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `font-family="DejaVu Sans, Helvetica, Arial, sans-serif">${parts.join('')}</svg>`
  );
}
