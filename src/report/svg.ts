/** The pieces that charts are drawn with. */
import {escapeXml} from './xml.js';

/** Okabe and Ito's colours, distinct in every kind of colour vision. */
export const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#8c6d00', '#56b4e9', '#333333'] as const;
export const INK = '#222';
export const MUTED = '#666';
export const GRID = '#e6e6e6';
export const FONT_SIZE = 12;

/** Mean width of a letter, in font sizes: text cannot be measured here. */
const LETTER = 0.56;

/** A complete SVG document on white; sides in pixels. */
export function svgDocument(width: number, height: number, parts: readonly string[]): string {
  const [w, h] = [Math.ceil(width), Math.ceil(height)];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" ` +
    `font-family="Inter, Helvetica, Arial, DejaVu Sans, sans-serif" font-size="${FONT_SIZE}">\n` +
    `<rect width="${w}" height="${h}" fill="#fff"/>\n${parts.join('\n')}\n</svg>\n`
  );
}

export type TextOptions = {
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly size?: number;
  readonly weight?: number;
  readonly colour?: string;
  /** Reads upwards. */
  readonly turned?: boolean;
};

/** Text whose baseline begins, ends or has its middle at x, y. */
export function textAt(x: number, y: number, content: string, options: TextOptions = {}): string {
  const {anchor = 'start', size = FONT_SIZE, weight = 400, colour = INK, turned = false} = options;
  const [left, top] = [round(x), round(y)];
  const turn = turned ? ` transform="rotate(-90 ${left} ${top})"` : '';
  return (
    `<text x="${left}" y="${top}" fill="${colour}" font-size="${size}" font-weight="${weight}" ` +
    `text-anchor="${anchor}"${turn}>${escapeXml(content)}</text>`
  );
}

/** Width that the longest of the texts needs. */
export function textWidth(texts: readonly string[], size = FONT_SIZE): number {
  return Math.ceil(texts.reduce((longest, {length}) => Math.max(longest, length), 0) * size * LETTER);
}

/** The text, cut with an ellipsis where it is wider than `width`. */
export function fitText(text: string, width: number, size = FONT_SIZE): string {
  const letters = Math.max(1, Math.floor(width / (size * LETTER)));
  return text.length <= letters ? text : `${text.slice(0, letters - 1)}…`;
}

/** A colour between two, both #rrggbb: `from` at 0, `to` at 1. */
export function mixColours(from: string, to: string, share: number): string {
  const channel = (colour: string, at: number) => Number.parseInt(colour.slice(at, at + 2), 16);
  return `#${[1, 3, 5]
    .map(at => Math.round(channel(from, at) + share * (channel(to, at) - channel(from, at))))
    .map(value => value.toString(16).padStart(2, '0'))
    .join('')}`;
}

/** To a tenth of a pixel. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
